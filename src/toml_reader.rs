//! Reading TOML files written by people: every mistake of a file at once, each with
//! its place, what was expected and, where one can be given, a hint.
//!
//! Owns the text, the places in it and the basic values (durations, sizes). It knows
//! nothing of what the files mean: configuration and flows are read on top of it.
//!
//! ```ignore
//! let source = Source::new("siaga.toml", text);
//! let config: Result<Config, Vec<Problem>> = source.read(|root| {
//!     let site = root.required::<String>("site");       // reports what is missing or wrong
//!     let retry = root.optional::<Duration>("retry");
//!     Some(Config { site: site?, retry: retry.unwrap_or(TWO_SECONDS) })
//! });                                                     // keys nobody asked for are reported
//! ```

mod in_both;
pub mod keys;
pub mod reference;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use self::in_both::Line;
use self::keys::Table;
use crate::domain::ComponentId;
use crate::domain::printable::one_line;

/// One mistake in a file, for the person who wrote the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file's name as it was given.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            file,
            line,
            column,
            message,
            hint,
        } = self;
        let (file, message) = (one_line(file), one_line(message));
        write!(f, "{file}:{line}:{column}: {message}")?;
        match hint {
            Some(hint) => write!(f, "; {}", one_line(hint)),
            None => Ok(()),
        }
    }
}

/// A number of bytes, written `"1900KB"`, `"2MB"`, `"10KiB"` or as a plain integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A file's name and text.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
}

impl Source {
    /// A text, and the name under which its problems are reported.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Source {
            name: name.into(),
            text: text.into(),
        }
    }

    /// Reads a file from disk. What keeps it from being read is a problem of its first line.
    pub fn open(path: &std::path::Path) -> Result<Self, Problem> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Source { name, text }),
            Err(error) => Err(Problem {
                file: name,
                line: 1,
                column: 1,
                message: format!("cannot be read: {error}"),
                hint: None,
            }),
        }
    }

    /// Parses the text and hands the root table to `read`; keys of the root that it did not
    /// ask for are reported. `Ok` only where not a single problem was found; else all of
    /// them, in the order of their places. Mistakes of TOML itself are reported alone, since
    /// what they leave of the file would give misleading others.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Result<T, Vec<Problem>> {
        self.read_with_advice(read).map(|(value, _)| value)
    }

    /// As [`read`](Self::read), with what the file says in an older way.
    pub fn read_with_advice<T>(
        &self,
        read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Result<(T, Vec<Problem>), Vec<Problem>> {
        let log = Log {
            source: self,
            problems: RefCell::default(),
            advice: RefCell::default(),
        };
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        for error in &errors {
            log.report(
                error.span().unwrap_or(0..0),
                error.message().to_owned(),
                None,
            );
        }
        let mut value = None;
        if errors.is_empty() {
            let mut reader = Reader::new(&log, root.get_ref(), 0..0);
            value = read(&mut reader);
            reader.finish();
        }
        let mut problems = log.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        match value {
            Some(value) if problems.is_empty() => Ok((value, log.advice.into_inner())),
            _ => {
                if problems.is_empty() {
                    problems.push(self.problem(0..0, "cannot be understood".to_owned(), None));
                }
                Err(problems)
            }
        }
    }

    fn problem(&self, span: Range<usize>, message: String, hint: Option<String>) -> Problem {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Problem {
            file: self.name.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
            hint,
        }
    }
}

struct Log<'a> {
    source: &'a Source,
    problems: RefCell<Vec<Problem>>,
    advice: RefCell<Vec<Problem>>,
}

impl Log<'_> {
    fn report(&self, span: Range<usize>, message: String, hint: Option<String>) {
        let problem = self.source.problem(span, message, hint);
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}

/// A place in the file to hang a problem on.
#[derive(Clone)]
pub struct Place<'a> {
    log: &'a Log<'a>,
    span: Range<usize>,
}

