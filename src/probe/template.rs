//! Strings of flow files with `${…}` in them.
//!
//! Owns which names there are and what they expand to. A name in capitals is a secret or a
//! variable of the configuration, one in lower case was captured by an earlier step, and
//! some are built in: `${run}`, a token of this run alone; `${today}`, a date;
//! `${today+30d}`, `${today-20y:%d/%m/%Y}`, a date near it in a format of `strftime`; and
//! `${totp:NAME}`, the one-time code of a secret. In a ladder's step, `${kind}`, `${size}` and
//! `${file}` are those of the document that it sends.
//! `$${` stands for a literal `${`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::{Span, ToSpan};

use super::totp;
use crate::domain::Moment;
use crate::toml_reader::{FromItem, Item};

/// A string with names to expand.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Name(Name),
}

/// What stands between `${` and `}`.
#[derive(Clone, Debug, PartialEq)]
pub enum Name {
    /// A secret or a variable of the configuration.
    Given(String),
    /// Captured by an earlier step.
    Captured(String),
    /// A token unique to the run.
    Run,
    /// A date near today.
    Today(Day),
    /// The one-time code that a secret of the configuration gives right now.
    Totp(String),
}

/// A date relative to today, and how it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Day {
    amount: i32,
    unit: char,
    format: String,
}

impl Day {
    fn write(&self, today: Date) -> String {
        let span: Span = match self.unit {
            'y' => self.amount.years(),
            'm' => self.amount.months(),
            _ => self.amount.days(),
        };
        today
            .saturating_add(span)
            .strftime(&self.format)
            .to_string()
    }
}

/// A text that is made when it is first asked for.
pub type Lazy = LazyLock<String, Box<dyn FnOnce() -> String + Send>>;

/// What the names of a run stand for.
#[derive(Debug)]
pub struct Scope {
    /// Secrets and variables of the configuration.
    pub given: BTreeMap<String, String>,
    /// What the steps so far have captured.
    pub captured: BTreeMap<String, String>,
    /// The run's own token; few flows use it.
    pub run: Lazy,
    /// Today where the site is.
    pub today: Date,
    /// The time, for one-time codes.
    pub now: Moment,
    /// The document that a ladder's step sends: [`OF_DOCUMENT`] and what they stand for.
    pub document: BTreeMap<&'static str, String>,
    /// The cookies of the page that is shown, where a step captures any.
    pub cookies: BTreeMap<String, String>,
}

/// A name without a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoValue {
    /// Nothing gave it one.
    #[error("`${{{0}}}` has no value")]
    Missing(String),
    /// What it is made from is no secret for one-time codes.
    #[error("`{0}` is not written in base32, so it gives no one-time codes")]
    NotBase32(String),
}

impl Template {
    /// Parses a text; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let before = &rest[..at];
            if let Some(escaped) = before.strip_suffix('$') {
                literal.push_str(escaped);
                literal.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            literal.push_str(before);
            let inside = &rest[at + 2..];
            let end = inside
                .find('}')
                .ok_or("`${` without a closing `}`; a literal one is written `$${`")?;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Name(parse_name(&inside[..end])?));
            rest = &inside[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() || parts.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Template { parts })
    }

    /// The names in it, in order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name),
            Part::Text(_) => None,
        })
    }

    /// The text, where there is nothing to expand.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text up to the first name.
    pub fn beginning(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The text with every name replaced by its value.
    pub fn expand(&self, scope: &Scope) -> Result<String, NoValue> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Name(Name::Run) => out.push_str(&scope.run),
                Part::Name(Name::Today(day)) => out.push_str(&day.write(scope.today)),
                Part::Name(Name::Given(name)) => out.push_str(value(&scope.given, name)?),
                Part::Name(Name::Captured(name)) => match scope.document.get(&**name) {
                    Some(value) => out.push_str(value),
                    None => out.push_str(value(&scope.captured, name)?),
                },
                Part::Name(Name::Totp(name)) => {
                    let secret = value(&scope.given, name)?;
                    let code = totp::code(secret, scope.now);
                    out.push_str(&code.ok_or_else(|| NoValue::NotBase32(name.clone()))?);
                }
            }
        }
        Ok(out)
    }
}

fn value<'v>(values: &'v BTreeMap<String, String>, name: &str) -> Result<&'v str, NoValue> {
    let value = values.get(name).map(String::as_str);
    value.ok_or_else(|| NoValue::Missing(name.to_owned()))
}

/// Names that are built in and can therefore not be captured.
pub const BUILT_IN: [&str; 2] = ["run", "today"];

/// Names that stand, in a ladder's step, for the document that it sends.
pub const OF_DOCUMENT: [&str; 3] = ["kind", "size", "file"];

/// Whether a text can be the name of a secret or variable: capitals, digits, underscores.
pub fn is_given_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether a text can be the name of a capture: lower case, digits, underscores.
pub fn is_captured_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !BUILT_IN.contains(&text)
}

fn parse_name(text: &str) -> Result<Name, String> {
    if text == "run" {
        return Ok(Name::Run);
    }
    if let Some(rest) = text.strip_prefix("today")
        && (rest.is_empty() || rest.starts_with(['+', '-', ':']))
    {
        return parse_day(rest).map(Name::Today).ok_or_else(|| {
            format!(
                "`${{{text}}}` is no date; write `${{today}}`, `${{today+30d}}`, `${{today-1y}}` or \
                 `${{today+2m:%d/%m/%Y}}`"
            )
        });
    }
    if let Some(name) = text.strip_prefix("totp:") {
        return match is_given_name(name) {
            true => Ok(Name::Totp(name.to_owned())),
            false => Err(format!(
                "`${{{text}}}` names no secret; write e.g. `${{totp:PROBE_TOTP}}`"
            )),
        };
    }
    if is_given_name(text) {
        return Ok(Name::Given(text.to_owned()));
    }
    if is_captured_name(text) {
        return Ok(Name::Captured(text.to_owned()));
    }
    Err(format!(
        "`${{{text}}}` is no name; secrets and variables are written in capitals, captures in lower case"
    ))
}

fn parse_day(text: &str) -> Option<Day> {
    let (offset, format) = match text.split_once(':') {
        Some((offset, format)) => (offset, format),
        None => (text, "%Y-%m-%d"),
    };
    // A format that cannot be written must be found now, not in the middle of a run.
    jiff::fmt::strtime::format(format, Date::constant(2000, 1, 1)).ok()?;
    let (amount, unit) = match offset.strip_suffix(['d', 'm', 'y']) {
        Some(amount) => (amount, offset.chars().last()?),
        None if offset.is_empty() => ("+0", 'd'),
        None => return None,
    };
    let amount: i32 = amount.parse().ok()?;
    (amount.abs() <= 40_000).then(|| Day {
        amount,
        unit,
        format: format.to_owned(),
    })
}

impl FromItem for Template {
    fn from_item(item: &Item<'_>) -> Option<Self> {
        let text: String = item.read()?;
        match Template::parse(&text) {
            Ok(template) => Some(template),
            Err(message) => {
                item.place().problem(message);
                None
            }
        }
    }
}
