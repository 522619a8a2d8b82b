//! Owns: the known error pages (`probes/error-pages.toml`), and recognising one whatever its
//! status code. Must not know: flows, requests, where the file lies.

mod verdict;

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use regex::escape;
use regex_automata::util::syntax;
use regex_automata::{Input, PatternID, PatternSet, meta};

pub use super::fingerprint::fingerprint;
use super::visible_text::VisibleText;
use crate::domain::Fault;
use crate::toml_reader::{FromItem, Item, Problem, Reader, Source, list, nearest};
pub use verdict::{Content, Extent, Met};

/// What an error page tells of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageClass {
    /// The application broke.
    ServerError,
    /// The site says that it is being worked on.
    Maintenance,
    /// A wall that asks for proof of being human.
    Captcha,
    /// Signed out in the middle.
    Session,
    /// Nothing to read.
    Blank,
    /// A server in front of the application got no answer from it.
    Gateway,
}

impl PageClass {
    /// Every class, in the order in which they are declared.
    pub const ALL: [PageClass; 6] = [
        PageClass::ServerError,
        PageClass::Maintenance,
        PageClass::Captcha,
        PageClass::Session,
        PageClass::Blank,
        PageClass::Gateway,
    ];

    /// The name used in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            PageClass::ServerError => "server_error",
            PageClass::Maintenance => "maintenance",
            PageClass::Captcha => "captcha",
            PageClass::Session => "session",
            PageClass::Blank => "blank",
            PageClass::Gateway => "gateway",
        }
    }

    /// The fault of a step that met such a page.
    pub fn fault(self) -> Fault {
        match self {
            PageClass::Captcha => Fault::Captcha,
            PageClass::Session => Fault::SessionLost,
            PageClass::ServerError
            | PageClass::Maintenance
            | PageClass::Blank
            | PageClass::Gateway => Fault::ErrorPage,
        }
    }
}

impl fmt::Display for PageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PageClass {
    type Err = crate::domain::fault::UnknownWord;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|class| class.as_str() == text)
            .ok_or_else(|| crate::domain::fault::UnknownWord(text.to_owned()))
    }
}

impl FromItem for PageClass {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let class = item.as_str().and_then(|text| text.parse().ok());
        if class.is_none() {
            let words = Self::ALL.map(Self::as_str);
            match item.as_str().and_then(|text| nearest(text, words)) {
                Some(near) => item.place().problem_with_hint(
                    "there is no such class of page",
                    format!("did you mean `{near}`?"),
                ),
                None => item.expected(&format!("one of {}", list(&words))),
            }
        }
        class
    }
}

/// A recognised error page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// The pattern's key, e.g. `nginx-502`.
    pub key: String,
    /// What it tells of the site.
    pub class: PageClass,
    /// What the public is told that was seen, in Indonesian.
    pub name_id: String,
    /// The same in English.
    pub name_en: String,
}

/// A pattern that was found on a page, and how much of the page it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The error page that the pattern is of.
    pub page: Recognised,
    /// How much of the page it is.
    pub extent: Extent,
}

impl Recognised {
    /// The fault of a step that met the page.
    pub fn fault(&self) -> Fault {
        self.class.fault()
    }
}

/// One pattern: every condition that it states must hold; of a list of words or status
/// codes, any one.
#[derive(Debug)]
struct Pattern {
    page: Recognised,
    status: Vec<u16>,
    /// Which expressions of the two sets belong to it; empty: no such condition.
    text: Vec<PatternID>,
    regex: Vec<PatternID>,
    title: Vec<PatternID>,
    max_bytes: Option<usize>,
    max_text: Option<usize>,
}

/// The known error pages. The default knows none.
#[derive(Debug, Default)]
pub struct ErrorPages {
    patterns: Vec<Pattern>,
    text: Expressions,
    title: Expressions,
}

/// The patterns that come with Siaga.
const BUILT_IN: &str = include_str!("../../probes/error-pages.toml");

/// Error pages are small; of a larger page the beginning is looked at, in bytes.
const LOOKED_AT: usize = 512 * 1024;

impl ErrorPages {
    /// Reads the text of a file; `name` stands in the problems.
    pub fn load(text: &str, name: &str) -> Result<ErrorPages, Vec<Problem>> {
        Self::load_with_advice(text, name).map(|(pages, _)| pages)
    }

    /// As [`load`](Self::load), with what the file says in an older way.
    pub fn load_with_advice(
        text: &str,
        name: &str,
    ) -> Result<(ErrorPages, Vec<Problem>), Vec<Problem>> {
        Source::new(name, text).read_with_advice(|root| {
            let (mut text, mut title) = (Gathered::default(), Gathered::default());
            let pages = root.tables("page");
            if pages.is_empty() {
                root.place().problem_with_hint(
                    "there is no pattern in this file",
                    "each one begins with `[[page]]`",
                );
            }
            let mut patterns: Vec<Pattern> = Vec::new();
            for page in pages {
                let place = page.place_of("key");
                let Some(pattern) = read_pattern(page, &mut text, &mut title) else {
                    continue;
                };
                if patterns.iter().any(|p| p.page.key == pattern.page.key) {
                    place.problem(format!("the key `{}` is taken", pattern.page.key));
                }
                patterns.push(pattern);
            }
            let sets = text.compiled().zip(title.compiled());
            if sets.is_none() {
                root.place().problem_with_hint(
                    "the expressions of this file are too large together",
                    "make them shorter, or fewer",
                );
            }
            let (text, title) = sets?;
            Some(ErrorPages {
                patterns,
                text,
                title,
            })
        })
    }

