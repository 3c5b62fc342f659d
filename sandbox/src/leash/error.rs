//! What can go wrong with a leash.

use std::ffi::OsString;
use std::io;

/// Why a process could not be started, signalled or let go.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeashError {
    /// The system lacks the tool that ties a child to its guardian.
    #[error("`setpriv` is neither on PATH nor in /usr/bin; install util-linux")]
    NoSetpriv,
    /// An environment name that a shell would not pass on.
    #[error("{0:?} cannot be the name of an environment variable: use letters, digits and `_`")]
    BadName(OsString),
    /// The guardian could not be started.
    #[error("could not start the guardian of {program:?}")]
    Guardian {
        /// The program that was to be held.
        program: OsString,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The guardian ended, or said nothing within the time limit, before the child ran.
    #[error(
        "the guardian of {program:?} did not report a start; was it killed, or is the machine out of processes?"
    )]
    NotStarted {
        /// The program that was to be started.
        program: OsString,
    },
    /// There is no such process any more.
    #[error("{program:?} is not running")]
    NotRunning {
        /// The program that was to be signalled.
        program: OsString,
    },
    /// The system refused a signal.
    #[error("could not signal {program:?}")]
    Signal {
        /// The program that was to be signalled.
        program: OsString,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