impl Place<'_> {
    /// Reports a problem here.
    pub fn problem(&self, message: impl Into<String>) {
        self.log.report(self.span.clone(), message.into(), None);
    }

    /// What would be better otherwise here, without reporting it.
    pub fn advice(&self, message: impl Into<String>, hint: impl Into<String>) -> Problem {
        let (span, hint) = (self.span.clone(), Some(hint.into()));
        self.log.source.problem(span, message.into(), hint)
    }

    /// Reports a problem here, with what to do about it.
    pub fn problem_with_hint(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.log
            .report(self.span.clone(), message.into(), Some(hint.into()));
    }
}

/// A value of the file, with its place and the key it stands under.
#[derive(Clone)]
pub struct Item<'a> {
    place: Place<'a>,
    key: String,
    value: &'a DeValue<'a>,
}

impl<'a> Item<'a> {
    fn new(log: &'a Log<'a>, key: &str, value: &'a Spanned<DeValue<'a>>) -> Self {
        Item {
            place: Place {
                log,
                span: value.span(),
            },
            key: key.to_owned(),
            value: value.get_ref(),
        }
    }

    /// The key that the value stands under.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where the value stands.
    pub fn place(&self) -> &Place<'a> {
        &self.place
    }

    /// Whether the value is a table.
    pub fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// Whether the value is an array.
    pub fn is_array(&self) -> bool {
        self.value.is_array()
    }

    /// Whether the value is an integer.
    pub fn is_integer(&self) -> bool {
        self.value.is_integer()
    }

    /// The truth value, where the value is one; reports nothing.
    pub fn as_bool(&self) -> Option<bool> {
        self.value.as_bool()
    }

    /// The text, where the value is one; reports nothing.
    pub fn as_str(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// Reports that something else was expected here: `expected` completes "must be …".
    pub fn expected(&self, expected: &str) {
        let found = match self.value {
            DeValue::String(text) if text.chars().count() <= 40 => format!("the string {text:?}"),
            DeValue::String(_) => "a string".to_owned(),
            DeValue::Integer(number) => format!("the integer {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::Boolean(truth) => format!("the boolean {truth}"),
            DeValue::Datetime(moment) => format!("the date {moment}"),
            DeValue::Array(_) => "an array".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.place
            .problem(format!("`{}` must be {expected}, found {found}", self.key));
    }

    /// Reads the value as a `T`, reporting where it is none.
    pub fn read<T: FromItem>(&self) -> Option<T> {
        T::from_item(self)
    }

    /// The value as a table whose keys are known. Call [`Reader::finish`] when done.
    pub fn table(&self) -> Option<Reader<'a>> {
        match self.value {
            DeValue::Table(table) => {
                Some(Reader::new(self.place.log, table, self.place.span.clone()))
            }
            _ => {
                self.expected("a table");
                None
            }
        }
    }

    /// The value as a table whose keys are names chosen by the writer, in the order written.
    pub fn entries(&self) -> Option<Vec<Item<'a>>> {
        match self.value {
            DeValue::Table(table) => Some(in_order(self.place.log, table)),
            _ => {
                self.expected("a table");
                None
            }
        }
    }

    /// The elements of an array.
    pub fn elements(&self) -> Option<Vec<Item<'a>>> {
        match self.value {
            DeValue::Array(array) => Some(
                array
                    .iter()
                    .map(|value| Item::new(self.place.log, &self.key, value))
                    .collect(),
            ),
            _ => {
                self.expected("an array");
                None
            }
        }
    }
}

fn in_order<'a>(log: &'a Log<'a>, table: &'a DeTable<'a>) -> Vec<Item<'a>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
        .into_iter()
        .map(|(key, value)| Item::new(log, key.get_ref(), value))
        .collect()
}

/// A table whose keys are known. It remembers which keys it was asked for, so that
/// [`finish`](Reader::finish) can report the others.
pub struct Reader<'a> {
    log: &'a Log<'a>,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    known: Vec<&'static str>,
    /// The keys that it may have, where they are written down.
    keys: Option<&'static Table>,
    failed: Cell<bool>,
}

impl<'a> Reader<'a> {
    fn new(log: &'a Log<'a>, table: &'a DeTable<'a>, span: Range<usize>) -> Self {
        Reader {
            log,
            table,
            span,
            known: Vec::new(),
            keys: None,
            failed: Cell::new(false),
        }
    }

