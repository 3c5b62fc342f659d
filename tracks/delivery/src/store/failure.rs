//! Why nothing could be stored.

/// Why a transaction came to nothing, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection, or it broke.
    Connection,
    /// No answer in time.
    Silent,
    /// The server refused what the events hold.
    Data,
    /// The server refused for a reason of its own: it is ending, locked, full, or lacks the tables.
    Refused,
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        // Classes of SQLSTATE: 22 data exception, 23 constraint violated, 54 a limit of the program, 57 the operator.
        let class = error.code().map(|code| code.code().get(..2).unwrap_or_default().to_owned());
        match class.as_deref() {
            None | Some("57" | "08") => Self::Connection,
            Some("22" | "23" | "54") => Self::Data,
            Some(_) => {
                let code = error.code().map(|code| code.code().to_owned());
                tracing::error!(code, "the database refused to store delivery events");
                Self::Refused
            }
        }
    }
}
