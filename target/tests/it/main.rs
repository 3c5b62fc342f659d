//! The simulator of Brevo on real sockets, and on a lane.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod brevo;
mod lane;