    /// The same, of a table whose keys are written down: these and no others are asked for.
    pub fn with_keys(mut self, keys: &'static Table) -> Self {
        self.expect_keys(keys);
        self
    }

    /// As [`with_keys`](Self::with_keys).
    pub fn expect_keys(&mut self, keys: &'static Table) {
        self.keys = Some(keys);
    }

    /// The table's own place: its header or its opening brace.
    pub fn place(&self) -> Place<'a> {
        Place {
            log: self.log,
            span: self.span.clone(),
        }
    }

    /// The place of a key, where it is there; else the table's.
    pub fn place_of(&self, key: &str) -> Place<'a> {
        match self.table.get_key_value(key) {
            Some((key, _)) => Place {
                log: self.log,
                span: key.span(),
            },
            None => self.place(),
        }
    }

    /// Whether the key is there (this counts as asking for it).
    pub fn has(&mut self, key: &'static str) -> bool {
        self.item(key).is_some()
    }

    /// The raw value of a key, if it is there.
    pub fn item(&mut self, key: &'static str) -> Option<Item<'a>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        debug_assert!(
            self.keys.is_none_or(|keys| keys.has(key)),
            "`{key}` is not written down"
        );
        self.table
            .get(key)
            .map(|value| Item::new(self.log, key, value))
    }

    /// The value of a key; `None` where it is absent, or wrong and therefore reported.
    pub fn optional<T: FromItem>(&mut self, key: &'static str) -> Option<T> {
        let item = self.item(key)?;
        let value = item.read();
        if value.is_none() {
            self.failed.set(true);
        }
        value
    }

    /// The value of a key that must be there; `None` means that it was reported.
    pub fn required<T: FromItem>(&mut self, key: &'static str) -> Option<T> {
        match self.item(key) {
            Some(item) => {
                let value = item.read();
                if value.is_none() {
                    self.failed.set(true);
                }
                value
            }
            None => {
                self.missing(key);
                None
            }
        }
    }

    /// Like [`optional`](Self::optional), with what holds where the key is absent.
    pub fn or<T: FromItem>(&mut self, key: &'static str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// The table under a key, if it is there. Call [`finish`](Self::finish) on it.
    pub fn table(&mut self, key: &'static str) -> Option<Reader<'a>> {
        self.item(key)?.table()
    }

    /// The tables of an array of tables (`[[key]]`); none where it is absent.
    pub fn tables(&mut self, key: &'static str) -> Vec<Reader<'a>> {
        let elements = self.item(key).and_then(|item| item.elements());
        elements
            .unwrap_or_default()
            .iter()
            .filter_map(Item::table)
            .collect()
    }

    /// Names and values of a free table (`{ name = value … }`) in the order written; none
    /// where it is absent.
    pub fn entries(&mut self, key: &'static str) -> Vec<Item<'a>> {
        self.item(key)
            .and_then(|item| item.entries())
            .unwrap_or_default()
    }

    /// Whether a value asked for through this reader was there but wrong.
    pub fn failed(&self) -> bool {
        self.failed.get()
    }

    /// Reports that a key is missing from this table.
    pub fn missing(&self, key: &str) {
        self.failed.set(true);
        self.place().problem_with_hint(
            format!("`{key}` is missing"),
            format!("add `{key} = …` here"),
        );
    }

    /// Reports every key that nobody asked for, with the nearest known one.
    pub fn finish(mut self) {
        if let Some(keys) = self.keys {
            for key in keys.keys {
                let is_read = self.known.contains(&key.name);
                debug_assert!(is_read, "`{}` of {} is never read", key.name, keys.name);
            }
            self.known = keys.keys.iter().map(|key| key.name).collect();
        }
        for (key, _) in self.table.iter() {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let message = format!("unknown key `{name}`");
            let hint = match nearest(name, self.known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", list(&self.known)),
            };
            self.log.report(key.span(), message, Some(hint));
        }
    }
}

/// The candidate that a misspelt word most likely meant, if one is near enough.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let mut best = None;
    for candidate in candidates {
        let (one, other) = (word.to_lowercase(), candidate.to_lowercase());
        let likeness = strsim::jaro_winkler(&one, &other);
        let edits = strsim::damerau_levenshtein(&one, &other);
        let near = edits <= 2.max(candidate.len() / 3) && likeness > 0.75;
        if near && best.is_none_or(|(_, most)| likeness > most) {
            best = Some((candidate, likeness));
        }
    }
    best.map(|(candidate, _)| candidate)
}

/// Words for a message: `` `a`, `b`, `c` ``.
pub fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

/// A value that can be read from TOML. Implementations report what is wrong with the item
/// and answer `None`.
pub trait FromItem: Sized {
    /// Reads the item.
    fn from_item(item: &Item<'_>) -> Option<Self>;
}

impl FromItem for String {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let text = item.as_str();
        if text.is_none() {
            item.expected("a string");
        }
        text.map(str::to_owned)
    }
}

impl FromItem for bool {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let truth = item.value.as_bool();
        if truth.is_none() {
            item.expected("true or false");
        }
        truth
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl FromItem for $integer {
            fn from_item(item: &Item<'_>) -> Option<Self> {
                let number = item.value.as_integer().and_then(|integer| {
                    <$integer>::from_str_radix(integer.as_str(), integer.radix()).ok()
                });
                if number.is_none() {
                    let (least, most) = (<$integer>::MIN, <$integer>::MAX);
                    item.expected(&format!("an integer from {least} to {most}"));
                }
                number
            }
        }
    )*};
}
integers!(u16, u32, u64, usize, i64);

