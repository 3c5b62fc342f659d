//! Names read from real sources, documents and databases.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod postgres;
