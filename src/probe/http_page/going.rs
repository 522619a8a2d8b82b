//! One request on its way: what a browser sends along, and what a redirect makes of it.

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

/// What a browser takes where it asks for a page.
const PAGES: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
/// In what language, first of all.
const LANGUAGES: &str = "id,en;q=0.8";

/// One request, with what a browser would send along.
pub(super) struct Going {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<(String, hyper::body::Bytes)>,
    pub(super) referrer: Option<Url>,
    pub(super) navigation: bool,
    /// Whether the page leads there, and not the flow.
    pub(super) led: bool,
    /// Whether a document is in the body.
    pub(super) has_file: bool,
}

impl Going {
    /// Method and path, for messages.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }

    /// As browsers do: 301 and 302 make a `GET` of a `POST`, 303 of anything but `HEAD`, and
    /// 307 and 308 send the same again.
    pub(super) fn follow(&mut self, status: StatusCode, location: Url) {
        let becomes_get = match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            _ => false,
        };
        if becomes_get && self.method != Method::GET {
            self.method = Method::GET;
            self.body = None;
            self.has_file = false;
            self.headers.remove(header::CONTENT_TYPE);
        }
        if location.origin() != self.url.origin() {
            self.headers.remove(header::AUTHORIZATION);
        }
        self.url = location;
    }

    pub(super) fn browser_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let accept = if self.navigation { PAGES } else { "*/*" };
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(LANGUAGES));
        let mut set = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        if let Some(referrer) = &self.referrer {
            if let Some(value) = referer(referrer, &self.url) {
                set(header::REFERER, &value);
            }
            if self.method != Method::GET && self.method != Method::HEAD {
                set(header::ORIGIN, &referrer.origin().ascii_serialization());
            }
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        headers
    }
}

/// The policy that browsers keep to unasked (`strict-origin-when-cross-origin`).
fn referer(from: &Url, to: &Url) -> Option<String> {
    if from.scheme() == "https" && to.scheme() == "http" {
        return None;
    }
    let mut from = from.clone();
    if from.origin() != to.origin() {
        return Some(format!("{}/", from.origin().ascii_serialization()));
    }
    from.set_fragment(None);
    let _ = (from.set_username(""), from.set_password(None));
    Some(from.into())
}
