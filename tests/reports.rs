//! The reporting endpoint: what is taken, what is refused and how, and what is on disk when
//! it says yes.

mod bad_input;
mod browsers;
pub(crate) mod desk;
mod durable;
mod judged;
mod no_room;
mod repeated;
mod starved;
mod taken;
mod uncertain;
