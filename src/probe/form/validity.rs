//! What a browser checks before it sends a form, and why it holds one back: the constraint
//! validation of the HTML standard.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};
use scraper::ElementRef;
use url::Url;

use super::Dom;
use super::controls::{Changed, form_of, in_datalist, listed};
use super::disabled::is_disabled;
use super::kinds::{kind, moment, number};

/// How far from a whole number of steps a value may be: fractions are not exact.
const STEP_TOLERANCE: f64 = 1e-6;
/// The most patterns of a form that are held against its values: each may take milliseconds to
/// compile, and a page may have as many as it likes.
const MAX_PATTERNS: usize = 100;
/// The most bytes of values that are held against patterns; what is beyond holds nothing back.
const MAX_PATTERN_TEXT: usize = 20_000;

impl Changed<'_> {
    /// What the browser says of the first field that it does not send like this, as
    /// `` `#field`: why ``.
    pub(super) fn held(
        &self,
        dom: &Dom,
        form: ElementRef<'_>,
        button: Option<ElementRef<'_>>,
    ) -> Option<String> {
        let unchecked = button.is_some_and(|button| button.attr("formnovalidate").is_some());
        if unchecked || form.attr("novalidate").is_some() {
            return None;
        }
        let mut fields = listed(dom);
        fields.retain(|field| form_of(dom, *field).is_some_and(|owner| owner.id() == form.id()));
        let groups = self.radio_groups(&fields);
        let mut patterns = Patterns::default();
        fields.into_iter().find_map(|field| {
            let wrong = || self.wrong(field, &groups, &mut patterns);
            let why = is_validated(dom, field).then(wrong)??;
            let name = match (field.attr("id"), field.attr("name")) {
                (Some(id), _) => format!("#{id}"),
                (None, name) => format!("[name={}]", name.unwrap_or_default()),
            };
            Some(format!("`{name}`: {why}"))
        })
    }

    /// The groups of a form's radio buttons, by their name.
    fn radio_groups<'d>(&self, fields: &[ElementRef<'d>]) -> HashMap<&'d str, RadioGroup> {
        let mut groups: HashMap<&str, RadioGroup> = HashMap::new();
        for radio in fields.iter().filter(|field| kind(**field) == "radio") {
            let name = radio.attr("name").unwrap_or_default();
            let group = groups.entry(name).or_default();
            group.is_required |= radio.attr("required").is_some();
            group.is_checked |= self.is_checked(*radio);
        }
        groups
    }

    /// What is wrong with a field's value, in a browser's words.
    fn wrong(
        &self,
        field: ElementRef<'_>,
        groups: &HashMap<&str, RadioGroup>,
        patterns: &mut Patterns,
    ) -> Option<String> {
        let has = |name: &str| field.attr(name).is_some();
        let kind = kind(field);
        match kind {
            "checkbox" => {
                let missing = has("required") && !self.is_checked(field);
                return missing.then(|| "please check this box".to_owned());
            }
            "radio" => {
                // One without a name is a group by itself.
                let group = match field.attr("name").unwrap_or_default() {
                    "" => RadioGroup {
                        is_required: has("required"),
                        is_checked: self.is_checked(field),
                    },
                    name => groups.get(name).copied().unwrap_or_default(),
                };
                let missing = group.is_required && !group.is_checked;
                return missing.then(|| "please select one of these options".to_owned());
            }
            "file" => {
                let missing = has("required") && self.file(field).is_none();
                return missing.then(|| "please select a file".to_owned());
            }
            "select" => {
                let missing = has("required") && self.lacks_choice(field);
                return missing.then(|| "please select an item in the list".to_owned());
            }
            _ => {}
        }
        let value = self.value(field);
        if value.is_empty() {
            let is_missing = has("required") && !matches!(kind, "range" | "color");
            return is_missing.then(|| "please fill out this field".to_owned());
        }
        let multiple = kind == "email" && has("multiple");
        let parts: Vec<&str> = match multiple {
            true => value.split(',').collect(),
            false => vec![&value],
        };
        // Only what was typed is too short.
        let least = field.attr("minlength").and_then(|least| least.parse().ok());
        if let (Some(least), true) = (least, self.is_filled(field))
            && value.encode_utf16().count() < least
        {
            return Some(format!(
                "please lengthen this text to {least} characters or more"
            ));
        }
        match kind {
            "email" if !parts.iter().all(|part| is_email(part)) => {
                return Some("please enter an email address".to_owned());
            }
            "url" if Url::parse(&value).is_err() => {
                return Some("please enter a URL".to_owned());
            }
            _ => {}
        }
        let takes_pattern = matches!(
            kind,
            "text" | "search" | "url" | "tel" | "email" | "password"
        );
        if let Some(pattern) = field.attr("pattern").filter(|_| takes_pattern)
            && !patterns.fit(pattern, &parts)
        {
            return Some("please match the requested format".to_owned());
        }
        out_of_bounds(field, kind, &value)
    }
}

