//! What was typed that must not stand in a file: passwords, who signs in, passport numbers.
//!
//! Owns finding them and taking every occurrence out of a text. Must not know flows.

use url::form_urlencoded::byte_serialize;

use super::export::{Deed, Event};
use super::words;

/// Shorter values are replaced only where they are all that was typed: they stand by chance
/// in any text.
const SHORTEST: usize = 3;

/// The most secrets of a recording; no form for people asks for more.
pub(super) const MOST: usize = 100;

/// Values and the names that stand for them.
#[derive(Default)]
pub(super) struct Secrets {
    /// In the order found; several values may have one name, where one was typed over another.
    found: Vec<(String, String)>,
    /// Every way in which a value may be written, longest first, in lower case.
    written: Vec<(Vec<char>, String)>,
}

impl Secrets {
    /// Looks through what was typed.
    pub(super) fn of(events: &[Event]) -> Self {
        let mut secrets = Secrets::default();
        let pages = events.split_inclusive(|event| event.navigation.is_some());
        let mut account_before = None;
        for page in pages {
            let typed: Vec<(&Event, &str)> = page
                .iter()
                .filter_map(|event| match &event.deed {
                    Deed::Change(value) if !value.is_empty() && !is_file(value) => {
                        Some((event, value.as_str()))
                    }
                    _ => None,
                })
                .collect();
            let mut signs_in = false;
            for (event, value) in &typed {
                if let Some(name) = words::secret(&event.element.words(), value) {
                    secrets.add(name, event, value, &typed);
                    signs_in |= matches!(name, "PROBE_PASSWORD" | "PROBE_PIN" | "PROBE_OTP");
                }
            }
            let accounts: Vec<_> = typed
                .iter()
                .filter(|(event, value)| {
                    words::secret(&event.element.words(), value).is_none()
                        && words::is_account(&event.element.words())
                })
                .copied()
                .collect();
            // The page before may have asked for the account, and this one for the password.
            let asked = if accounts.is_empty() {
                account_before.take().unwrap_or_default()
            } else {
                accounts
            };
            if signs_in {
                for (event, value) in &asked {
                    let mail = value.contains('@');
                    let name = if mail {
                        "PROBE_EMAIL"
                    } else {
                        "PROBE_USERNAME"
                    };
                    secrets.add(name, event, value, &asked);
                }
            }
            account_before = Some(asked);
        }
        secrets.write();
        secrets
    }

    fn add(&mut self, name: &str, event: &Event, value: &str, typed: &[(&Event, &str)]) {
        if self.is_full() || self.found.iter().any(|(known, _)| known == value) {
            return;
        }
        // What was typed over is as secret as what stayed, under the same name.
        let same_field = typed.iter().find_map(|(other, its)| {
            let same = *its != value && other.element.is(&event.element);
            let known = self.found.iter().find(|(known, _)| same && known == its);
            known.map(|(_, name)| name.clone())
        });
        let name = same_field.unwrap_or_else(|| self.free(name));
        self.found.push((value.to_owned(), name));
    }

    /// Adds one that stands in an address.
    pub(super) fn add_from_address(&mut self, name: &str, value: &str) {
        if !value.is_empty()
            && !self.is_full()
            && !self.found.iter().any(|(known, _)| known == value)
        {
            let name = self.free(name);
            self.found.push((value.to_owned(), name));
            self.write();
        }
    }

    /// Whether there are more than a form for people asks for.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() > MOST
    }

    fn free(&self, name: &str) -> String {
        let taken = |name: &str| self.found.iter().any(|(_, other)| other == name);
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| !taken(name)).unwrap_or_default()
    }

    fn write(&mut self) {
        self.written.clear();
        for (value, name) in &self.found {
            let form: String = byte_serialize(value.as_bytes()).collect();
            let path = form.replace('+', "%20");
            let relaxed = path.replace("%40", "@");
            let json = serde_json::Value::from(value.as_str()).to_string();
            let json = json.trim_matches('"').to_owned();
            for text in [
                value.clone(),
                value.trim().to_owned(),
                form,
                path,
                relaxed,
                json,
            ] {
                let chars: Vec<char> = text.chars().map(lower).collect();
                let known = self.written.iter().any(|(other, _)| *other == chars);
                if chars.len() >= SHORTEST && !known {
                    self.written.push((chars, name.clone()));
                }
            }
        }
        self.written
            .sort_by_key(|(chars, _)| std::cmp::Reverse(chars.len()));
    }

    /// The names to set, in the order in which they were found.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (_, name) in &self.found {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// Whether the text holds one.
    pub(super) fn are_in(&self, text: &str) -> bool {
        self.pieces(text)
            .iter()
            .any(|piece| matches!(piece, Piece::Secret(_)))
    }

    /// The text as a flow file writes it: secrets by their names, anything else literally.
    pub(super) fn template(&self, text: &str) -> String {
        if let Some((_, name)) = self.found.iter().find(|(value, _)| value == text) {
            return format!("${{{name}}}");
        }
        let mut out = String::new();
        for piece in self.pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(&text.replace("${", "$${")),
                Piece::Secret(name) => {
                    // A dollar sign before a name would make it literal; there is no way to
                    // write both.
                    out.truncate(out.trim_end_matches('$').len());
                    out.push_str(&format!("${{{name}}}"));
                }
            }
        }
        out
    }

    /// The text for people to read: secrets blotted out.
    pub(super) fn blotted(&self, text: &str) -> String {
        let whole: Vec<char> = text.trim().chars().map(lower).collect();
        let part_of_one = whole.len() > SHORTEST
            && self
                .written
                .iter()
                .any(|(secret, _)| secret.windows(whole.len()).any(|part| part == whole));
        if part_of_one || self.found.iter().any(|(value, _)| value == text.trim()) {
            return "•••".to_owned();
        }
        let pieces = self.pieces(text).into_iter();
        pieces
            .map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Secret(_) => "•••".to_owned(),
            })
            .collect()
    }

    fn pieces(&self, text: &str) -> Vec<Piece<'_>> {
        if self.written.is_empty() {
            return vec![Piece::Text(text.to_owned())];
        }
        let original: Vec<char> = text.chars().collect();
        let lowered: Vec<char> = original.iter().copied().map(lower).collect();
        let (mut pieces, mut literal) = (Vec::new(), String::new());
        let mut at = 0;
        while at < original.len() {
            let here = self
                .written
                .iter()
                .find(|(secret, _)| lowered[at..].starts_with(secret));
            match here {
                Some((secret, name)) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Secret(name));
                    at += secret.len();
                }
                None => {
                    literal.push(original[at]);
                    at += 1;
                }
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        pieces
    }
}

enum Piece<'s> {
    Text(String),
    Secret(&'s str),
}

fn lower(c: char) -> char {
    c.to_ascii_lowercase()
}

/// The value that browsers give for a file field.
pub(super) fn is_file(value: &str) -> bool {
    value.to_ascii_lowercase().starts_with("c:\\fakepath\\")
}