    /// The patterns that come with Siaga, for flows beside which no file lies. A test holds that
    /// they can be read.
    pub fn built_in() -> ErrorPages {
        Self::load(BUILT_IN, "probes/error-pages.toml").unwrap_or_default()
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Every page that can be recognised, in the order of the file.
    pub fn known(&self) -> impl Iterator<Item = &Recognised> {
        self.patterns.iter().map(|pattern| &pattern.page)
    }

    /// The first pattern of the file that a page fits. `status` is that of the answer, where
    /// there is one; a pattern that asks for a status then does not fit.
    pub fn recognise(&self, status: Option<u16>, text_or_html: &str) -> Option<Recognised> {
        if self.patterns.is_empty() {
            return None;
        }
        let start = text_or_html.floor_char_boundary(LOOKED_AT);
        self.recognise_in(
            status,
            text_or_html.len(),
            &VisibleText::of(&text_or_html[..start]),
        )
    }

    /// As [`recognise`](Self::recognise), of text already taken out of a page of so many bytes.
    pub fn recognise_in(
        &self,
        status: Option<u16>,
        bytes: usize,
        page: &VisibleText,
    ) -> Option<Recognised> {
        let found = self.found_on(status, bytes, page).into_iter().next();
        found.map(|found| found.page)
    }

    /// Every pattern that a page fits, in the order of the file. Whether it is what was met is for
    /// [`Met`] to say.
    pub fn found_on(&self, status: Option<u16>, bytes: usize, page: &VisibleText) -> Vec<Found> {
        let in_text = self.text.found_in(&page.text);
        let in_title = self.title.found_in(&page.title);
        let any = |wanted: &[PatternID], found: &Option<PatternSet>| {
            let found = |&id: &PatternID| found.as_ref().is_some_and(|found| found.contains(id));
            wanted.is_empty() || wanted.iter().any(found)
        };
        let fitting = self.patterns.iter().filter(|pattern| {
            (pattern.status.is_empty() || status.is_some_and(|s| pattern.status.contains(&s)))
                && any(&pattern.text, &in_text)
                && any(&pattern.regex, &in_text)
                && any(&pattern.title, &in_title)
                && pattern.max_bytes.is_none_or(|most| bytes <= most)
                && pattern
                    .max_text
                    .is_none_or(|most| !page.embeds && page.text.len() + page.title.len() <= most)
        });
        fitting
            .map(|pattern| Found {
                page: pattern.page.clone(),
                extent: self.extent(pattern, page),
            })
            .collect()
    }

    /// How much of a page a pattern is that it fits.
    fn extent(&self, pattern: &Pattern, page: &VisibleText) -> Extent {
        let text = || pattern.text.iter().chain(&pattern.regex);
        let words = || {
            let text = text().filter_map(|&id| self.text.one(id));
            text.chain(pattern.title.iter().filter_map(|&id| self.title.one(id)))
        };
        let is_all = |words: &One| words.is_all(&page.title) || words.is_all(&page.heading);
        if words().any(is_all) {
            return Extent::Whole;
        }
        let covers = |words: &One| 2 * words.length_in(&page.text) > page.text.len();
        let is_most = pattern.max_text.is_some()
            || pattern.max_bytes.is_some()
            || text().filter_map(|&id| self.text.one(id)).any(covers)
            || words().any(|words| verdict::parts_of(&page.title).any(|part| words.is_all(part)));
        match is_most {
            true => Extent::Most,
            false => Extent::Part,
        }
    }
}

/// Expressions of every pattern, to be searched for in one pass.
#[derive(Debug, Default)]
struct Expressions {
    all: Option<meta::Regex>,
    each: Vec<(String, OnceLock<Option<One>>)>,
}

impl Expressions {
    /// Which of the expressions fit; `None`: not one. Of nearly every page none fits, which is
    /// learnt at a fifth of the cost of learning which one does.
    fn found_in(&self, text: &str) -> Option<PatternSet> {
        let all = self.all.as_ref().filter(|all| all.is_match(text))?;
        let mut found = PatternSet::new(all.pattern_len());
        all.which_overlapping_matches(&Input::new(text), &mut found);
        Some(found)
    }

