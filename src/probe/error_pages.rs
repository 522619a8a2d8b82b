//! Owns: the known error pages (`probes/error-pages.toml`), and recognising one whatever its
//! status code. Must not know: flows, requests, where the file lies.

use std::fmt;
use std::str::FromStr;

use regex::escape;
use regex_automata::util::syntax;
use regex_automata::{Input, PatternID, PatternSet, meta};

pub use super::fingerprint::fingerprint;
use super::visible_text::VisibleText;
use crate::domain::Fault;
use crate::toml_reader::{FromItem, Item, Problem, Reader, Source, list, nearest};

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
    in_text: Option<meta::Regex>,
    in_title: Option<meta::Regex>,
}

/// Error pages are small; of a larger page the beginning is looked at, in bytes.
const LOOKED_AT: usize = 512 * 1024;

impl ErrorPages {
    /// Reads the text of a file; `name` stands in the problems.
    pub fn load(text: &str, name: &str) -> Result<ErrorPages, Vec<Problem>> {
        Source::new(name, text).read(|root| {
            let mut expressions = Expressions::default();
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
                let Some(pattern) = read_pattern(page, &mut expressions) else {
                    continue;
                };
                if patterns.iter().any(|p| p.page.key == pattern.page.key) {
                    place.problem(format!("the key `{}` is taken", pattern.page.key));
                }
                patterns.push(pattern);
            }
            let sets = expressions.text.set().zip(expressions.title.set());
            if sets.is_none() {
                root.place().problem_with_hint(
                    "the expressions of this file are too large together",
                    "make them shorter, or fewer",
                );
            }
            let (in_text, in_title) = sets?;
            Some(ErrorPages {
                patterns,
                in_text: Some(in_text),
                in_title: Some(in_title),
            })
        })
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
        let in_text = matches(self.in_text.as_ref(), &page.text);
        let in_title = matches(self.in_title.as_ref(), &page.title);
        let any = |wanted: &[PatternID], found: &Option<PatternSet>| {
            let found = |&id: &PatternID| found.as_ref().is_some_and(|found| found.contains(id));
            wanted.is_empty() || wanted.iter().any(found)
        };
        self.patterns
            .iter()
            .find(|pattern| {
                (pattern.status.is_empty() || status.is_some_and(|s| pattern.status.contains(&s)))
                    && any(&pattern.text, &in_text)
                    && any(&pattern.regex, &in_text)
                    && any(&pattern.title, &in_title)
                    && pattern.max_bytes.is_none_or(|most| bytes <= most)
                    && pattern.max_text.is_none_or(|most| {
                        !page.embeds && page.text.len() + page.title.len() <= most
                    })
            })
            .map(|pattern| pattern.page.clone())
    }
}

/// Which of the expressions fit; `None`: not one. Of nearly every page none fits, which is
/// learnt at a fifth of the cost of learning which one does.
fn matches(expressions: Option<&meta::Regex>, text: &str) -> Option<PatternSet> {
    let expressions = expressions.filter(|expressions| expressions.is_match(text))?;
    let mut found = PatternSet::new(expressions.pattern_len());
    expressions.which_overlapping_matches(&Input::new(text), &mut found);
    Some(found)
}

/// Expressions of every pattern, to be searched for in one pass.
#[derive(Default)]
struct Expressions {
    text: Gathered,
    title: Gathered,
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

    fn set(&self) -> Option<meta::Regex> {
        // Looking ahead for the letters that any expression begins with costs more than it
        // saves: together they begin with nearly every letter.
        let config = meta::Config::new()
            .auto_prefilter(false)
            .nfa_size_limit(Some(16 << 20));
        meta::Regex::builder()
            .configure(config)
            .syntax(syntax::Config::new().case_insensitive(true))
            .build_many(&self.0)
            .ok()
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

fn read_pattern(mut page: Reader<'_>, expressions: &mut Expressions) -> Option<Pattern> {
    let key = page.required::<String>("key");
    let class = page.required("class");
    let name_id = page.required::<String>("name_id");
    let name_en = page.required::<String>("name_en");
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
    Some(Pattern {
        page: Recognised {
            key: key?,
            class: class?,
            name_id: name_id?,
            name_en: name_en?,
        },
        status,
        text: expressions.text.words(&text),
        title: expressions.title.words(&title),
        regex: regex
            .map(|Expression(regex)| expressions.text.expression(regex))
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
