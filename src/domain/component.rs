//! Components: the lines of the status page.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::fault::UnknownWord;

/// The key of a component, as flow files write it: `sign-in`, `upload`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ComponentId(String);

impl ComponentId {
    /// Lower-case ASCII letters, digits and single hyphens, 1 to 40 characters; `None` otherwise.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = (1..=40).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !text.contains("--");
        well_formed.then(|| ComponentId(text.to_owned()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// From a record that somebody else may have written.
impl TryFrom<String> for ComponentId {
    type Error = UnknownWord;
    fn try_from(text: String) -> Result<Self, UnknownWord> {
        ComponentId::parse(&text).ok_or(UnknownWord(text))
    }
}

impl From<ComponentId> for String {
    fn from(id: ComponentId) -> String {
        id.0
    }
}

impl Borrow<str> for ComponentId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
