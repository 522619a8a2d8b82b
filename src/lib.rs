//! Siaga watches an online permit site the way an applicant meets it, keeps a
//! record of every outage, tells the public, the operators and the offices, and
//! gives each affected applicant something that an office can act on by hand.
//!
//! The modules stand on floors; a lower one never imports a higher one.
//! ARCHITECTURE.md draws them and `tests/floors.rs` holds them.

pub mod app;
pub mod cli;
pub mod config;
pub mod detect;
pub mod disk;
pub mod domain;
pub mod evidence;
pub mod http_client;
pub mod notify;
pub mod pictures;
pub mod probe;
pub mod rehearsal;
pub mod store;
pub mod system;
pub mod telemetry;
pub mod toml_reader;
pub mod web;
