//! The public pages and the layer that serves them, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fixture;
mod json;
mod public;
mod serving;
mod texts;
