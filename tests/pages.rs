//! The public pages and the layer that serves them, over real sockets.

mod diagnosed;
mod fair_share;
mod fixture;
mod json;
mod live;
mod public;
mod serving;
mod starved;
mod style;
mod texts;
