//! Keeping secrets out of everything that is printed, logged or stored.
//!
//! Owns the masking. Must not know what it masks for.

use std::sync::LazyLock;

use data_encoding::BASE64;
use regex::Regex;
use reqwest::header::HeaderMap;

/// Masks the secrets of a run wherever they turn up, as they are and as pages, addresses and
/// JSON write them.
#[derive(Clone, Default)]
pub struct Redactor {
    /// What to look for and what to put there, longest first.
    masks: Vec<(String, String)>,
    /// The secrets as people read them, and what is put there.
    shown: Vec<(String, String)>,
}

/// The shortest secret that is masked; shorter ones would mask ordinary text.
pub const SHORTEST: usize = 4;
/// The shortest token of a page's that is masked.
const SHORTEST_TOKEN: usize = 8;
/// The most tokens that are learnt in one run.
const MOST_LEARNT: usize = 64;

/// What names say of their values: that they let somebody in.
#[allow(clippy::expect_used, reason = "a constant")]
static TELLING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        "(?i)csrf|xsrf|token|nonce|secret|passw|session|sessid|jsessionid|^sid$|signature|\
         authenticity|authoriz|cookie|api-?key|viewstate|captcha",
    )
    .expect("a constant")
});

impl Redactor {
    /// Takes names and values.
    pub fn new<'s>(secrets: impl IntoIterator<Item = (&'s str, &'s str)>) -> Self {
        let mut redactor = Redactor::default();
        for (name, value) in secrets {
            redactor.add(name, value);
        }
        redactor
    }

    /// Masks this value too, wherever it turns up from now on.
    pub fn add(&mut self, name: &str, value: &str) {
        if value.trim().len() < SHORTEST || self.shown.iter().any(|(known, _)| known == value) {
            return;
        }
        let mask = format!("•••{name}•••");
        self.shown.push((value.to_owned(), mask.clone()));
        self.shown
            .sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        let mut whole = vec![value.to_owned()];
        whole.push(value.to_lowercase());
        whole.push(value.to_uppercase());
        whole.dedup();
        for value in &whole {
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
            let forms = forms.into_iter().filter(|form| form.len() >= SHORTEST);
            self.masks.extend(forms.map(|form| (form, mask.clone())));
        }
        self.masks
            .sort_by_key(|(form, _)| std::cmp::Reverse(form.len()));
        self.masks.dedup();
    }

    /// Masks from now on what lets somebody into the session under way: the values of cookies
    /// that answers set.
    pub fn learn_cookies<'h>(&mut self, headers: impl IntoIterator<Item = &'h (String, String)>) {
        for (name, value) in headers {
            if name.eq_ignore_ascii_case("set-cookie") {
                let pair = value.split(';').next().unwrap_or_default();
                let (_, value) = pair.split_once('=').unwrap_or_default();
                self.learn("cookie", value.trim());
            }
        }
    }

    /// Masks from now on the tokens of a page: what hidden fields and `meta` elements hold
    /// under a name that says so.
    pub fn learn_tokens(&mut self, html: &str) {
        #[allow(clippy::expect_used, reason = "a constant")]
        static TAG: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r#"(?i)<(?:input|meta)\b(?:[^>"']|"[^"]*"|'[^']*')*>"#).expect("a constant")
        });
        #[allow(clippy::expect_used, reason = "a constant")]
        static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r#"(?i)\b(name|id|value|content)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"#)
                .expect("a constant")
        });
        for tag in TAG.find_iter(html) {
            let (mut tells, mut value) = (false, "");
            for found in ATTRIBUTE.captures_iter(tag.as_str()) {
                let text = (2..=4).find_map(|group| found.get(group));
                let text = text.map_or("", |text| text.as_str());
                match found[1].to_ascii_lowercase().as_str() {
                    "name" | "id" => tells |= TELLING.is_match(text),
                    _ => value = text,
                }
            }
            if tells {
                self.learn("token", value);
            }
        }
    }

    fn learn(&mut self, name: &str, value: &str) {
        let learnt = self
            .shown
            .iter()
            .filter(|(_, mask)| mask == "•••token•••" || mask == "•••cookie•••");
        if value.len() >= SHORTEST_TOKEN && learnt.count() < MOST_LEARNT {
            self.add(name, value);
        }
    }

    /// The secrets as people read them, longest first, each with what is put there.
    pub fn shown(&self) -> &[(String, String)] {
        &self.shown
    }

    /// An address, or a text with addresses in it: secrets masked, names and passwords in
    /// front of hosts, and whatever the names of parameters say to be one.
    pub fn addresses(&self, text: &str) -> String {
        // Most have neither, and need not be searched.
        if !text.contains(['@', '=']) {
            return self.text(text);
        }
        #[allow(clippy::expect_used, reason = "a constant")]
        static WHO: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r#"://[^\s"'<>/?\#@]+@"#).expect("a constant"));
        #[allow(clippy::expect_used, reason = "a constant")]
        static VALUE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r#"([?&;#])([^\s"'<>=?&;#/]+)=([^\s"'<>&;#]+)"#).expect("a constant")
        });
        let text = WHO.replace_all(text, "://•••@");
        let masked = VALUE.replace_all(&text, |found: &regex::Captures<'_>| {
            let (mark, name) = (&found[1], &found[2]);
            if TELLING.is_match(name) {
                format!("{mark}{name}=•••")
            } else {
                found[0].to_owned()
            }
        });
        self.text(&masked)
    }

    /// The value of one header: secrets masked, and whatever authenticates.
    pub fn header(&self, name: &str, value: &str) -> String {
        if name.eq_ignore_ascii_case("set-cookie") {
            return self.text(&masked_cookie(value));
        }
        if TELLING.is_match(name) {
            return "•••".to_owned();
        }
        let holds_address = ["location", "referer", "link", "refresh", "content-location"];
        if holds_address
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other))
        {
            return self.addresses(value);
        }
        self.text(value)
    }

    /// The text with every secret masked.
    pub fn text(&self, text: &str) -> String {
        // Where each form comes next; all in one go, so that a mask is not masked again.
        let mut next: Vec<(usize, &str, &str)> = self
            .masks
            .iter()
            .filter_map(|(form, mask)| Some((text.find(form)?, form.as_str(), mask.as_str())))
            .collect();
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        // Of those that begin at the same place the first is the longest.
        while let Some(&(at, form, mask)) = next.iter().min_by_key(|(at, ..)| *at) {
            out.push_str(&text[end..at]);
            out.push_str(mask);
            end = at + form.len();
            next.retain_mut(|(at, form, _)| {
                if *at < end {
                    match text[end..].find(*form) {
                        Some(further) => *at = end + further,
                        None => return false,
                    }
                }
                true
            });
        }
        out.push_str(&text[end..]);
        out
    }

    /// The text of headers, one a line: secrets masked, and whatever authenticates.
    pub fn headers(&self, headers: &HeaderMap) -> String {
        let mut out = String::new();
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            let value = self.header(name.as_str(), &value);
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
    static HEX: LazyLock<Regex> = LazyLock::new(|| Regex::new("%[0-9A-F]{2}").expect("a constant"));
    HEX.replace_all(text, |found: &regex::Captures<'_>| {
        found[0].to_ascii_lowercase()
    })
    .into_owned()
}
