//! Addresses of a recording: what of them a flow can write, and the secrets in them.
//!
//! Must not know steps.

use url::Url;

use super::export::{Deed, Event};
use super::secrets::Secrets;
use super::words;

/// What is to be said about an address: what, why, and what to do.
pub(super) type Doubt = (&'static str, &'static str, &'static str);

/// Adds the secrets that stand in the addresses of pages.
pub(super) fn add_secrets(events: &[Event], secrets: &mut Secrets) {
    for event in events {
        let visited = match &event.deed {
            Deed::Navigate(url) => Some(url),
            _ => None,
        };
        let seen = event.navigation.as_ref().and_then(|n| n.url.as_ref());
        for url in visited.into_iter().chain(seen) {
            let Ok(url) = Url::parse(url) else { continue };
            for (key, value) in url.query_pairs() {
                let words = words::words(&key);
                if let Some(name) = words::secret(&words, &value) {
                    secrets.add_from_address(name, &value);
                } else if is_one_time(&words, &value) {
                    secrets.add_from_address("PROBE_SECRET", &value);
                }
            }
            if let Some(password) = url.password() {
                secrets.add_from_address("PROBE_PASSWORD", password);
                secrets.add_from_address("PROBE_USERNAME", url.username());
            }
        }
    }
}

/// Whether a parameter of an address holds good for one visit only.
fn is_one_time(words: &[String], value: &str) -> bool {
    const SURELY: [&str; 9] = [
        "token",
        "session",
        "sid",
        "jsessionid",
        "csrf",
        "otp",
        "nonce",
        "jwt",
        "ticket",
    ];
    const IF_LONG: [&str; 5] = ["code", "state", "key", "signature", "auth"];
    let has = |of: &[&str]| words.iter().any(|word| of.contains(&word.as_str()));
    has(&SURELY) || (has(&IF_LONG) && value.len() >= 8)
}

/// Path, query and page of an address, without what a flow cannot or must not repeat.
pub(super) fn of(url: &Url) -> (String, Vec<Doubt>) {
    let mut doubts = Vec::new();
    let mut kept = Vec::new();
    let pairs = url.query().unwrap_or_default().split('&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let one_time = url::form_urlencoded::parse(pair.as_bytes())
            .next()
            .is_some_and(|(key, value)| is_one_time(&words::words(&key), &value));
        if one_time {
            doubts.push((
                "a parameter of the address",
                "it looks as if it held good once only, and was left out",
                "`capture` it from the page before, if the site wants it",
            ));
        } else {
            kept.push(pair);
        }
    }
    if !url.username().is_empty() || url.password().is_some() {
        doubts.push((
            "a user and password in the address",
            "a flow file holds none, and they were left out",
            "use `request` with an `Authorization` header of `${…}` names, if the site wants them",
        ));
    }
    let mut address = url.path().to_owned();
    if address.split('/').any(words::is_id) {
        doubts.push((
            "an address with what looks like one record's id",
            "the record may not be there next time",
            "`capture` the id in an earlier step, and write it as `${name}`",
        ));
    }
    if !kept.is_empty() {
        address = format!("{address}?{}", kept.join("&"));
    }
    // Applications drawn by script have their pages behind the `#`.
    if let Some(page) = url.fragment().filter(|f| f.starts_with(['/', '!'])) {
        address = format!("{address}#{page}");
    }
    (address, doubts)
}