/// Whether a field is validated at all.
fn is_validated(dom: &Dom, field: ElementRef<'_>) -> bool {
    let is_kind = !matches!(
        kind(field),
        "hidden" | "reset" | "button" | "submit" | "image" | "other"
    );
    // Where nothing can be written, nobody can put it right.
    let takes_readonly = !matches!(
        kind(field),
        "checkbox" | "radio" | "file" | "range" | "color" | "select"
    );
    let is_readonly = takes_readonly && field.attr("readonly").is_some();
    is_kind && !is_readonly && !is_disabled(dom, field) && !in_datalist(field)
}

/// `min`, `max` and `step`.
fn out_of_bounds(field: ElementRef<'_>, kind: &str, value: &str) -> Option<String> {
    // What a slider is at is within its bounds.
    if kind == "range" {
        return None;
    }
    let is_number = kind == "number";
    let read = |text: &str| match is_number {
        true => number(text),
        false => moment(kind, text),
    };
    let value = read(value)?;
    let given = |name: &str| read(field.attr(name)?);
    let (min, max) = (given("min"), given("max"));
    // A time of day may go over midnight.
    let is_reversed = kind == "time" && min.zip(max).is_some_and(|(min, max)| max < min);
    if let (true, Some(min), Some(max)) = (is_reversed, min, max) {
        let is_between = value > max && value < min;
        return is_between.then(|| "the value must be between the bounds".to_owned());
    }
    if min.is_some_and(|min| value < min) {
        return Some("the value must be greater".to_owned());
    }
    if max.is_some_and(|max| value > max) {
        return Some("the value must be less".to_owned());
    }
    let step = field.attr("step").unwrap_or_default();
    if step.eq_ignore_ascii_case("any") {
        return None;
    }
    // The unit of `step`, and what it is where none is given.
    let (unit, default) = match kind {
        "date" => (86_400_000.0, 1.0),
        "week" => (604_800_000.0, 1.0),
        "time" | "datetime-local" => (1000.0, 60.0),
        _ => (1.0, 1.0),
    };
    let step = number(step).filter(|step| *step > 0.0).unwrap_or(default) * unit;
    let base = given("min")
        .or_else(|| given("value"))
        .unwrap_or(match kind {
            // Weeks begin on a Monday, and 1970 did on a Thursday.
            "week" => -259_200_000.0,
            _ => 0.0,
        });
    let steps = (value - base) / step;
    let is_off = (steps - steps.round()).abs() > STEP_TOLERANCE;
    is_off.then(|| "please enter a valid value".to_owned())
}

/// What decides whether one of a group's radio buttons is missing.
#[derive(Clone, Copy, Default)]
struct RadioGroup {
    is_required: bool,
    is_checked: bool,
}

/// The patterns of one form, each compiled once.
#[derive(Default)]
struct Patterns {
    /// `None` where our expressions cannot say it.
    compiled: HashMap<String, Option<Regex>>,
    /// Bytes that were held against them.
    compared: usize,
}

impl Patterns {
    /// Whether the whole of each text fits a pattern. What our expressions cannot say, such as
    /// looking around, holds nothing back.
    fn fit(&mut self, pattern: &str, texts: &[&str]) -> bool {
        self.compared += texts.iter().map(|text| text.len()).sum::<usize>();
        let is_known = self.compiled.contains_key(pattern);
        if self.compared > MAX_PATTERN_TEXT || !is_known && self.compiled.len() >= MAX_PATTERNS {
            return true;
        }
        let compiled = self.compiled.entry(pattern.to_owned()).or_insert_with(|| {
            let mut whole = RegexBuilder::new(&format!("^(?:{pattern})$"));
            whole.size_limit(1 << 20).build().ok()
        });
        let fits = |expression: &Regex| texts.iter().all(|text| expression.is_match(text));
        compiled.as_ref().is_none_or(fits)
    }
}

/// An address of mail as the HTML standard has them, which is narrower and wider than mail has.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let is_local = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    // Browsers check a domain in its form for DNS.
    let domain = match url::Host::parse(domain) {
        Ok(url::Host::Domain(domain)) if !domain.is_ascii() || !text.is_ascii() => domain,
        _ => domain.to_owned(),
    };
    !local.is_empty() && local.chars().all(is_local) && domain.split('.').all(is_label)
}