impl FromItem for f64 {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let number = match item.value {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(integer) => integer.to_string().parse().ok(),
            _ => None,
        };
        if number.is_none() {
            item.expected("a number");
        }
        number
    }
}

impl FromItem for Duration {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let span = item.as_str().and_then(parse_duration);
        if span.is_none() {
            item.expected("a duration such as \"90s\", \"250ms\", \"5m\", \"1h\" or \"7d\"");
        }
        span
    }
}

impl FromItem for Size {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let bytes = match item.value {
            DeValue::Integer(integer) => integer.to_string().parse().ok(),
            DeValue::String(text) => parse_size(text),
            _ => None,
        };
        if bytes.is_none() {
            item.expected("a size such as \"1900KB\", \"2MB\", \"10KiB\" or a number of bytes");
        }
        bytes.map(Size)
    }
}

impl FromItem for ComponentId {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let component = item.as_str().and_then(ComponentId::parse);
        if component.is_none() {
            item.expected(
                "a component's key: lower-case letters, digits and single hyphens, at most 40",
            );
        }
        component
    }
}

/// An address of the web: `http` or `https`, with a host.
impl FromItem for url::Url {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let url = item.as_str().and_then(|text| url::Url::parse(text).ok());
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if url.is_none() {
            item.expected("an address that begins with http:// or https://");
        }
        url
    }
}

impl<T: FromItem> FromItem for Vec<T> {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let elements = item.elements()?;
        let read: Vec<Option<T>> = elements.iter().map(Item::read).collect();
        read.into_iter().collect()
    }
}

/// `"250ms"`, `"90s"`, `"5m"`, `"1h"`, `"7d"`; fractions (`"1.5s"`) are allowed, units are not
/// combined. `None` for anything else, or more than ten thousand days.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let milliseconds = number
        * match unit {
            "ms" => 1.0,
            "s" => 1e3,
            "m" => 60e3,
            "h" => 3_600e3,
            "d" => 86_400e3,
            _ => return None,
        };
    (milliseconds <= 864e9).then(|| Duration::from_millis(milliseconds.round() as u64))
}

/// `"1900KB"` (1,900,000), `"2MB"`, `"10KiB"` (10,240), `"512B"`; `None` for anything else.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let bytes = number
        * match unit {
            "B" => 1.0,
            "KB" | "kB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            "GiB" => 1024.0 * 1024.0 * 1024.0,
            _ => return None,
        };
    (bytes <= 1e12).then_some(bytes.round() as u64)
}

fn split_unit(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(end);
    if number.is_empty() || number.starts_with('.') || number.ends_with('.') {
        return None;
    }
    Some((number.parse().ok()?, unit.trim_start()))
}
