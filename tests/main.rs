//! Every test of Siaga, in one binary, over the public API.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]
#![allow(
    clippy::type_complexity,
    clippy::large_futures,
    reason = "tables of examples are plain tuples, and a test's stack is large enough"
)]

mod harness;

mod alerts;
mod browser_pool;
mod certificates;
mod clocks;
mod complaints;
mod config_file;
mod config_keys;
mod conformance;
mod definitions;
mod detector;
mod diagnosis;
mod differ;
mod disk;
mod documents;
mod domain_rules;
mod end_to_end;
mod error_pages;
mod evidence;
mod faults;
mod floors;
mod http_engine;
mod ingest;
mod inward;
mod left_behind;
mod mailbox;
mod maintenance;
mod names;
mod office;
mod outages;
mod pages;
mod personal_data;
mod pictures;
mod printed;
mod proxied;
mod queue;
mod recordings;
mod rehearsal_site;
mod removal;
mod reports;
mod resolvers;
mod schemas;
mod store;
mod telemetry;
mod uploads;
mod walls;
