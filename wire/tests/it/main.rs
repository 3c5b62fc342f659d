//! The wires on real sockets.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod http;
mod pg;
mod tcp;
