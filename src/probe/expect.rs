//! Whether a page is what a step expects, and what is taken from it for later steps.
//!
//! Plain functions from a snapshot to an answer; must not know how the page came about.

use data_encoding::HEXLOWER_PERMISSIVE;
use regex::Regex;
use serde_json::Value;

use super::complaints::{complaints, new_complaint};
use super::definition::{Capture, CaptureFrom, CssQuery, Expect};
use super::dom;
use super::error_pages::Content;
use super::page::{Snapshot, Trouble, bounded, quoted};
use super::template::{NoValue, Scope, Template};
use crate::domain::{Fault, Why};

/// Checks every expectation in turn; the error is the first that does not hold. What the page
/// complained of `before` the step is not told as a complaint.
pub fn check(
    expect: &Expect,
    page: &Snapshot,
    before: Option<&Snapshot>,
    scope: &Scope,
) -> Result<(), Trouble> {
    check_status(expect, page)?;
    if let Some(path) = &expect.path {
        let pattern = expand(path, scope)?;
        if !path_matches(&pattern, page) {
            let came = page.url.path();
            let message = format!("the address should be `{pattern}`, it is `{came}`");
            return wrong_page(page, before, &message);
        }
    }
    for (name, value) in &expect.header {
        let pattern = expand(value, scope)?;
        let values = page.headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|v| String::from_utf8_lossy(v.as_bytes()))
            .collect();
        if !values.iter().any(|value| wildcard(&pattern, value)) {
            let came = if values.is_empty() {
                "missing".into()
            } else {
                values.join(", ")
            };
            return content_fault(format!(
                "the header `{name}` should be `{pattern}`, it is {came}"
            ));
        }
    }
    check_text(expect, page, before, scope)?;
    for text in &expect.not_text {
        let text = expand(text, scope)?;
        if page.says(&text) {
            return content_fault(format!("the page says \"{text}\""));
        }
    }
    check_css(expect, page, before, scope)?;
    check_json(expect, page, scope)
}

/// What the expectations on content say of a page, whatever the others say.
pub fn content(expect: &Expect, page: &Snapshot, scope: &Scope) -> Content {
    if expect.text.is_empty() && expect.css.is_empty() && expect.json.is_empty() {
        return Content::NotExpected;
    }
    let checked = check_text(expect, page, None, scope)
        .and_then(|()| has_css(expect, page, None, scope))
        .and_then(|()| check_json(expect, page, scope));
    match checked {
        Ok(()) => Content::AsExpected,
        Err(_) => Content::Missing,
    }
}

fn check_text(
    expect: &Expect,
    page: &Snapshot,
    before: Option<&Snapshot>,
    scope: &Scope,
) -> Result<(), Trouble> {
    for text in &expect.text {
        let text = expand(text, scope)?;
        if !page.says(&text) {
            return wrong_page(page, before, &format!("the page does not say \"{text}\""));
        }
    }
    Ok(())
}

/// Checks the status alone.
fn check_status(expect: &Expect, page: &Snapshot) -> Result<(), Trouble> {
    let Some(status) = page.status else {
        return Ok(());
    };
    let right = match expect.status.as_slice() {
        [] => (200..300).contains(&status),
        codes => codes.contains(&status),
    };
    if right {
        return Ok(());
    }
    let wanted = match expect.status.as_slice() {
        [] => "2xx".to_owned(),
        codes => codes
            .iter()
            .map(u16::to_string)
            .collect::<Vec<_>>()
            .join(" or "),
    };
    Err(Trouble::Site(
        Fault::Status,
        format!(
            "the status should be {wanted}, it is {status}; {}",
            page.gist()
        ),
    ))
}

