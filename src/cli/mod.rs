//! Owns: the commands of `siaga`, one file a command. Must not know: how the work is done.

pub mod validate;
