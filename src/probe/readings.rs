//! What was read on pages that came before. Most of what is asked for every minute comes byte for
//! byte as it came the last time, and is not read anew.
//!
//! Owns that memory, within a bound. Must not know who reads.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use super::error_pages::{ErrorPages, Recognised};
use super::page::Snapshot;
use super::visible_text::VisibleText;

/// Pages that are remembered; one more, and all are forgotten.
const MOST: usize = 128;
/// The most bytes of a page that is remembered; with what may be read on it, [`MOST`] of them
/// take as many times so much.
const LARGEST: usize = 16 * 1024;

/// What was read on the pages of one process's runs.
#[derive(Debug, Default)]
pub struct Readings {
    seen: Mutex<HashMap<u64, Reading>>,
    hashing: RandomState,
}

#[derive(Clone, Debug)]
struct Reading {
    visible: Arc<VisibleText>,
    known: Option<Recognised>,
}

impl Readings {
    /// The error page that a page is, if it is one; its text is read by the way.
    pub fn recognise(&self, page: &Snapshot, error_pages: &ErrorPages) -> Option<Recognised> {
        let known = || error_pages.recognise_in(page.status, page.body.len(), page.visible());
        if page.is_read() || page.body.len() > LARGEST {
            return known();
        }
        // Keyed by what no site knows, so that none can make two pages of one key.
        let key = self
            .hashing
            .hash_one((page.status, page.content_type(), &page.body));
        let lock = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = lock().get(&key).cloned() {
            page.reads_as(before.visible);
            return before.known;
        }
        let reading = Reading {
            known: known(),
            visible: Arc::clone(page.visible()),
        };
        let known = reading.known.clone();
        let mut seen = lock();
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(key, reading);
        known
    }
}
