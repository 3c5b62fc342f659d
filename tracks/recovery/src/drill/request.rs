//! What is to be drilled, and by which limits it is judged.

use crate::store::{Choice, Store};
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What is to be drilled, and by which limits it is judged.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where the artifact comes from.
    pub source: Source,
    /// Smoke queries, asked one after the other once the content was verified.
    pub smoke: Vec<String>,
    /// How long a recovery may take, from the acceptance to the last smoke query answered.
    pub rto: Duration,
    /// How old the data may be.
    pub rpo: Duration,
    /// Whether the restored server stays up for a while.
    pub hold: Option<Hold>,
}

/// Where an artifact comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// One of ours, with its manifest.
    Job {
        /// The store.
        store: Store,
        /// The backup job.
        job: String,
        /// Which of its artifacts.
        choice: Choice,
    },
    /// The newest one that matches; somebody else's, without a manifest.
    Pattern {
        /// The store.
        store: Store,
        /// A glob, such as `nightly/*.dump`.
        pattern: String,
    },
    /// A file or folder, without a manifest.
    File(PathBuf),
}

/// Keeps the restored server up, for people who want to look.
#[derive(Debug, Clone)]
pub struct Hold {
    /// For how long at most.
    pub at_most: Duration,
    /// Ends it earlier.
    pub release: CancellationToken,
}
