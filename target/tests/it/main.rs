//! The simulator of Brevo on real sockets, and on a lane; and descriptions of targets as files.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod brevo;
mod file;
mod lane;
