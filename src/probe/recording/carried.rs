//! What is carried of a recording: steps of the flow to be, and what is to be said of them.
//!
//! Owns the values only: `steps` makes them, `write` writes them. Must not know either.

use std::collections::BTreeSet;

use super::Note;
use super::element::Target;
use crate::probe::document::{DocumentName, Kind};

/// A recording as steps.
#[derive(Default)]
pub(super) struct Carried {
    pub(super) steps: Vec<Step>,
    /// Notes that stand after the last step.
    pub(super) rest: Vec<Note>,
    /// Hosts besides the site's own.
    pub(super) hosts: BTreeSet<String>,
    /// Whether something in it surely needs script.
    pub(super) needs_browser: bool,
}

/// One step of the flow to be. Texts are as recorded, except addresses, which are written.
#[derive(Default)]
pub(super) struct Step {
    pub(super) visit: Option<String>,
    pub(super) changes: Vec<(Target, Change)>,
    /// `click`, `submit`, or `press` for the Enter key, and what.
    pub(super) end: Option<(&'static str, Target)>,
    pub(super) path: Option<String>,
    pub(super) present: Vec<String>,
    pub(super) absent: Vec<String>,
    pub(super) notes: Vec<Note>,
    /// The title of the page that it acts on.
    pub(super) on: String,
    /// The title of the page that it leads to.
    pub(super) to: String,
    /// What the thing clicked is called.
    pub(super) called: String,
    /// Words that tell what it is for.
    pub(super) words: Vec<String>,
    pub(super) signs_in: bool,
}

/// What was done to a field.
#[derive(PartialEq)]
pub(super) enum Change {
    Fill(String),
    Choose(String),
    Check(bool),
    Upload(DocumentName, Kind),
}

impl Step {
    /// Whether there is nothing to do or to see.
    pub(super) fn is_empty(&self) -> bool {
        self.visit.is_none()
            && self.changes.is_empty()
            && self.end.is_none()
            && self.present.is_empty()
            && self.absent.is_empty()
    }

    /// Whether it is written as a list of actions: the short form knows elements by selectors
    /// alone, and presses no keys.
    pub(super) fn needs_list(&self) -> bool {
        let is_css = |target: &Target| target.css().is_some();
        !self.changes.iter().all(|(target, _)| is_css(target))
            || self
                .end
                .as_ref()
                .is_some_and(|(verb, target)| *verb == "press" || !is_css(target))
    }

    /// Whether it uploads a document.
    pub(super) fn uploads(&self) -> bool {
        let mut changes = self.changes.iter();
        changes.any(|(_, change)| matches!(change, Change::Upload(..)))
    }
}
