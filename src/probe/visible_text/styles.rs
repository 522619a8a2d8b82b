//! What a page's own style sheets and attributes show and hide.
//!
//! Owns the part of the cascade that decides on `display: none` and `visibility`. Must not know
//! what is read. Sheets of other addresses are not fetched, as a client without them would not.

use std::cell::OnceCell;
use std::collections::HashMap;

use cssparser::{
    AtRuleParser, CowRcStr, DeclarationParser, ParseError, Parser, ParserState,
    QualifiedRuleParser, RuleBodyItemParser, RuleBodyParser, StyleSheetParser, ToCss, Token,
    parse_important,
};
use scraper::ElementRef;
use scraper::selector::Simple;
use selectors::matching::{
    MatchingContext, MatchingForInvalidation, MatchingMode, NeedsSelectorFlags, QuirksMode,
    SelectorCaches, matches_selector,
};
use selectors::parser::{Component, Selector, SelectorParseErrorKind};

/// The width of the window that browsers are started with, in CSS pixels.
const WINDOW_WIDTH: f32 = 1366.0;
/// The most selectors of a page that are held against its elements.
const MAX_SELECTORS: usize = 1000;
/// The most comparisons of the parts of selectors with elements, which take milliseconds each
/// hundred thousand; what is beyond is taken as shown.
const MAX_COMPARISONS: usize = 10_000_000;
/// The deepest nesting of rules that is followed.
const MAX_NESTING: u32 = 8;

/// What is declared of one of the two properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Declared {
    /// `display`: whether there is a box.
    Display(bool),
    /// `visibility`: whether what is in the box is seen.
    Visibility(bool),
    /// `visibility` as it is around the element.
    Inherited,
}

struct Declaration {
    declared: Declared,
    is_important: bool,
}

struct Rule {
    selector: Selector<Simple>,
    declared: Declared,
    /// What of several rules decides: importance, then specificity, then the later one.
    rank: (bool, u32),
    reach: Reach,
}

/// What a selector looks at.
#[derive(Clone, Copy)]
struct Reach {
    /// How many simple selectors it has.
    parts: usize,
    /// Whether it looks at what an element stands in.
    ancestors: bool,
    /// Whether it looks at all that stands before an element, or before what that stands in.
    siblings: bool,
}

/// The rules by what they ask of an element itself, so that few are held against each.
#[derive(Default)]
struct Index {
    by_id: HashMap<String, Vec<usize>>,
    by_class: HashMap<String, Vec<usize>>,
    by_name: HashMap<String, Vec<usize>>,
    others: Vec<usize>,
}

/// What the style sheets of one page say of what is shown.
#[derive(Default)]
pub(super) struct Styles {
    rules: Vec<Rule>,
    index: OnceCell<Index>,
    caches: SelectorCaches,
    compared: usize,
}

/// What is to be seen of an element, as far as its own rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Whether there is a box; `None`: as the browser's own sheet says.
    pub(super) display: Option<bool>,
    /// Whether what is in it is seen; `None`: as around it.
    pub(super) visibility: Option<bool>,
}

impl Styles {
    /// Adds a sheet; what comes later counts more.
    pub(super) fn add(&mut self, sheet: &str) {
        self.index.take();
        let mut input = Parser::new(sheet);
        let mut rules = Rules {
            found: &mut self.rules,
            nesting: 0,
        };
        StyleSheetParser::new(&mut input, &mut rules).for_each(drop);
    }

    /// What its sheets and its own `style` say of an element.
    pub(super) fn of(&mut self, element: ElementRef<'_>) -> Shown {
        let mut display = None;
        let mut visibility = None;
        let mut weigh = |declared, rank: (bool, bool, u32)| {
            let (place, value) = match declared {
                Declared::Display(shown) => (&mut display, Some(shown)),
                Declared::Visibility(seen) => (&mut visibility, Some(seen)),
                Declared::Inherited => (&mut visibility, None),
            };
            if place.is_none_or(|(_, known)| known <= rank) {
                *place = Some((value, rank));
            }
        };
        let own = element.attr("style").unwrap_or_default();
        for Declaration {
            declared,
            is_important,
        } in declarations(&mut Parser::new(own))
        {
            weigh(declared, (is_important, true, 0));
        }
        let index = self.index.get_or_init(|| Index::new(&self.rules));
        let before = OnceCell::new();
        for rule in index.candidates(element) {
            if self.compared > MAX_COMPARISONS {
                break;
            }
            let rule = &self.rules[rule];
            self.compared += rule.reach.cost(element, &before);
            if self.compared > MAX_COMPARISONS {
                break;
            }
            let mut context = MatchingContext::new(
                MatchingMode::Normal,
                None,
                &mut self.caches,
                QuirksMode::NoQuirks,
                NeedsSelectorFlags::No,
                MatchingForInvalidation::No,
            );
            if matches_selector(&rule.selector, 0, None, &element, &mut context) {
                let (is_important, specificity) = rule.rank;
                weigh(rule.declared, (is_important, false, specificity));
            }
        }
        Shown {
            display: display.and_then(|(value, _)| value),
            visibility: visibility.and_then(|(value, _)| value),
        }
    }
}

