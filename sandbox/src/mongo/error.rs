//! What can go wrong with a server that speaks MongoDB's protocol.

use std::io;
use std::path::PathBuf;

use crate::leash::{Exit, LeashError};

/// Why a server could not be started or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No server on this machine.
    #[error(
        "no server for MongoDB's protocol: `mongod` is not on the PATH, and FerretDB is not in the cache; install \
         MongoDB's package `mongodb-org-server`, or run scripts/setup-mongo.sh --server where Go is installed"
    )]
    NoInstallation,
    /// A real one was asked for.
    #[error("`mongod` is not on the PATH; install MongoDB's package `mongodb-org-server`")]
    NoMongod,
    /// A file or folder of the sandbox.
    #[error("cannot prepare the sandbox at {}; is there room, and is it writable?", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The process could not be held.
    #[error("cannot hold the server")]
    Leash(#[from] LeashError),
    /// The server ended instead of becoming ready.
    #[error("{server} ended before it was ready ({exit}); the end of its log:\n{log}")]
    Ended {
        /// Which server.
        server: String,
        /// How it ended.
        exit: Exit,
        /// The last lines of its log.
        log: String,
    },
    /// The server did not become ready.
    #[error("{server} was not ready within {seconds} s; the end of its log:\n{log}")]
    NotReady {
        /// Which server.
        server: String,
        /// The time limit.
        seconds: u64,
        /// The last lines of its log.
        log: String,
    },
    /// No connection, or it broke.
    #[error("cannot talk with {address}; does a server listen there?")]
    Connection {
        /// Host and port.
        address: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No answer in time.
    #[error("{address}: no answer to {doing} within {seconds} s")]
    TimedOut {
        /// Host and port.
        address: String,
        /// What was asked.
        doing: String,
        /// The time limit.
        seconds: u64,
    },
    /// What came is not MongoDB's protocol.
    #[error("{address} does not answer as MongoDB's protocol has it: {reason}")]
    Protocol {
        /// Host and port.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server refused a command.
    #[error("{address} refused {doing}: {message}")]
    Refused {
        /// Host and port.
        address: String,
        /// The command.
        doing: String,
        /// The server's words.
        message: String,
    },
}

impl Error {
    pub(super) fn folder(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Folder { path, source }
    }
}
