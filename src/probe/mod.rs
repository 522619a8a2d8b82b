//! Owns: running a flow against a site, and what comes of it. Must not know: the
//! store, the pages, the alerts.

pub mod applicants;
pub mod browser;
pub mod browser_page;
pub mod certificate;
pub mod charset;
pub mod complaints;
pub mod definition;
pub mod delivery;
pub mod document;
pub mod dom;
pub mod error_pages;
pub mod expect;
pub mod fingerprint;
pub mod flow_file;
pub mod form;
pub mod har;
pub mod http_page;
pub mod key;
pub mod mailbox;
pub mod page;
pub mod pinned;
pub mod politeness;
pub mod reach;
pub mod readings;
pub mod recording;
pub mod redact;
pub mod runner;
pub mod scheduler;
pub mod target;
pub mod template;
pub mod totp;
pub mod visible_text;
pub mod wall;
pub mod waterfall;

pub use crate::evidence;
