//! The last net under log lines: what looks like a person's address or a secret is masked.
//! It replaces no care; who logs must not put such things in.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

static PRIVATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = [
        // https://user:password@host
        r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s@]+@",
        // name@host
        r"(?P<first>[A-Za-z0-9])[A-Za-z0-9._%+'-]*@(?P<host>[A-Za-z0-9-]+\.[A-Za-z0-9.-]+)",
        // https://host/path?query
        r#"(?P<page>https?://[^\s?"]+)\?[^\s"]+"#,
        // Authorization: Bearer …
        r"(?P<bearer>(?i:bearer|basic) )[A-Za-z0-9._~+/=-]{8,}",
        // password=… "secret":"…"
        r#"(?P<name>(?i:passw(?:or)?d|secret|token|cookie|passport|passport_number|email|phone|billing_code)\\?"?\s*[=:]\s*\\?"?)[^\s",}\\]+"#,
    ]
    .join("|");
    Regex::new(&pattern).ok()
});

/// The text with mail addresses, credentials and queries of addresses, and values named
/// like secrets or personal data masked by `…`.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let Some(private) = &*PRIVATE else {
        return Cow::Borrowed("…\n");
    };
    private.replace_all(text, |found: &Captures<'_>| {
        let group = |name| found.name(name).map(|m| m.as_str());
        if let Some(scheme) = group("scheme") {
            format!("{scheme}…@")
        } else if let (Some(first), Some(host)) = (group("first"), group("host")) {
            format!("{first}…@{host}")
        } else if let Some(page) = group("page") {
            format!("{page}?…")
        } else {
            format!("{}…", group("bearer").or(group("name")).unwrap_or_default())
        }
    })
}
