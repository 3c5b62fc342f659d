//! What only the whole program shows: the arrows between crates, the registry, the catalogue, the command line.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod arrows;
mod baseline;
mod builds;
mod catalogue;
mod drill;
mod example;
mod foreign;
mod guide;
mod init;
mod names;
mod plan;
mod program;
mod record;
mod registry;
mod reports;
mod running;
mod runs;
