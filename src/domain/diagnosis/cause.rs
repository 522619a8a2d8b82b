//! What stops a page in the browser, and what of it everyone may read.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::run::{AssetKind, FailedAsset, ScriptError};

/// What stops a page in the browser.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "is", content = "of", rename_all = "snake_case")]
pub enum Cause {
    /// A part of the page's own is missing.
    MissingAsset(FailedAsset),
    /// A script of the page's own stops with an error.
    ScriptError(ScriptError),
}

impl FailedAsset {
    /// The path, where it may be shown to everyone: of a part that every visitor asks for,
    /// and of plain characters.
    pub fn public_path(&self) -> Option<&str> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-~@".contains(&b);
        let is_plain = self.path.len() <= 120 && self.path.bytes().all(plain);
        (is_plain && self.kind != AssetKind::Data).then_some(self.path.as_str())
    }
}

impl Cause {
    /// The name used in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Cause::MissingAsset(_) => "missing_asset",
            Cause::ScriptError(_) => "script_error",
        }
    }
}

/// In words for staff: the site's own, as the browser told them.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::ScriptError(error) => write!(f, "{} ({})", error.message, error.source),
            Cause::MissingAsset(asset) => match (asset.status, &asset.error) {
                (Some(status), _) => write!(f, "{}: {status}", asset.path),
                (None, Some(error)) => write!(f, "{}: {error}", asset.path),
                (None, None) => f.write_str(&asset.path),
            },
        }
    }
}
