//! What a browser sends when a form is submitted.
//!
//! Owns the rules of the HTML standard on controls, their values and their encodings.
//! Plain functions from a page's text and what was done to its fields to a request; must
//! not know how requests are sent.

mod controls;
mod disabled;
mod encoding;
mod kinds;
mod validity;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ego_tree::NodeId;
use encoding_rs::{Encoding, UTF_8};
use hyper::body::Bytes;
use scraper::{ElementRef, Html};
use url::Url;

use super::definition::Query;
use super::dom::{self, named};
use super::page::LEADS_ON_WITHIN;
pub use encoding::{Body, Field, FieldValue};
pub(crate) use kinds::kind;

/// What a link is that is not followed.
pub const A_DOWNLOAD: &str = "a link to a download; `request` fetches one";

/// Why a radio button is not switched off.
pub const ONLY_BY_ANOTHER: &str = "a radio button, which only another one can switch off";

/// Why a field takes no text of this length.
pub fn too_long(most: usize) -> String {
    format!("a field for at most {most} characters, and the text is longer")
}

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
    /// Whether it only leads to another place on the same page.
    pub stays: bool,
}

/// Why a page cannot be acted on as asked: the page is not as the flow expects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Nothing matches; behind it a hint, which may be empty.
    #[error("the page has no element `{0}`{1}")]
    Missing(String, String),
    /// Too much matches; behind it how many, and which.
    #[error("the page has {1} elements `{0}`, so it is unclear which is meant: {2}")]
    Several(String, usize, String),
    /// What matches is something else.
    #[error("`{0}` is {1}")]
    Unfit(String, String),
    /// The select has no such option.
    #[error("`{0}` has no option `{1}`; it has: {2}")]
    NoOption(String, String, String),
    /// The browser does not send the form like this; behind it why.
    #[error("the page holds the form `{0}` back: {1}")]
    Held(String, String),
    /// The address of the form or link is not one.
    #[error("`{0}` leads to `{1}`, which is no address of the web")]
    Address(String, String),
}

/// A page's text, parsed, with the base of its addresses.
pub struct Dom {
    html: Html,
    owners: dom::Owners,
    ids: OnceCell<HashMap<String, NodeId>>,
    barred: OnceCell<HashSet<NodeId>>,
    url: Url,
    base: Url,
    encoding: &'static Encoding,
}

impl Dom {
    /// Parses a page that came from `url`.
    pub fn parse(text: &str, url: &Url) -> Self {
        let (html, owners) = dom::parse_with_owners(text);
        Self::new(html, owners, url)
    }

    /// A page that is parsed already, and in which controls belong to the forms around them.
    pub fn of_tree(html: Html, url: &Url) -> Self {
        Self::new(html, dom::Owners::new(), url)
    }

    fn new(html: Html, owners: dom::Owners, url: &Url) -> Self {
        let base = first(&html, "base[href]")
            .and_then(|element| url.join(element.attr("href")?).ok())
            .unwrap_or_else(|| url.clone());
        Dom {
            html,
            owners,
            ids: OnceCell::new(),
            barred: OnceCell::new(),
            url: url.clone(),
            base,
            encoding: UTF_8,
        }
    }

    /// The same page, that was not sent in UTF-8.
    pub fn encoded_in(self, encoding: &'static Encoding) -> Self {
        Dom { encoding, ..self }
    }

    /// Where the page leads by itself, and after how long, if it is soon and elsewhere: by what
    /// its answer's `Refresh` header says, else by the page.
    pub fn leads_on(&self, header: Option<&str>) -> Option<(Duration, Url)> {
        let in_page = || first(&self.html, "meta[http-equiv=refresh i][content]")?.attr("content");
        let (delay, address) = refresh(header.or_else(in_page)?)?;
        let mut url = resolve(self, self.base_of(address), address)?;
        url.set_fragment(None);
        let elsewhere = url != self.url && delay <= LEADS_ON_WITHIN;
        elsewhere.then_some((delay, url))
    }

