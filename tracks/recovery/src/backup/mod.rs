//! Backups: taken, stored, and only then said to exist.
//!
//! A backup is streamed into its [`Store`]; it gets its name when its last byte is there, and counts when its manifest
//! is. So whatever interrupts one (a signal, a lost connection, a full disk) leaves nothing that is taken for an artifact.

mod error;
pub mod mongo;
pub mod postgres;
mod stream;

pub use error::BackupError;
pub use stream::{Magic, Streamed, stream};

use crate::Manifest;
use crate::store::{Retained, Store};
use std::num::NonZeroUsize;
use std::time::Duration;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

/// What every backup needs to know, whatever it is taken of.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where it goes.
    pub store: Store,
    /// The backup job that it belongs to.
    pub job: String,
    /// How many whole artifacts of the job are kept once this one is there; all when none.
    pub keep: Option<NonZeroUsize>,
    /// When it was due: an artifact whose snapshot is not older than that makes it needless.
    pub due: Option<OffsetDateTime>,
    /// How long the whole may take.
    pub limit: Duration,
    /// Ends it early; nothing that counts is left then.
    pub stop: CancellationToken,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It was taken.
    Taken(Box<Taken>),
    /// This artifact is what was due: somebody else took it.
    Already(String),
}

/// A backup that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its manifest, as it was stored.
    pub manifest: Manifest,
    /// What the program that made it said without failing.
    pub warnings: Vec<String>,
    /// What was removed afterwards; or why nothing could be, which does not make the backup a bad one.
    pub retained: Result<Retained, String>,
}

/// Applies the request's retention.
pub(crate) async fn retain(request: &Request) -> Result<Retained, String> {
    match request.keep {
        Some(keep) => request.store.retain(&request.job, keep).await.map_err(|error| error.to_string()),
        None => Ok(Retained::default()),
    }
}
