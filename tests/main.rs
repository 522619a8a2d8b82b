//! Every test of Siaga, in one binary, over the public API.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod harness;

mod alerts;
mod config_file;
mod definitions;
mod detector;
mod documents;
mod domain_rules;
mod end_to_end;
mod evidence;
mod faults;
mod floors;
mod http_engine;
mod mailbox;
mod office;
mod outages;
mod pages;
mod personal_data;
mod rehearsal_site;
mod reports;
mod store;
