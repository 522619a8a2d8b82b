//! Owns: running a flow against a site, and what comes of it. Must not know: the
//! store, the pages, the alerts.

pub mod definition;
pub mod document;
pub mod flow_file;
pub mod form;
pub mod template;