fn has_css(
    expect: &Expect,
    page: &Snapshot,
    before: Option<&Snapshot>,
    scope: &Scope,
) -> Result<(), Trouble> {
    if expect.css.is_empty() {
        return Ok(());
    }
    let html = page.dom();
    for css in &expect.css {
        let query = query(css.expand(scope))?;
        if dom::select(&html, &query.selector).next().is_none() {
            let text = query.text;
            let hint = dom::similar(&html, &text).unwrap_or_default();
            return wrong_page(
                page,
                before,
                &format!("the page has no element `{text}`{hint}"),
            );
        }
    }
    Ok(())
}

fn check_css(
    expect: &Expect,
    page: &Snapshot,
    before: Option<&Snapshot>,
    scope: &Scope,
) -> Result<(), Trouble> {
    has_css(expect, page, before, scope)?;
    if expect.not_css.is_empty() {
        return Ok(());
    }
    let html = page.dom();
    for css in &expect.not_css {
        let query = query(css.expand(scope))?;
        if let Some(element) = dom::select(&html, &query.selector).next() {
            let text = query.text;
            let says = match dom::text_of(element) {
                says if says.is_empty() => String::new(),
                says => format!(": {}", quoted(&says)),
            };
            return content_fault(format!("the page has an element `{text}`{says}"));
        }
    }
    Ok(())
}

fn check_json(expect: &Expect, page: &Snapshot, scope: &Scope) -> Result<(), Trouble> {
    if expect.json.is_empty() {
        return Ok(());
    }
    let document = json_of(page)?;
    for (pointer, wanted) in &expect.json {
        let wanted = wanted.expand(scope).map_err(|error| no_value(&error))?;
        match document.pointer(pointer) {
            Some(found) if same(found, &wanted) => {}
            Some(found) => {
                let found = found.to_string();
                let found = bounded(&found);
                return content_fault(format!("`{pointer}` should be {wanted}, it is {found}"));
            }
            None => return content_fault(format!("the answer has nothing at `{pointer}`")),
        }
    }
    Ok(())
}

fn same(found: &Value, wanted: &Value) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        (Some(found), Some(wanted)) => found == wanted,
        _ => found == wanted,
    }
}

fn json_of(page: &Snapshot) -> Result<Value, Trouble> {
    serde_json::from_slice(&page.body).map_err(|error| {
        Trouble::Site(
            Fault::Content,
            format!("the answer is no JSON ({error}); {}", page.gist()),
        )
    })
}

/// Takes every capture of a step from the page.
pub fn capture(
    captures: &[Capture],
    page: &Snapshot,
    scope: &Scope,
) -> Result<Vec<(String, String)>, Trouble> {
    captures
        .iter()
        .map(|wanted| Ok((wanted.name.clone(), take(wanted, page, scope)?)))
        .collect()
}

fn take(wanted: &Capture, page: &Snapshot, scope: &Scope) -> Result<String, Trouble> {
    let name = &wanted.name;
    let missing = |what: String| {
        let message = format!("`{name}` cannot be taken: {what}");
        Trouble::Site(Fault::Content, message)
    };
    let found = match &wanted.from {
        CaptureFrom::Css(css, attribute) => {
            let query = query(css.expand(scope))?;
            let regex = wanted.regex.as_ref();
            return by_css(page, &query, attribute.as_deref(), regex).map_err(missing);
        }
        CaptureFrom::Cookie(cookie) => match scope.cookies.get(cookie) {
            Some(value) => percent_decoded(value),
            None => return Err(missing(format!("the page has no cookie `{cookie}`"))),
        },
        CaptureFrom::Json(pointer) => match json_of(page)?.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => return Err(missing(format!("the answer has nothing at `{pointer}`"))),
        },
        CaptureFrom::Header(header) => {
            let values = page.headers.get_all(header).iter();
            let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            let nothing = || format!("the answer has no header `{header}`");
            return first_that_fits(values, wanted.regex.as_ref(), nothing).map_err(missing);
        }
        CaptureFrom::Url => page.url.to_string(),
        CaptureFrom::Text => {
            let Some(regex) = &wanted.regex else {
                return Ok(page.visible().text.clone());
            };
            let found =
                matched(regex, &page.visible().text).or_else(|| matched(regex, page.text()));
            return found.ok_or_else(|| missing(format!("nothing on the page fits `{regex}`")));
        }
    };
    match &wanted.regex {
        None => Ok(found),
        Some(regex) => matched(regex, &found)
            .ok_or_else(|| missing(format!("`{regex}` does not fit {}", quoted(&found)))),
    }
}

