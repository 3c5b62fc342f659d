//! Readiness seen from outside: callers, probes that are counted, and a clock that the tests move.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod answer;
mod cache;
mod stub;
