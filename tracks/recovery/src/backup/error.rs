//! What can go wrong with a backup.

use crate::digest::postgres::DigestError;
use crate::mongo::ArchiveError;
use crate::store::StoreError;
use crate::tool::ToolError;
use std::io;
use std::time::Duration;

/// Why there is no backup. Whatever it is, nothing is left that would be taken for one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The source cannot be reached.
    #[error("no connection to the source; is it up, and may this user connect?")]
    Connect(#[source] tokio_postgres::Error),
    /// The source asks for what cannot be done.
    #[error(
        "the source asks for TLS (sslmode=require), which is not spoken here; use sslmode=disable on a private network"
    )]
    Tls,
    /// The source refused a statement.
    #[error("the source refused to {doing}")]
    Source {
        /// What was asked of it.
        doing: &'static str,
        /// What it said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The connection that holds the snapshot and the lock broke.
    #[error(
        "the connection to the source broke while the backup ran; whether its data belong together cannot be told"
    )]
    Lost,
    /// Somebody else is at it.
    #[error("another backup of {database:?} for job {job:?} is running; wait for its end")]
    Running {
        /// The database.
        database: String,
        /// The job.
        job: String,
    },
    /// A base backup is one stream, and tablespaces are many.
    #[error(
        "a base backup of a server with other tablespaces ({names}) cannot be streamed; take logical backups of its databases"
    )]
    Tablespaces {
        /// Their names.
        names: String,
    },
    /// The program that makes it failed.
    #[error("`{name}` ended with {how}: {last}")]
    Failed {
        /// Its name.
        name: String,
        /// How it ended.
        how: String,
        /// The last things it said.
        last: String,
    },
    /// It said that all is well, and yet this is no backup.
    #[error("`{name}` ended well, but what it wrote ({bytes} bytes) does not begin as {what} does")]
    NoBackup {
        /// Its name.
        name: String,
        /// How much it wrote.
        bytes: u64,
        /// What it should have written.
        what: &'static str,
    },
    /// A sequence moved while the dump ran, and its value in the dump could not be read.
    #[error("where the sequence {name} stands in the dump could not be told")]
    Sequence {
        /// Its name.
        name: String,
    },
    /// What was dumped cannot be read again.
    #[error("`mongodump` wrote what is no whole archive")]
    Archive(#[from] ArchiveError),
    /// No address of MongoDB.
    #[error("the source is given by no address of MongoDB; write one such as mongodb://host:27017/database")]
    MongoUrl,
    /// The file by which the address goes to the tool.
    #[error("cannot write the tool's settings to the temporary folder; is it full?")]
    Config {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It was stopped.
    #[error("stopped before it was whole; nothing is left of it")]
    Stopped,
    /// It took too long.
    #[error(
        "stopped after {limit:?}: it took longer than its limit; give it more time, or find out what it waits for"
    )]
    Late {
        /// How long it was given.
        limit: Duration,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A program could not be run.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The content could not be told.
    #[error(transparent)]
    Digest(#[from] DigestError),
}
