//! Puts the parts together and runs them.

pub mod audit_head;
pub mod clock;
pub mod demo;
pub mod descriptors;
pub mod disk_watch;
pub mod files;
pub mod flows;
pub mod ingest;
pub mod jobs;
pub mod keys;
pub mod life;
pub mod past;
pub mod rotation;
pub mod service;
pub mod set_aside;
pub(crate) mod settings;