/// The first group of the first match, or the whole of it.
pub fn matched(regex: &Regex, text: &str) -> Option<String> {
    let found = regex.captures(text)?;
    found
        .get(1)
        .or_else(|| found.get(0))
        .map(|group| group.as_str().to_owned())
}

/// The first of these that the pattern fits, and what it takes of it.
fn first_that_fits(
    values: impl Iterator<Item = String>,
    regex: Option<&Regex>,
    nothing: impl Fn() -> String,
) -> Result<String, String> {
    let mut first = None;
    for value in values {
        let Some(regex) = regex else {
            return Ok(value);
        };
        if let Some(found) = matched(regex, &value) {
            return Ok(found);
        }
        first.get_or_insert(value);
    }
    match (regex, first) {
        (Some(regex), Some(first)) => Err(format!("`{regex}` does not fit {}", quoted(&first))),
        _ => Err(nothing()),
    }
}

/// What the first element gives, or with a pattern the first that it fits.
fn by_css(
    page: &Snapshot,
    query: &CssQuery,
    attribute: Option<&str>,
    regex: Option<&Regex>,
) -> Result<String, String> {
    let html = page.dom();
    let mut elements = dom::select(&html, &query.selector).peekable();
    if elements.peek().is_none() {
        return Err(format!("the page has no element `{}`", query.text));
    }
    let Some(attribute) = attribute else {
        let nothing = || format!("`{}` has no text", query.text);
        return first_that_fits(elements.map(dom::text_of), regex, nothing);
    };
    let most = if regex.is_some() { usize::MAX } else { 1 };
    let values = elements
        .take(most)
        .filter_map(|element| element.attr(attribute));
    first_that_fits(values.map(str::to_owned), regex, || {
        format!("`{}` has no attribute `{attribute}`", query.text)
    })
}

/// A cookie's value as scripts take it: escapes are undone, where that gives a text.
fn percent_decoded(value: &str) -> String {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|_| first == b'%');
        match digits.and_then(|digits| HEXLOWER_PERMISSIVE.decode(digits).ok()) {
            Some(byte) => {
                out.extend(byte);
                rest = &behind[2..];
            }
            None => {
                out.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| value.to_owned())
}

fn path_matches(pattern: &str, page: &Snapshot) -> bool {
    let mut address = page.url.path().to_owned();
    if pattern.contains('?') {
        address = format!("{address}?{}", page.url.query().unwrap_or_default());
    }
    wildcard(pattern, &address)
}

/// Whether a text fits a pattern in which `*` stands for anything, also for nothing.
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The page is another one than expected; what it says itself is told, too.
fn wrong_page<T>(page: &Snapshot, before: Option<&Snapshot>, message: &str) -> Result<T, Trouble> {
    let known = before.map(complaints).unwrap_or_default();
    content_fault(match new_complaint(page, &known) {
        Some(complaint) => format!("{message}; it complains: {}", quoted(&complaint)),
        None => format!("{message}; {}", page.gist()),
    })
}

fn content_fault<T>(message: String) -> Result<T, Trouble> {
    Err(Trouble::Site(Fault::Content, message))
}

fn expand(template: &Template, scope: &Scope) -> Result<String, Trouble> {
    template.expand(scope).map_err(|error| no_value(&error))
}

fn query(expanded: Result<CssQuery, String>) -> Result<CssQuery, Trouble> {
    expanded.map_err(|message| Trouble::Ours(Why::Ourselves, message))
}

fn no_value(error: &NoValue) -> Trouble {
    Trouble::Ours(Why::NotConfigured, error.to_string())
}
