//! Backups and what they are made of, against real PostgreSQL servers and real folders.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod archive;
mod backup;
mod digest;
mod drill;
mod mongo;
mod stand_in;
mod store;
mod tool;
