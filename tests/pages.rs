//! The public pages and the layer that serves them, over real sockets.

mod diagnosed;
mod fixture;
mod json;
mod live;
mod public;
mod serving;
mod style;
mod texts;
