//! Throwaway servers that speak MongoDB's protocol: `mongod` where it is on the `PATH`, else FerretDB 1.x on SQLite
//! files, where `scripts/setup-mongo.sh` has built it.
//!
//! FerretDB is no MongoDB: it refuses, among others, NaN, decimals, nested arrays and code, and has no partial, text or
//! expiring indexes (tried with 1.24.2). What a real MongoDB holds can't be judged by it: see
//! [`Kind`].
//!
//! The server listens on loopback only, and asks for no password: FerretDB knows none on SQLite, and `mongod` would
//! need a user made first. Whoever has an account on the machine can reach it while it runs.

pub mod bson;
mod connection;
mod error;
mod installation;
mod server;
mod start;

pub use connection::{BuildInfo, Connection};
pub use error::Error;
pub use installation::{Installation, Kind, tool};
pub use server::{Options, Server};

/// Ends what runs from a sandbox; see the script.
pub(crate) const SWEEP: &str = include_str!("sweep.sh");

/// What the kind of each such sandbox begins with, on its label.
pub(crate) const LABEL: &str = "mongo";
