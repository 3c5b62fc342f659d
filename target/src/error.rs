//! What can go wrong while a target is brought up.

use std::path::PathBuf;
use std::time::Duration;

/// Why a target, or a part of it, could not be brought up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// A service's binary is nowhere to be found.
    #[error("`{name}` is not beside `{}`; build it with `cargo build -p sabot-platform`", folder.display())]
    NoBinary {
        /// The binary.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A program of a described target is nowhere to be found.
    #[error(
        "the program `{name}` is neither on the PATH nor below `{}`; install it, or give its path relative to that folder",
        folder.display()
    )]
    NoProgram {
        /// The program.
        name: String,
        /// The folder of the description.
        folder: PathBuf,
    },
    /// A service's binary was built from other sources than Sabot itself.
    #[error("`{}` is of build {found}, this Sabot of build {wanted}; build both with `cargo build --workspace`", path.display())]
    OtherBuild {
        /// The binary.
        path: PathBuf,
        /// What it says it was built from.
        found: String,
        /// What this Sabot was built from.
        wanted: String,
    },
    /// A service did not become alive.
    #[error("{service} did not answer `{path}` within {limit:?}: {reason}; its last lines:\n{log}")]
    NotAlive {
        /// The service.
        service: String,
        /// The path of liveness.
        path: String,
        /// The time limit.
        limit: Duration,
        /// What the last try came to.
        reason: String,
        /// The last log lines.
        log: String,
    },
    /// A process went on although it was told to stop.
    #[error("{service} went on for {limit:?} after SIGSTOP")]
    NotPaused {
        /// The service.
        service: String,
        /// The time limit.
        limit: Duration,
    },
    /// A helper program of the target failed.
    #[error("`{command}` {reason}; its last lines:\n{log}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        reason: String,
        /// The last lines that it printed.
        log: String,
    },
    /// A name in the description leads nowhere.
    #[error("the target's description names {what} `{name}`, which it does not describe")]
    NoSuch {
        /// What kind of thing.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A file of the description is nowhere to be found.
    #[error(
        "the target's description names the file `{name}`, which lies neither above Sabot's executable nor above the working folder; start Sabot within the target's sources"
    )]
    NoFile {
        /// The file or folder.
        name: String,
    },
    /// Something was asked of a lane that was opened for files alone.
    #[error(
        "nothing runs on this lane, which was opened for files alone; a check that asks more of it must name its needs"
    )]
    FilesAlone,
    /// The throwaway PostgreSQL.
    #[error("the throwaway PostgreSQL failed")]
    Postgres(#[from] sabot_sandbox::postgres::Error),
    /// The throwaway server of MongoDB's protocol.
    #[error("the throwaway server of MongoDB's protocol failed")]
    Mongo(#[from] sabot_sandbox::mongo::Error),
    /// A database that was asked directly.
    #[error("the database could not be asked")]
    Database(#[from] tokio_postgres::Error),
    /// A process.
    #[error(transparent)]
    Leash(#[from] sabot_sandbox::leash::LeashError),
    /// A PostgreSQL wire.
    #[error(transparent)]
    PostgresWire(#[from] sabot_wire::pg::StartError),
    /// A rule on a PostgreSQL wire.
    #[error(transparent)]
    Rule(#[from] sabot_wire::pg::RuleError),
    /// A wire, a folder or a pipe.
    #[error("{what}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl TargetError {
    /// An error of the system while `what` was being done.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
