//! From a recording of Chrome's DevTools Recorder to the text of a flow file.
//!
//! Owns the translation, which is pure: text in, text and notes out. What it writes passes
//! `flow_file`; what was typed as a secret stands nowhere in it. Must not know files or the
//! command line.

mod address;
mod carried;
mod element;
mod export;
mod secrets;
mod steps;
mod words;
mod write;

use std::fmt;

use url::Url;

pub use export::{MOST_BYTES, MOST_STEPS};

/// How a recording is to be translated.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The site; without it, the origin of the first page that was opened.
    pub site: Option<Url>,
    /// The component that every step speaks for; without it, one is guessed for each.
    pub component: Option<String>,
}

/// A flow file and what is to be known about it.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The file's text.
    pub toml: String,
    /// The names of secrets that must be set for it to run.
    pub needs: Vec<String>,
    /// What could not be carried or was guessed, in the order of the recording.
    pub notes: Vec<Note>,
}

/// Something about a recorded step that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The recorded step, counted from 1.
    pub step: usize,
    /// What it was, why it is not as recorded, and what to do.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "recorded step {}: {}", self.step, self.text)
    }
}

/// Why a text cannot be translated at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}; {hint}")]
pub struct Unreadable {
    /// Line, counted from 1.
    pub line: usize,
    /// Column, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl Unreadable {
    fn whole(message: impl Into<String>, hint: &'static str) -> Self {
        Unreadable {
            line: 1,
            column: 1,
            message: message.into(),
            hint,
        }
    }
}

/// Translates the text of a recording.
///
/// # Errors
/// When the text is no recording, or nothing of it can be carried.
pub fn translate(text: &str, options: &Options) -> Result<Translation, Unreadable> {
    let mut recording = export::read(text)?;
    let mut secrets = secrets::Secrets::of(&recording.events);
    address::add_secrets(&recording.events, &mut secrets);
    if secrets.is_full() {
        return Err(Unreadable::whole(
            format!("the recording holds more than {} secrets", secrets::MOST),
            "record one journey with one account",
        ));
    }
    let carried = steps::carry(&mut recording.events, &secrets, options);
    if carried.steps.is_empty() {
        return Err(Unreadable::whole(
            "nothing of the recording can be carried: it opens no page of a site",
            "record the journey from its first page on, then export it as JSON",
        ));
    }
    Ok(write::flow(&recording.title, &carried, &secrets, options))
}
