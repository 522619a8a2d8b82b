//! The keys of a keyboard that a flow can press.
//!
//! Owns their names, as `KeyboardEvent.key` has them, and what WebDriver calls them.

use crate::toml_reader::nearest;

/// A key to press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The character that stands for it in WebDriver.
    pub code: char,
}

/// Keys that write nothing, and the character of each in WebDriver.
const NAMED: [(&str, char); 15] = [
    ("Enter", '\u{e007}'),
    ("Tab", '\u{e004}'),
    ("Escape", '\u{e00c}'),
    ("Space", ' '),
    ("Backspace", '\u{e003}'),
    ("Delete", '\u{e017}'),
    ("ArrowLeft", '\u{e012}'),
    ("ArrowUp", '\u{e013}'),
    ("ArrowRight", '\u{e014}'),
    ("ArrowDown", '\u{e015}'),
    ("Home", '\u{e011}'),
    ("End", '\u{e010}'),
    ("PageUp", '\u{e00e}'),
    ("PageDown", '\u{e00f}'),
    ("Insert", '\u{e016}'),
];

impl Key {
    /// A key by its name, or by the one character that it writes; the error is a hint.
    pub fn parse(text: &str) -> Result<Self, String> {
        let named = NAMED.iter().find(|(name, _)| *name == text);
        let mut characters = text.chars();
        let alone = characters.next().filter(|_| characters.next().is_none());
        // Those of the private plane stand for other keys.
        let writes = |c: &char| !c.is_control() && !matches!(c, '\u{e000}'..='\u{f8ff}');
        match named.map(|(_, code)| *code).or(alone.filter(writes)) {
            Some(code) => Ok(Key { code }),
            None => Err(match nearest(text, Self::names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "write a single character, or one of {}",
                    Self::names().collect::<Vec<_>>().join(", ")
                ),
            }),
        }
    }

    /// The names of the keys that have one.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name)
    }

    /// Whether it is the key that sends forms, which needs no scripts.
    pub fn is_enter(self) -> bool {
        Some(self.code) == NAMED.first().map(|(_, code)| *code)
    }
}
