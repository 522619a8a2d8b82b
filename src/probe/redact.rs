//! Keeping secrets out of everything that is printed, logged or stored.
//!
//! Owns the masking. Must not know what it masks for.

use data_encoding::BASE64;
use regex::Regex;
use reqwest::header::{self, HeaderMap};

/// Masks the secrets of a run wherever they turn up, as they are and as pages, addresses and
/// JSON write them.
#[derive(Clone, Default)]
pub struct Redactor {
    /// What to look for and what to put there, longest first.
    masks: Vec<(String, String)>,
}

/// The shortest secret that is masked; shorter ones would mask ordinary text.
pub const SHORTEST: usize = 4;

impl Redactor {
    /// Takes names and values.
    pub fn new<'s>(secrets: impl IntoIterator<Item = (&'s str, &'s str)>) -> Self {
        let mut masks = Vec::new();
        for (name, value) in secrets {
            if value.len() < SHORTEST {
                continue;
            }
            let mask = format!("•••{name}•••");
            let mut forms = vec![value.to_owned(), BASE64.encode(value.as_bytes())];
            for apostrophe in ["'", "&#39;", "&#x27;", "&apos;"] {
                for quote in ["\"", "&quot;", "&#34;"] {
                    forms.push(escaped(value, apostrophe, quote));
                }
            }
            let form = url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
            forms.push(form.replace('+', "%20"));
            forms.push(lower_hex(&form));
            forms.push(form);
            forms.push(in_path(value));
            forms.push(in_query(value));
            if let Ok(json) = serde_json::to_string(value) {
                forms.push(json.trim_matches('"').to_owned());
            }
            forms.sort();
            forms.dedup();
            masks.extend(forms.into_iter().map(|form| (form, mask.clone())));
        }
        masks.sort_by_key(|(form, _)| std::cmp::Reverse(form.len()));
        Redactor { masks }
    }

    /// The text with every secret masked.
    pub fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (form, mask) in &self.masks {
            if text.contains(form) {
                text = text.replace(form, mask);
            }
        }
        text
    }

    /// The text of headers, one a line: secrets masked, and whatever authenticates.
    pub fn headers(&self, headers: &HeaderMap) -> String {
        let mut out = String::new();
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            let value = if *name == header::SET_COOKIE {
                masked_cookie(&value)
            } else if [
                header::COOKIE,
                header::AUTHORIZATION,
                header::PROXY_AUTHORIZATION,
            ]
            .contains(name)
            {
                "•••".to_owned()
            } else {
                self.text(&value)
            };
            out.push_str(&format!("{name}: {value}\n"));
        }
        out
    }
}

/// The name and attributes of a cookie say what happened; its value would sign anyone in.
fn masked_cookie(cookie: &str) -> String {
    let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
    let name = pair.split('=').next().unwrap_or_default().trim();
    let separator = if attributes.is_empty() { "" } else { ";" };
    format!("{name}=•••{separator}{attributes}")
}

fn escaped(value: &str, apostrophe: &str, quote: &str) -> String {
    value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', apostrophe)
        .replace('"', quote)
}

fn in_path(value: &str) -> String {
    let mut url = base();
    url.set_path(value);
    url.path().trim_start_matches('/').to_owned()
}

fn in_query(value: &str) -> String {
    let mut url = base();
    url.set_query(Some(value));
    url.query().unwrap_or_default().to_owned()
}

#[allow(clippy::expect_used, reason = "a constant")]
fn base() -> url::Url {
    url::Url::parse("http://host").expect("a constant")
}

fn lower_hex(text: &str) -> String {
    #[allow(clippy::expect_used, reason = "a constant")]
    static HEX: std::sync::LazyLock<Regex> =
        std::sync::LazyLock::new(|| Regex::new("%[0-9A-F]{2}").expect("a constant"));
    HEX.replace_all(text, |found: &regex::Captures<'_>| {
        found[0].to_ascii_lowercase()
    })
    .into_owned()
}
