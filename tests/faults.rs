//! What must not break the whole: kills in the middle of writing, full disks, databases that
//! go away, and sites that answer with poison. Everything runs as processes.

mod away;
mod clock;
mod descriptors;
mod failover;
mod full;
mod killed;
mod kills;
mod poison;
