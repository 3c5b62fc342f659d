//! Names read from real sources, documents and databases.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod kinds;
mod postgres;
mod sources;
