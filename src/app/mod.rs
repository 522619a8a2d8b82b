//! Puts the parts together and runs them.

pub mod ingest;
pub mod jobs;
pub mod life;
pub mod past;