    /// One of them by itself; compiled where it is first asked for, as most never are.
    fn one(&self, id: PatternID) -> Option<&One> {
        let (expression, one) = self.each.get(id.as_usize())?;
        one.get_or_init(|| One::new(expression)).as_ref()
    }
}

/// One expression, by itself.
#[derive(Debug)]
struct One {
    anywhere: regex::Regex,
    /// With nothing around it but marks.
    whole: regex::Regex,
}

impl One {
    fn new(expression: &str) -> Option<Self> {
        let compiled = |text: &str| {
            let mut builder = regex::RegexBuilder::new(text);
            builder
                .case_insensitive(true)
                .size_limit(4 << 20)
                .build()
                .ok()
        };
        Some(One {
            anywhere: compiled(expression)?,
            whole: compiled(&format!(r"^[\W_]*(?:{expression})[\W_]*$"))?,
        })
    }

    /// Whether a text says nothing else.
    fn is_all(&self, text: &str) -> bool {
        !text.is_empty() && self.whole.is_match(text)
    }

    /// The bytes of the first stretch of a text that fits.
    fn length_in(&self, text: &str) -> usize {
        self.anywhere.find(text).map_or(0, |found| found.len())
    }
}

#[derive(Default)]
struct Gathered(Vec<String>);

impl Gathered {
    fn words(&mut self, words: &[String]) -> Vec<PatternID> {
        words
            .iter()
            .map(|word| {
                let words: Vec<String> = word.split_whitespace().map(escape).collect();
                self.expression(words.join(" "))
            })
            .collect()
    }

    fn expression(&mut self, expression: String) -> PatternID {
        let id = PatternID::new_unchecked(self.0.len());
        self.0.push(expression);
        id
    }

    /// `None` where they are too large together.
    fn compiled(self) -> Option<Expressions> {
        // Looking ahead for the letters that any expression begins with costs more than it
        // saves: together they begin with nearly every letter.
        let config = meta::Config::new()
            .auto_prefilter(false)
            .nfa_size_limit(Some(16 << 20));
        let all = meta::Regex::builder()
            .configure(config)
            .syntax(syntax::Config::new().case_insensitive(true))
            .build_many(&self.0)
            .ok()?;
        let each = self.0.into_iter();
        Some(Expressions {
            all: Some(all),
            each: each.map(|text| (text, OnceLock::new())).collect(),
        })
    }
}

/// A regular expression that compiles, within bounds.
struct Expression(String);

impl FromItem for Expression {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let text: String = item.read()?;
        match regex::RegexBuilder::new(&text).size_limit(1 << 20).build() {
            Ok(_) => Some(Expression(text)),
            Err(error) => {
                let error = error.to_string();
                let last = error.lines().last().unwrap_or_default();
                item.place().problem_with_hint(
                    format!("this is not a regular expression: {}", last.trim_start_matches("error: ")),
                    "the syntax is that of Rust's `regex` crate: no look-around, no back-references",
                );
                None
            }
        }
    }
}

fn read_pattern(
    mut page: Reader<'_>,
    in_text: &mut Gathered,
    in_title: &mut Gathered,
) -> Option<Pattern> {
    let key = page.required::<String>("key");
    let class = page.required("class");
    let name = page.in_both::<String>("name", ["name_id", "name_en"]);
    let text = words(&mut page, "text");
    let title = words(&mut page, "title");
    let regex = page.optional::<Expression>("regex");
    let status = page.or("status", Vec::<u16>::new());
    let max_bytes = page.optional::<usize>("max_bytes");
    let max_text = page.optional::<usize>("max_text");

    if let Some(key) = key.as_deref()
        && crate::domain::ComponentId::parse(key).is_none()
    {
        page.place_of("key").problem_with_hint(
            format!("`{key}` cannot be a key"),
            "lower-case letters, digits and single hyphens, at most 40",
        );
    }
    if let Some(wrong) = status.iter().find(|s| !(100..600).contains(*s)) {
        page.place_of("status")
            .problem(format!("{wrong} is not a status code"));
    }
    let says_something =
        !text.is_empty() || !title.is_empty() || regex.is_some() || max_text.is_some();
    if !says_something && max_bytes.is_none() && !page.failed() {
        page.place().problem_with_hint(
            "this pattern would fit every page",
            "add at least one of `text`, `title`, `regex`, `max_text`, `max_bytes`",
        );
    }
    page.finish();
    let (name_id, name_en) = name?;
    Some(Pattern {
        page: Recognised {
            key: key?,
            class: class?,
            name_id,
            name_en,
        },
        status,
        text: in_text.words(&text),
        title: in_title.words(&title),
        regex: regex
            .map(|Expression(regex)| in_text.expression(regex))
            .into_iter()
            .collect(),
        max_bytes,
        max_text,
    })
}

/// Words to look for: none may be empty, since an empty one is found everywhere.
fn words(page: &mut Reader<'_>, key: &'static str) -> Vec<String> {
    let words: Vec<String> = page.or(key, Vec::new());
    if words.iter().any(|word| word.trim().is_empty()) {
        page.place_of(key).problem(format!(
            "a text in `{key}` is empty, and would be found everywhere"
        ));
    }
    words
}
