//! Backups that are proven to restore, in time, and nothing left behind.
//!
//! An *artifact* is one stored backup with its [`Manifest`]: what is in it, table by table. A *drill* restores one into a
//! throwaway server, verifies it against the manifest, asks smoke queries, measures, and removes everything again; its
//! [`Report`](report::Report) says what came of it.

pub mod backup;
pub mod digest;
pub mod drill;
pub mod libpq;
pub mod manifest;
pub mod mongo;
pub mod report;
pub mod store;
pub mod tool;

pub use manifest::Manifest;
