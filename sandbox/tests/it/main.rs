//! Real servers, real processes, real signals.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod server;
