//! What can go wrong with an external program.

use sabot_sandbox::leash::LeashError;
use std::io;
use std::time::Duration;

/// Why a program could not be run, or not to its end. That it failed by itself is no such error: see
/// [`End`](super::End).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// There is none.
    #[error("`{name}` is not on PATH{also}; {remedy}")]
    Missing {
        /// Its name.
        name: String,
        /// Where else it was looked for.
        also: String,
        /// What installs it.
        remedy: String,
    },
    /// Those that there are cannot read a server as new as this one.
    #[error(
        "`{name}` is of version {found}, the server of {wanted}: it refuses newer servers; install postgresql-client-{wanted}"
    )]
    TooOld {
        /// Its name.
        name: String,
        /// Its version.
        found: String,
        /// The server's major version.
        wanted: u32,
    },
    /// It could not be started.
    #[error("`{name}` could not be started")]
    Start {
        /// Its name.
        name: String,
        /// Why not.
        #[source]
        source: LeashError,
    },
    /// Its output could not be had.
    #[error("the output of `{name}` could not be read")]
    Output {
        /// Its name.
        name: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It took too long, and was stopped.
    #[error("`{name}` was stopped: it took longer than {limit:?}{last}")]
    TimedOut {
        /// Its name.
        name: String,
        /// What it was given.
        limit: Duration,
        /// The last thing it said, led in by a colon; empty when it said nothing.
        last: String,
    },
}
