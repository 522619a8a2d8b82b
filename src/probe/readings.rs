//! What was read on pages that came before. Most of what is asked for every minute comes byte for
//! byte as it came the last time, and is not read anew.
//!
//! Owns that memory, within a bound. Must not know who reads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::error_pages::{ErrorPages, Found};
use super::page::Snapshot;
use super::visible_text::VisibleText;

/// Addresses whose last page is remembered; one more, and all are forgotten.
const MOST: usize = 128;
/// The most bytes of a page that is remembered; with what may be read on it, [`MOST`] of them
/// take twice as many times so much.
const LARGEST: usize = 16 * 1024;

/// What was read on the pages of one process's runs, by their addresses.
#[derive(Debug, Default)]
pub struct Readings(Mutex<HashMap<String, Reading>>);

#[derive(Debug)]
struct Reading {
    status: Option<u16>,
    content_type: String,
    body: Vec<u8>,
    visible: Arc<VisibleText>,
    has_wall_sign: bool,
    known: Vec<Found>,
}

impl Reading {
    fn is_of(&self, page: &Snapshot) -> bool {
        self.status == page.status
            && self.content_type == page.content_type()
            && self.body == page.body
    }
}

impl Readings {
    /// Gives a page that came before the text that was read on it then.
    pub fn recall(&self, page: &Snapshot) {
        if !is_kept(page) || page.is_read() {
            return;
        }
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.get(page.url.as_str());
        if let Some(before) = before.filter(|before| before.is_of(page)) {
            page.reads_as(Arc::clone(&before.visible), before.has_wall_sign);
        }
    }

    /// The patterns of error pages that a page fits; its text is read by the way.
    pub fn found_on(&self, page: &Snapshot, error_pages: &ErrorPages) -> Vec<Found> {
        self.recall(page);
        let known = || error_pages.found_on(page.status, page.body.len(), page.visible());
        if !is_kept(page) {
            return known();
        }
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = lock().get(page.url.as_str())
            && before.is_of(page)
        {
            return before.known.clone();
        }
        let known = known();
        let reading = Reading {
            status: page.status,
            content_type: page.content_type().to_owned(),
            body: page.body.clone(),
            visible: Arc::clone(page.visible()),
            has_wall_sign: page.has_wall_sign(),
            known: known.clone(),
        };
        let mut seen = lock();
        if seen.len() >= MOST && !seen.contains_key(page.url.as_str()) {
            seen.clear();
        }
        seen.insert(page.url.to_string(), reading);
        known
    }
}

/// Whether what is read on a page is all in its bytes: of what a browser shows it is not.
fn is_kept(page: &Snapshot) -> bool {
    !page.is_told() && page.body.len() <= LARGEST
}
