//! Owns: running a flow against a site, and what comes of it. Must not know: the
//! store, the pages, the alerts.

pub mod document;
