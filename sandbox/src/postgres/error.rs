//! What can go wrong with a throwaway server.

use std::io;
use std::path::PathBuf;

use crate::leash::{Exit, LeashError};

/// Why a server could not be started or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No server binaries on this machine.
    #[error(
        "no PostgreSQL server found in /usr/lib/postgresql/*/bin, SABOT_POSTGRES_BIN or by `pg_config --bindir`; \
         install Debian's package `postgresql`, or set SABOT_POSTGRES_BIN to the folder that holds `initdb` and \
         `postgres`"
    )]
    NoInstallation,
    /// Not this version.
    #[error(
        "PostgreSQL {wanted} is not installed (found: {found}); install Debian's package `postgresql-{wanted}`"
    )]
    NoSuchVersion {
        /// The major version asked for.
        wanted: u32,
        /// The versions there are.
        found: String,
    },
    /// PostgreSQL refuses root, and there is nobody else to run it as.
    #[error(
        "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody` to run it as"
    )]
    NoAccount,
    /// The cache of templates cannot be used.
    #[error("cannot use the cache folder {}; make it writable, or set SABOT_CACHE_DIR to one that is", folder.display())]
    Cache {
        /// The folder, or the file in it.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Neither `HOME` nor anything else says where the cache is.
    #[error("no folder for the cache: set SABOT_CACHE_DIR, XDG_CACHE_HOME or HOME")]
    NoCache,
    /// Somebody else makes the template, and does not finish.
    #[error("another process has been making {} for more than {seconds} s; is its disk full?", template.display())]
    TemplateLocked {
        /// The template.
        template: PathBuf,
        /// How long this one waited.
        seconds: u64,
    },
    /// `initdb` failed.
    #[error("initdb failed ({exit}):\n{output}")]
    Initdb {
        /// How it ended.
        exit: Exit,
        /// What it printed.
        output: String,
    },
    /// A file or folder of the sandbox.
    #[error("cannot prepare the sandbox at {}; is there room, and is it writable?", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The folder is too long for a Unix socket's address.
    #[error("{} is too long for a Unix socket (107 bytes); set TMPDIR to a shorter folder", path.display())]
    LongPath {
        /// The socket that was to be.
        path: PathBuf,
    },
    /// Data from elsewhere that no sandbox may start on.
    #[error("cannot start a sandbox on these data: {path}: {reason}", path = path.display())]
    Data {
        /// What is wrong, below the data folder.
        path: PathBuf,
        /// Why that is refused, and what would help.
        reason: &'static str,
    },
    /// A setting that the sandbox decides, or that is not a name and a value.
    #[error("cannot set `{name}` in a sandbox: {reason}")]
    Setting {
        /// The setting.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// The process could not be held.
    #[error("cannot hold the server")]
    Leash(#[from] LeashError),
    /// The server ended instead of becoming ready.
    #[error("PostgreSQL ended before it was ready ({exit}); the end of its log:\n{log}")]
    Ended {
        /// How it ended.
        exit: Exit,
        /// The last lines of its log.
        log: String,
    },
    /// The server did not become ready.
    #[error("PostgreSQL was not ready within {seconds} s; the end of its log:\n{log}")]
    NotReady {
        /// The time limit.
        seconds: u64,
        /// The last lines of its log.
        log: String,
    },
    /// It did not stop.
    #[error("PostgreSQL had not stopped {seconds} s after it was told to; does a session hold on?")]
    NotStopped {
        /// The time limit.
        seconds: u64,
    },
    /// The server was stopped before.
    #[error("the throwaway server is not running; start it by `restart`")]
    NotRunning,
    /// A query or a connection failed.
    #[error("{doing}")]
    Query {
        /// What was being done.
        doing: String,
        /// What the server or the driver said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A query or a connection took too long.
    #[error("{doing}: no answer within {seconds} s")]
    TimedOut {
        /// What was being done.
        doing: String,
        /// The time limit.
        seconds: u64,
    },
}

impl Error {
    pub(super) fn folder(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Folder { path, source }
    }
}