impl Reach {
    fn new(selector: &Selector<Simple>) -> Self {
        // Lists within `:is` and `:not` look around as well.
        let text = selector.to_css_string();
        let count = |marks: &[char]| text.matches(marks).count();
        Reach {
            parts: 1 + count(&['.', '#', ':', '[', ' ', ',']),
            ancestors: count(&[' ', '>']) > 0,
            siblings: count(&['~']) > 0 || text.contains(":nth"),
        }
    }

    /// How many comparisons it may take to hold it against an element. `before` keeps how many nodes
    /// stand before the element and before all that it stands in.
    fn cost(self, element: ElementRef<'_>, before: &OnceCell<usize>) -> usize {
        let mut around = 1;
        if self.ancestors {
            around += element.ancestors().count();
        }
        if self.siblings {
            around += before.get_or_init(|| {
                let own = element.prev_siblings().count();
                let others = element.ancestors().map(|node| node.prev_siblings().count());
                own + others.sum::<usize>()
            });
        }
        self.parts * around
    }
}

impl Index {
    fn new(rules: &[Rule]) -> Self {
        let mut new = Index::default();
        for (at, rule) in rules.iter().enumerate() {
            let mut place = &mut new.others;
            // What the element itself must be: everything up to the first combinator.
            for component in rule.selector.iter() {
                match component {
                    Component::ID(id) => {
                        place = new.by_id.entry(id.0.to_string()).or_default();
                        break;
                    }
                    Component::Class(class) => {
                        place = new.by_class.entry(class.0.to_string()).or_default();
                    }
                    Component::LocalName(name) => {
                        let name = name.lower_name.0.to_string();
                        place = new.by_name.entry(name).or_default();
                    }
                    _ => {}
                }
            }
            place.push(at);
        }
        new
    }

    /// The rules that may fit an element, in their order.
    fn candidates(&self, element: ElementRef<'_>) -> Vec<usize> {
        let element = element.value();
        let by_id = element.id().and_then(|id| self.by_id.get(id));
        let by_class = element
            .classes()
            .filter_map(|class| self.by_class.get(class));
        let by_name = self.by_name.get(&element.name().to_ascii_lowercase());
        let found = by_id.into_iter().chain(by_class).chain(by_name);
        let mut all: Vec<usize> = found.chain([&self.others]).flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Collects rules. What it cannot read it passes over, as browsers do.
struct Rules<'r> {
    found: &'r mut Vec<Rule>,
    nesting: u32,
}

/// Our reading of selectors: `:has` looks through everything below every element, which takes a
/// hostile page too long, so rules with it are passed over.
struct Selectors;

impl<'i> selectors::parser::Parser<'i> for Selectors {
    type Impl = Simple;
    type Error = SelectorParseErrorKind;

    fn parse_is_and_where(&self) -> bool {
        true
    }
}

impl<'i> QualifiedRuleParser<'i> for Rules<'_> {
    type Prelude = Vec<Selector<Simple>>;
    type QualifiedRule = ();
    type Error = ();

    fn parse_prelude(&mut self, input: &mut Parser<'i>) -> Result<Self::Prelude, ParseError<()>> {
        // Browsers know more pseudo-classes than we: those of a list that we know count.
        Ok(input.parse_comma_separated_ignoring_errors(|input| Selector::parse(&Selectors, input)))
    }

    fn parse_block(
        &mut self,
        selectors: Self::Prelude,
        _: &ParserState,
        input: &mut Parser<'i>,
    ) -> Result<(), ParseError<()>> {
        for Declaration {
            declared,
            is_important,
        } in declarations(input)
        {
            let room = MAX_SELECTORS.saturating_sub(self.found.len());
            let rules = selectors.iter().take(room).map(|selector| Rule {
                selector: selector.clone(),
                declared,
                rank: (is_important, selector.specificity()),
                reach: Reach::new(selector),
            });
            self.found.extend(rules);
        }
        Ok(())
    }
}

