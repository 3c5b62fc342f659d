//! What can go wrong while a database is digested.

use std::time::Duration;

/// Why the content of a database could not be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// No connection.
    #[error(
        "no connection to the database that is to be digested; is the server up, and may this user connect?"
    )]
    Connect(#[source] tokio_postgres::Error),
    /// The server refused.
    #[error("{subject} could not be digested; may this user read it?")]
    Statement {
        /// The table, or what else was read.
        subject: String,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// An answer that is none.
    #[error("the server's answer about {subject} is not readable; is it PostgreSQL 13 or newer?")]
    Unreadable {
        /// What was asked about.
        subject: String,
    },
    /// It took too long.
    #[error("the content could not be told within {limit:?}; give it more time")]
    Late {
        /// How long it was given.
        limit: Duration,
    },
}
