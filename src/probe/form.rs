//! What a browser sends when a form is submitted.
//!
//! Owns the rules of the HTML standard on controls, their values and their encodings.
//! Plain functions from a page's text and what was done to its fields to a request; must
//! not know how requests are sent.

mod controls;
mod encoding;

use hyper::body::Bytes;
use scraper::{ElementRef, Html};
use url::Url;

use super::definition::Query;
use super::dom;
pub use encoding::{Body, Field, FieldValue};

/// A file put on a file field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The name that is sent.
    pub name: String,
    /// The media type that is sent.
    pub media_type: String,
    /// The bytes.
    pub bytes: Bytes,
}

/// What was done to a field of the page.
#[derive(Clone, Debug)]
pub enum Change {
    /// Text was written into it.
    Fill(String),
    /// One of its options was chosen, by value or visible label.
    Choose(Vec<String>),
    /// It was checked or unchecked.
    Check(bool),
    /// A file was put on it.
    Upload(File),
}

/// What a submission or a followed link asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// `GET` or `POST`.
    pub method: reqwest::Method,
    /// The address, with the fields of a `GET` in its query.
    pub url: Url,
    /// The fields of a `POST`.
    pub body: Body,
}

/// Why a page cannot be acted on as asked: the page is not as the flow expects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Nothing matches.
    #[error("the page has no element `{0}`")]
    Missing(String),
    /// Too much matches.
    #[error("the page has {1} elements `{0}`, so it is unclear which is meant")]
    Several(String, usize),
    /// What matches is something else.
    #[error("`{0}` is {1}")]
    Unfit(String, String),
    /// The select has no such option.
    #[error("`{0}` has no option `{1}`; it has: {2}")]
    NoOption(String, String, String),
    /// The address of the form or link is not one.
    #[error("`{0}` leads to `{1}`, which is no address of the web")]
    Address(String, String),
}

/// A page's text, parsed, with the base of its addresses.
pub struct Dom {
    html: Html,
    url: Url,
    base: Url,
}

impl Dom {
    /// Parses a page that came from `url`.
    pub fn parse(text: &str, url: &Url) -> Self {
        let html = Html::parse_document(text);
        let base = first(&html, "base[href]")
            .and_then(|element| url.join(element.attr("href")?).ok())
            .unwrap_or_else(|| url.clone());
        Dom {
            html,
            url: url.clone(),
            base,
        }
    }

    /// The one element that a selector means.
    fn only(&self, query: &Query) -> Result<ElementRef<'_>, FormError> {
        let mut found = dom::select(&self.html, &query.selector);
        match (found.next(), found.count()) {
            (Some(element), 0) => Ok(element),
            (None, _) => Err(FormError::Missing(query.text.clone())),
            (Some(_), others) => Err(FormError::Several(query.text.clone(), others + 1)),
        }
    }
}

fn first<'h>(html: &'h Html, selector: &str) -> Option<ElementRef<'h>> {
    let selector = scraper::Selector::parse(selector).ok()?;
    dom::select(html, &selector).next()
}

/// Checks that the changes can be made to the page, without submitting anything.
pub fn check(dom: &Dom, changes: &[(Query, Change)]) -> Result<(), FormError> {
    controls::Changed::new(dom, changes).map(drop)
}

/// What submitting `query` (a form, or one of its buttons) sends, after `changes`.
pub fn submit(
    dom: &Dom,
    changes: &[(Query, Change)],
    query: &Query,
) -> Result<Submission, FormError> {
    let element = dom.only(query)?;
    let (form, button) = if element.value().name() == "form" {
        (element, None)
    } else if controls::is_submit_button(element) {
        match controls::form_of(dom, element) {
            Some(form) => (form, Some(element)),
            None => return Err(unfit(query, "a button without a form")),
        }
    } else {
        return Err(unfit(
            query,
            &format!("{}, neither a form nor a submit button", what(element)),
        ));
    };
    if button.is_some_and(|button| controls::is_disabled(button)) {
        return Err(unfit(query, "a disabled button"));
    }
    let changed = controls::Changed::new(dom, changes)?;
    let fields = changed.fields(dom, form, button);
    let given = |name: &str, override_name: &str| {
        let overriding = button.and_then(|button| button.attr(override_name));
        overriding
            .or_else(|| form.attr(name))
            .unwrap_or_default()
            .trim()
    };
    let action = given("action", "formaction");
    let mut url = resolve(dom, action)
        .ok_or_else(|| FormError::Address(query.text.clone(), action.to_owned()))?;
    url.set_fragment(None);
    let body = if given("method", "formmethod").eq_ignore_ascii_case("post") {
        match given("enctype", "formenctype")
            .to_ascii_lowercase()
            .as_str()
        {
            "multipart/form-data" => Body::Multipart(fields),
            "text/plain" => Body::Plain(encoding::plain(&fields)),
            _ => Body::Urlencoded(encoding::urlencoded(&fields)),
        }
    } else {
        url.set_query(Some(&encoding::urlencoded(&fields)));
        return Ok(Submission {
            method: reqwest::Method::GET,
            url,
            body: Body::None,
        });
    };
    Ok(Submission {
        method: reqwest::Method::POST,
        url,
        body,
    })
}

/// What clicking `query` (a link, or a submit button) asks for, after `changes`.
pub fn click(
    dom: &Dom,
    changes: &[(Query, Change)],
    query: &Query,
) -> Result<Submission, FormError> {
    let element = dom.only(query)?;
    if controls::is_submit_button(element) {
        return submit(dom, changes, query);
    }
    let link = std::iter::once(element)
        .chain(element.ancestors().filter_map(ElementRef::wrap))
        .find(|element| matches!(element.value().name(), "a" | "area"));
    let Some(href) = link.and_then(|link| link.attr("href")) else {
        return Err(unfit(
            query,
            &format!("{}, neither a link nor a button", what(element)),
        ));
    };
    let mut url = resolve(dom, href.trim())
        .ok_or_else(|| FormError::Address(query.text.clone(), href.to_owned()))?;
    url.set_fragment(None);
    Ok(Submission {
        method: reqwest::Method::GET,
        url,
        body: Body::None,
    })
}

/// An empty address means the page itself, whatever its base.
fn resolve(dom: &Dom, address: &str) -> Option<Url> {
    let base = if address.is_empty() {
        &dom.url
    } else {
        &dom.base
    };
    let url = base.join(address).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

fn unfit(query: &Query, what: &str) -> FormError {
    FormError::Unfit(query.text.clone(), what.to_owned())
}

fn what(element: ElementRef<'_>) -> String {
    match (element.value().name(), element.attr("type")) {
        ("input", Some(kind)) => format!("an <input type=\"{kind}\">"),
        (name, _) => format!("a <{name}>"),
    }
}
