//! Which kinds of events a backend has, and who consumes each.
//!
//! A [`Registry`] says of every kind who consumes it (an email, a propagation, the ledger), or that nobody does and why.
//! [`Names`] are kinds as they stand written somewhere, each with its [`Place`]: in constants of a source in any language,
//! in a document, in a database. Two sets of names can be compared in both directions.

mod names;
mod nearest;
mod registry;
pub mod source;

pub use names::{Names, Place};
pub use registry::{Email, Entry, Registry};
pub use source::SourceError;
