//! Owns: running a flow against a site, and what comes of it. Must not know: the
//! store, the pages, the alerts.

pub mod document;
pub mod error_pages;
pub mod evidence;
pub mod fingerprint;
pub mod mailbox;
pub mod visible_text;
