//! The cookies of one client, as a browser keeps and sends them.
//!
//! `cookie_store` keeps them by the standard; what browsers demand beyond it is asked here before:
//! public suffixes, prefixes of names, sizes, and the order in which they are sent.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use reqwest::header::HeaderValue;
use url::Url;

/// The most bytes of a cookie's name and value together.
const MAX_COOKIE: usize = 4096;
/// The most bytes of an attribute; what is longer is passed over.
const MAX_ATTRIBUTE: usize = 1024;
/// The most cookies of one client; browsers keep 180 of a site.
const MAX_COOKIES: usize = 1000;

/// The cookies of one client.
#[derive(Default)]
pub struct Cookies(RwLock<Jar>);

#[derive(Default)]
struct Jar {
    store: cookie_store::CookieStore,
    /// When each got its value, by domain, path and name: the older goes first. The standard has
    /// one keep its place whatever its value; browsers do not.
    born: HashMap<(String, String, String), u64>,
    /// How many got a value so far.
    turn: u64,
}

impl Cookies {
    /// Adds one, as a `Set-Cookie` header from `url` would.
    pub fn add(&self, cookie: &str, url: &Url) {
        let mut jar = self.0.write().unwrap_or_else(PoisonError::into_inner);
        jar.set(cookie, url);
    }

    /// Forgets all of them.
    pub(super) fn forget(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Jar::default();
    }
}

impl reqwest::cookie::CookieStore for Cookies {
    fn set_cookies(&self, set: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        let mut jar = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for cookie in set {
            // Bytes beyond ASCII are kept and sent as they came.
            let text: String = cookie
                .as_bytes()
                .iter()
                .map(|byte| char::from(*byte))
                .collect();
            jar.set(&text, url);
        }
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        let jar = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let line = jar.line(url);
        let bytes: Vec<u8> = line
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
            .collect();
        HeaderValue::from_bytes(&bytes)
            .ok()
            .filter(|_| !line.is_empty())
    }
}

impl Jar {
    fn set(&mut self, line: &str, url: &Url) {
        let Some(line) = accepted(line, url) else {
            return;
        };
        let Ok(cookie) = cookie_store::Cookie::parse(line, url) else {
            return;
        };
        let cookie = cookie.into_owned();
        let domain = String::from(&cookie.domain);
        let key = (domain, String::from(&cookie.path), cookie.name().to_owned());
        let known = self.store.get(&key.0, &key.1, &key.2);
        if known.is_none_or(|known| known.value() != cookie.value()) {
            if self.born.len() >= MAX_COOKIES && !self.born.contains_key(&key) {
                return;
            }
            self.born.insert(key, self.turn);
            self.turn += 1;
        }
        let _ = self.store.insert(cookie, url);
    }

    /// What is sent to an address: longer paths first, and the older first.
    fn line(&self, url: &Url) -> String {
        if self.born.is_empty() {
            return String::new();
        }
        let mut url = url.clone();
        // What comes to this machine itself is as safe as TLS.
        if is_trusted(&url) {
            let _ = url.set_scheme("https");
        }
        let mut cookies: Vec<_> = self
            .store
            .matches(&url)
            .into_iter()
            .map(|cookie| {
                let path = String::from(&cookie.path);
                let length = path.len();
                let key = (String::from(&cookie.domain), path, cookie.name().to_owned());
                let born = self.born.get(&key).copied().unwrap_or_default();
                (std::cmp::Reverse(length), born, cookie)
            })
            .collect();
        cookies.sort_by_key(|(length, born, _)| (*length, *born));
        let pairs = cookies.iter().map(|(_, _, cookie)| match cookie.name() {
            NAMELESS => cookie.value().to_owned(),
            name => format!("{name}={}", cookie.value()),
        });
        pairs.collect::<Vec<_>>().join("; ")
    }
}

/// The name under which a cookie without one is kept; none that comes can have it.
const NAMELESS: &str = "\u{0}";

/// The line as it may be kept; `None` where browsers refuse it.
fn accepted(line: &str, url: &Url) -> Option<String> {
    let mut parts = line.split(';');
    let pair = parts.next().unwrap_or_default().trim();
    let (name, value) = match pair.split_once('=') {
        Some((name, value)) => (name.trim(), value.trim()),
        None => ("", pair),
    };
    if pair.is_empty() || pair == "=" || name.len() + value.len() > MAX_COOKIE {
        return None;
    }
    if name
        .chars()
        .chain(value.chars())
        .any(|c| c.is_ascii_control() && c != '\t')
    {
        return None;
    }
    let mut attributes = Vec::new();
    let (mut is_secure, mut is_everywhere) = (false, false);
    let (mut domain, mut path) = ("", "");
    for part in parts {
        let (key, value) = match part.split_once('=') {
            Some((key, value)) => (key.trim(), value.trim()),
            None => (part.trim(), ""),
        };
        if value.len() > MAX_ATTRIBUTE {
            continue;
        }
        match &*key.to_ascii_lowercase() {
            "secure" => is_secure = true,
            "domain" => {
                domain = value.strip_prefix('.').unwrap_or(value);
                continue;
            }
            "path" => path = value,
            "samesite" => is_everywhere = value.eq_ignore_ascii_case("none"),
            _ => {}
        }
        attributes.push(part);
    }
    let host = url.host_str().unwrap_or_default();
    let has_prefix = |prefix: &str| {
        // A cookie without a name could pass for one with it by its value.
        let beginning = if name.is_empty() { value } else { name };
        let beginning = beginning.get(..prefix.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(prefix))
    };
    let is_trusted = is_trusted(url);
    let (is_of_secure, is_of_host) = (has_prefix("__Secure-"), has_prefix("__Host-"));
    let lacks_security = match is_secure {
        true => !is_trusted,
        false => is_everywhere || is_of_secure || is_of_host,
    };
    let refused = lacks_security
        || is_of_host && !(domain.is_empty() && path == "/")
        || name.is_empty() && (is_of_secure || is_of_host);
    if refused {
        return None;
    }
    let name = if name.is_empty() { NAMELESS } else { name };
    let mut kept = format!("{name}={value}");
    for attribute in attributes {
        kept.push(';');
        kept.push_str(attribute);
    }
    match domain {
        "" => {}
        // Whoever has the name of a public suffix has only that host.
        domain if is_public_suffix(domain) => {
            if !domain.eq_ignore_ascii_case(host) {
                return None;
            }
        }
        domain => {
            kept.push_str("; Domain=");
            kept.push_str(domain);
        }
    }
    Some(kept)
}

/// Whether a name is one under which strangers register theirs, such as `go.id`.
fn is_public_suffix(domain: &str) -> bool {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    psl::suffix_str(&domain).is_some_and(|suffix| suffix == domain)
}

/// Whether nobody on the way can read what is sent.
fn is_trusted(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => super::is_localhost(name),
            None => false,
        }
}