    /// What an address of a form or a refresh is relative to: without one it is the page itself,
    /// whatever the page's base.
    fn base_of(&self, address: &str) -> &Url {
        match address {
            "" => &self.url,
            _ => &self.base,
        }
    }

    /// The first element with an id.
    fn by_id(&self, id: &str) -> Option<ElementRef<'_>> {
        let ids = self.ids.get_or_init(|| {
            let mut ids = HashMap::new();
            for element in self.html.tree.nodes().filter_map(ElementRef::wrap) {
                if let Some(id) = element.attr("id") {
                    ids.entry(id.to_owned()).or_insert_with(|| element.id());
                }
            }
            ids
        });
        ElementRef::wrap(self.html.tree.get(*ids.get(id)?)?)
    }

    /// The elements that disabled fieldsets disable.
    fn barred(&self) -> &HashSet<NodeId> {
        self.barred.get_or_init(|| disabled::barred(&self.html))
    }

    /// Whether something is left out, because it is optional and the page has no such element.
    pub fn lacks_optional(&self, query: &Query) -> bool {
        query.is_optional && self.find(query).is_empty()
    }

    /// The elements that a query means.
    fn find(&self, query: &Query) -> Vec<ElementRef<'_>> {
        named::find(&self.html, query)
    }

    /// The one element that a selector means.
    fn only(&self, query: &Query) -> Result<ElementRef<'_>, FormError> {
        match &self.find(query)[..] {
            [element] => Ok(*element),
            [] => {
                let css = query.plain_css();
                let near = css.and_then(|css| dom::similar(&self.html, &css.text));
                Err(FormError::Missing(
                    query.text.clone(),
                    near.unwrap_or_default(),
                ))
            }
            several => Err(self.several(query, several)),
        }
    }

    /// More than one element is meant.
    fn several(&self, query: &Query, found: &[ElementRef<'_>]) -> FormError {
        let told = named::told_apart(found);
        FormError::Several(query.text.clone(), found.len(), told)
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
    if button.is_some_and(|button| disabled::is_disabled(dom, button)) {
        return Err(unfit(query, "a disabled button"));
    }
    let changed = controls::Changed::new(dom, changes)?;
    submission(dom, &changed, query, form, button)
}

/// What a form sends, `button` being the one that was pressed.
fn submission(
    dom: &Dom,
    changed: &controls::Changed<'_>,
    query: &Query,
    form: ElementRef<'_>,
    button: Option<ElementRef<'_>>,
) -> Result<Submission, FormError> {
    if let Some(held) = changed.held(dom, form, button) {
        return Err(FormError::Held(query.text.clone(), held));
    }
    let encoding = encoding_of(dom, form);
    let fields = changed.fields(dom, form, button, encoding);
    let given = |name: &str, override_name: &str| {
        let overriding = button.and_then(|button| button.attr(override_name));
        overriding
            .or_else(|| form.attr(name))
            .unwrap_or_default()
            .trim()
    };
    let action = given("action", "formaction");
    let mut url = resolve(dom, dom.base_of(action), action)
        .ok_or_else(|| FormError::Address(query.text.clone(), action.to_owned()))?;
    url.set_fragment(None);
    let body = if given("method", "formmethod").eq_ignore_ascii_case("post") {
        match given("enctype", "formenctype")
            .to_ascii_lowercase()
            .as_str()
        {
            "multipart/form-data" => Body::multipart(fields, encoding),
            "text/plain" => Body::plain(&fields, encoding),
            _ => Body::Urlencoded(encoding::urlencoded(&fields, encoding)),
        }
    } else {
        url.set_query(Some(&encoding::urlencoded(&fields, encoding)));
        return Ok(Submission {
            method: reqwest::Method::GET,
            url,
            body: Body::None,
            stays: false,
        });
    };
    Ok(Submission {
        method: reqwest::Method::POST,
        url,
        body,
        stays: false,
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
    // What was written before is lost with the page, but must have had a field.
    check(dom, changes)?;
    let link = std::iter::once(element)
        .chain(element.ancestors().filter_map(ElementRef::wrap))
        .find(|element| matches!(element.value().name(), "a" | "area"));
    let Some(href) = link.and_then(|link| link.attr("href")) else {
        return Err(unfit(
            query,
            &format!("{}, neither a link nor a button", what(element)),
        ));
    };
    if link.is_some_and(|link| link.attr("download").is_some()) {
        return Err(unfit(query, A_DOWNLOAD));
    }
    let mut url = resolve(dom, &dom.base, href.trim())
        .ok_or_else(|| FormError::Address(query.text.clone(), href.to_owned()))?;
    let (mut here, has_fragment) = (dom.url.clone(), url.fragment().is_some());
    url.set_fragment(None);
    here.set_fragment(None);
    Ok(Submission {
        method: reqwest::Method::GET,
        stays: has_fragment && url == here,
        url,
        body: Body::None,
    })
}

/// What pressing Enter on `query` asks for, after `changes`; `None`: nothing.
pub fn enter(
    dom: &Dom,
    changes: &[(Query, Change)],
    query: &Query,
) -> Result<Option<Submission>, FormError> {
    let element = dom.only(query)?;
    let is_link = element.value().name() == "a" && element.attr("href").is_some();
    if controls::is_submit_button(element) || is_link {
        return click(dom, changes, query).map(Some);
    }
    if !controls::submits_by_enter(element) {
        let what = what(element);
        return Err(unfit(query, &format!("{what}, where Enter sends no form")));
    }
    if disabled::is_disabled(dom, element) {
        return Err(unfit(query, "disabled"));
    }
    let changed = controls::Changed::new(dom, changes)?;
    let Some(form) = controls::form_of(dom, element) else {
        return Ok(None);
    };
    match controls::default_button(dom, form) {
        Some(button) if disabled::is_disabled(dom, button) => Ok(None),
        None if controls::needs_button(dom, form) => Ok(None),
        button => submission(dom, &changed, query, form, button).map(Some),
    }
}

/// The encoding that a form names, else the page's.
fn encoding_of(dom: &Dom, form: ElementRef<'_>) -> &'static Encoding {
    let named = form.attr("accept-charset").unwrap_or_default();
    let named = named
        .split_ascii_whitespace()
        .find_map(|label| Encoding::for_label(label.as_bytes()));
    named.unwrap_or(dom.encoding).output_encoding()
}

/// The delay and the address of a refresh, by the HTML standard; no address: the page itself.
fn refresh(text: &str) -> Option<(Duration, &str)> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (seconds, rest) = text.split_at(end);
    if seconds.is_empty() && !rest.starts_with('.') {
        return None;
    }
    let delay = Duration::from_secs(seconds.parse().unwrap_or_default());
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !rest.is_empty() && !rest.starts_with([';', ',']) && !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix([';', ',']).unwrap_or(rest).trim_start();
    let named = match rest.get(..3) {
        Some(url) if url.eq_ignore_ascii_case("url") => rest[3..]
            .trim_start()
            .strip_prefix('=')
            .map(str::trim_start),
        _ => None,
    };
    let address = named.unwrap_or(rest);
    let quoted = ['"', '\''].into_iter().find_map(|quote| {
        let inside = address.strip_prefix(quote)?;
        Some(inside.split(quote).next().unwrap_or_default())
    });
    Some((delay, quoted.unwrap_or(address)))
}

fn resolve(dom: &Dom, base: &Url, address: &str) -> Option<Url> {
    // What is not ASCII in a query goes in the page's encoding.
    let encoding = dom.encoding.output_encoding();
    let encode: &dyn Fn(&str) -> Cow<'_, [u8]> =
        &|text| Cow::Owned(encoding::in_query(text, encoding));
    let options = Url::options().base_url(Some(base));
    let url = options
        .encoding_override(Some(encode))
        .parse(address)
        .ok()?;
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
