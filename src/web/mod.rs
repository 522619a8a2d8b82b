//! (to come)
pub mod operations;
