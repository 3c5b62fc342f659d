//! The three services as their operator meets them: real processes, a real PostgreSQL, real signals.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod backup;
mod command_line;
mod contract;
mod database;
mod delivery;
mod migrations;
mod process;
mod propagation;
mod provisioner;
mod readiness;
mod shutdown;
mod teams;
mod upstream;
