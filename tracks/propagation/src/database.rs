//! One statement at a time, within its limit.

use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError};
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

/// A parameter and its type: statements are not prepared, so that each is planned for the values that it is sent with,
/// and that nothing of them outlives a connection that a proxy shares out.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// The pool, with a limit on everything that is asked of it.
#[derive(Clone)]
pub(crate) struct Database {
    pool: Pool,
    limit: Duration,
}

impl Database {
    pub(crate) fn new(pool: Pool, limit: Duration) -> Self {
        Self { pool, limit }
    }

    /// The rows that a statement returns; a transaction of its own.
    pub(crate) async fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, DatabaseError> {
        let asked = async {
            let mut borrowed = Borrowed(Some(self.pool.get().await?));
            let answer = match &borrowed.0 {
                Some(client) => client.query_typed(sql, params).await,
                None => Ok(Vec::new()),
            };
            // A refusal is an answer too; anything else is a broken connection.
            if answer.as_ref().err().is_none_or(|error| error.code().is_some()) {
                drop(borrowed.0.take());
            }
            Ok(answer?)
        };
        timeout(self.limit, asked).await.unwrap_or(Err(DatabaseError::Silent { limit: self.limit }))
    }
}

/// A connection that goes back to the pool only when its statement was answered: the answer to an abandoned one may
/// still be under way, and nobody else must wait behind it.
struct Borrowed(Option<Object>);

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

/// Why the database did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// No connection.
    #[error("no connection to the database; is it up, and is the pool large enough?")]
    Connect(#[from] PoolError),
    /// No answer.
    #[error("the database did not answer within {limit:?}")]
    Silent {
        /// How long it was given.
        limit: Duration,
    },
    /// It refused the statement, or the connection broke.
    #[error("the database refused a statement, or the connection to it broke")]
    Statement(#[from] tokio_postgres::Error),
}

impl DatabaseError {
    /// Whether it is the statement, or a row in it, that the database objects to: then the same statement fails again,
    /// and nothing of it was done.
    pub(crate) fn is_refusal(&self) -> bool {
        let Self::Statement(error) = self else { return false };
        // Class 57 is the operator's doing (shutdown, cancel), class 53 a lack of resources, class 08 the line, class 40
        // a rollback that asks to be repeated.
        error.code().is_some_and(|code| !matches!(code.code().get(..2), Some("57" | "53" | "08" | "40")))
    }
}
