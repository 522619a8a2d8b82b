//! Owns: running a flow against a site, and what comes of it. Must not know: the
//! store, the pages, the alerts.

pub mod definition;
pub mod document;
pub mod error_pages;
pub mod evidence;
pub mod expect;
pub mod fingerprint;
pub mod flow_file;
pub mod form;
pub mod mailbox;
pub mod page;
pub mod redact;
pub mod template;
pub mod visible_text;
