//! The public pages and the layer that serves them, over real sockets.

mod serving;
