//! What can go wrong with a store.

use std::io;

/// Why a store did not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It is not said in a form that is known.
    #[error("{location:?} is no store: {what}; give a folder, file:///folder or s3://bucket/prefix")]
    Location {
        /// As it was given; without what may be a credential.
        location: String,
        /// What is wrong with it.
        what: String,
    },
    /// There is no such folder.
    #[error("there is no folder {place}; make it, or give another --store")]
    NoFolder {
        /// Which.
        place: String,
    },
    /// The folder, or a file in it, cannot be used.
    #[error("cannot {doing} {path}")]
    File {
        /// What was tried.
        doing: &'static str,
        /// Which.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The store refused, or could not be reached.
    #[error("cannot {doing} {name:?} in {place}")]
    Request {
        /// What was tried.
        doing: &'static str,
        /// Of what.
        name: String,
        /// The store.
        place: String,
        /// What it said.
        #[source]
        source: Box<object_store::Error>,
    },
    /// It did not answer.
    #[error("{place} did not {doing} {name:?} within {seconds} s; can it be reached from here?")]
    Silent {
        /// What was tried.
        doing: &'static str,
        /// Of what.
        name: String,
        /// The store.
        place: String,
        /// How long it was given.
        seconds: u64,
    },
    /// A name that no store can hold.
    #[error("{name:?} can be no name in {place}; a job's name has letters, digits, `.`, `_` and `-`")]
    BadName {
        /// As it was given.
        name: String,
        /// The store.
        place: String,
    },
    /// A pattern that is none.
    #[error("{pattern:?} is no pattern; write one such as nightly/*.dump")]
    Pattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: globset::Error,
    },
    /// Nothing there to choose from.
    #[error("{place} holds no artifact {of}{but}; take one with `sabot backup`, or correct the name")]
    Empty {
        /// The store.
        place: String,
        /// `of job "…"`, or `like "…"`.
        of: String,
        /// What there is instead, led in by a comma; empty when there is nothing.
        but: String,
    },
    /// No artifact of this name.
    #[error("{place} holds no artifact {name:?} of job {job:?}; the newest is {newest}")]
    NoSuch {
        /// The store.
        place: String,
        /// The name.
        name: String,
        /// The job.
        job: String,
        /// What could be named instead.
        newest: String,
    },
    /// The bytes are not those that were stored.
    #[error("{name} in {place} is not what was stored: {what}")]
    Hash {
        /// The artifact.
        name: String,
        /// The store.
        place: String,
        /// Size or hash, expected and found.
        what: String,
    },
    /// A manifest cannot be written.
    #[error("the manifest of {name} cannot be written as JSON")]
    Json {
        /// The artifact.
        name: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// No randomness.
    #[error("the system gives no random numbers")]
    Random(#[from] getrandom::Error),
}

impl StoreError {
    /// Whether it is that there is no such object.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::Request { source, .. } if matches!(**source, object_store::Error::NotFound { .. }))
    }
}