impl<'i> AtRuleParser<'i> for Rules<'_> {
    type Prelude = bool;
    type AtRule = ();
    type Error = ();

    fn parse_prelude(
        &mut self,
        name: CowRcStr<'i>,
        input: &mut Parser<'i>,
    ) -> Result<bool, ParseError<()>> {
        let from = input.position();
        while input.next().is_ok() {}
        let condition = input.slice_from(from).trim().to_ascii_lowercase();
        Ok(match &*name.to_ascii_lowercase() {
            "media" => condition.split(',').any(|query| is_screen(query.trim())),
            "supports" => !condition.starts_with("not"),
            "layer" => true,
            _ => false,
        })
    }

    fn rule_without_block(&mut self, _: bool, _: &ParserState) -> Result<(), ()> {
        Ok(())
    }

    fn parse_block(
        &mut self,
        holds: bool,
        _: &ParserState,
        input: &mut Parser<'i>,
    ) -> Result<(), ParseError<()>> {
        if holds && self.nesting < MAX_NESTING {
            let mut inner = Rules {
                found: self.found,
                nesting: self.nesting + 1,
            };
            StyleSheetParser::new(input, &mut inner).for_each(drop);
        }
        Ok(())
    }
}

/// Whether a media query fits the window that browsers are started with. Features other than the
/// width are taken not to hold.
pub(super) fn is_screen(query: &str) -> bool {
    let (negated, query) = match query.strip_prefix("not ") {
        Some(query) => (true, query.trim()),
        None => (false, query.strip_prefix("only ").unwrap_or(query).trim()),
    };
    let holds = |part: &str| {
        let part = part.trim();
        let feature = part.trim_matches(['(', ')']);
        match feature.split_once(':') {
            None => matches!(part, "" | "all" | "screen"),
            Some((name, value)) => {
                let value = value.trim();
                let width = value
                    .strip_suffix("px")
                    .map(|px| (px, 1.0))
                    .or_else(|| value.strip_suffix("rem").map(|em| (em, 16.0)))
                    .or_else(|| value.strip_suffix("em").map(|em| (em, 16.0)))
                    .and_then(|(number, unit)| Some(number.trim().parse::<f32>().ok()? * unit));
                match (name.trim(), width) {
                    ("min-width", Some(width)) => WINDOW_WIDTH >= width,
                    ("max-width", Some(width)) => WINDOW_WIDTH <= width,
                    _ => false,
                }
            }
        }
    };
    query.split(" and ").all(holds) != negated
}

/// The declarations of a block that say something of what is shown.
fn declarations(input: &mut Parser<'_>) -> Vec<Declaration> {
    let mut parser = Declarations;
    RuleBodyParser::new(input, &mut parser)
        .filter_map(Result::ok)
        .collect()
}

struct Declarations;

impl<'i> DeclarationParser<'i> for Declarations {
    type Declaration = Declaration;
    type Error = ();

    fn parse_value(
        &mut self,
        name: CowRcStr<'i>,
        input: &mut Parser<'i>,
        _: &ParserState,
    ) -> Result<Declaration, ParseError<()>> {
        let value = input.expect_ident_cloned()?.to_ascii_lowercase();
        let declared = match (&*name.to_ascii_lowercase(), &*value) {
            ("display", "none") => Declared::Display(false),
            ("display", _) => Declared::Display(true),
            ("visibility", "hidden" | "collapse") => Declared::Visibility(false),
            ("visibility", "visible" | "initial") => Declared::Visibility(true),
            ("visibility", "inherit" | "unset") => Declared::Inherited,
            _ => return Err(ParseError::unexpected_token()),
        };
        // `display` may have two words.
        while input
            .try_parse(|input| input.expect_ident().map(drop))
            .is_ok()
        {}
        let is_important = input.try_parse(parse_important).is_ok();
        match input.next() {
            Ok(Token::Semicolon) | Err(_) => Ok(Declaration {
                declared,
                is_important,
            }),
            Ok(_) => Err(ParseError::unexpected_token()),
        }
    }
}

impl AtRuleParser<'_> for Declarations {
    type Prelude = ();
    type AtRule = Declaration;
    type Error = ();
}

impl QualifiedRuleParser<'_> for Declarations {
    type Prelude = ();
    type QualifiedRule = Declaration;
    type Error = ();
}

impl RuleBodyItemParser<'_, Declaration, ()> for Declarations {
    fn parse_declarations(&self) -> bool {
        true
    }

    fn parse_qualified(&self) -> bool {
        false
    }
}
