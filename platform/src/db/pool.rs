//! The pool.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use crate::settings::Secret;

/// A pooled connection with its cache of prepared statements.
pub type Client = deadpool_postgres::ClientWrapper;

/// What is done with a connection.
pub type Work<'c, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'c>>;

/// How long to wait for a connection to be made or to become free.
const CONNECTION_WAIT: Duration = Duration::from_secs(3);

/// Where the database is and how many connections it is worth.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// How to connect.
    pub config: tokio_postgres::Config,
    /// The same as it was given: a credential.
    pub url: Secret,
    /// The most connections at once.
    pub pool_size: usize,
}

/// A database that is connected to when it is first needed, so that a service starts without it.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
}

impl Database {
    /// A pool that has not yet connected. The server ends a statement of its own accord after `statement_limit`.
    ///
    /// # Errors
    /// When the pool cannot be made of these settings.
    pub fn new(settings: &DatabaseSettings, statement_limit: Duration) -> Result<Self, DatabaseError> {
        let mut config = settings.config.clone();
        let options = config.get_options().unwrap_or_default();
        config
            .options(format!("{options} -c statement_timeout={}", statement_limit.as_millis()).trim_start());
        config.connect_timeout(CONNECTION_WAIT);
        config.keepalives_idle(Duration::from_secs(30));
        let manager =
            Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager)
            .max_size(settings.pool_size)
            .wait_timeout(Some(CONNECTION_WAIT))
            .create_timeout(Some(CONNECTION_WAIT))
            .recycle_timeout(Some(CONNECTION_WAIT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| DatabaseError::Pool(Box::new(error)))?;
        Ok(Self { pool })
    }

    /// The pool itself, for a library that borrows of it as it sees fit.
    #[must_use]
    pub fn into_pool(self) -> Pool {
        self.pool
    }

    /// Does `work` on a connection.
    ///
    /// Work that is cancelled half-way (its request ran out of time) takes its connection with it: the answer to an
    /// abandoned statement may still be under way, and nobody else must wait behind it.
    ///
    /// # Errors
    /// When there is no connection to be had, or the work's own.
    pub async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<DatabaseError>,
        F: for<'c> FnOnce(&'c mut Client) -> Work<'c, T, E>,
    {
        let mut borrowed = Borrowed(Some(self.pool.get().await.map_err(DatabaseError::from)?));
        let done = match &mut borrowed.0 {
            Some(object) => work(object).await,
            None => Err(DatabaseError::Busy.into()),
        };
        drop(borrowed.0.take());
        done
    }
}

/// A connection that goes back to the pool only when its work has ended.
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
#[non_exhaustive]
pub enum DatabaseError {
    /// The pool could not be made.
    #[error("the pool of connections cannot be made; check --pool-size and the connection string")]
    Pool(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No connection became free in time.
    #[error("no connection became free in time; raise --pool-size if this lasts")]
    Busy,
    /// It took the connection and never answered.
    #[error("the database does not answer; is it overloaded, or something between here and there?")]
    Silent,
    /// The tables are not there, or not all of them.
    #[error("the schema is missing or older than this service: run `sabot-api migrate`")]
    Schema(#[source] tokio_postgres::Error),
    /// It cannot be reached, or it closed the connection.
    #[error("the database cannot be reached")]
    Unreachable(#[source] tokio_postgres::Error),
    /// It refused the statement.
    #[error("the database refused a statement")]
    Statement(#[source] tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(code) if *code == SqlState::UNDEFINED_TABLE || *code == SqlState::UNDEFINED_COLUMN => {
                Self::Schema(error)
            }
            // Class 57 is the operator's doing (shutdown, cancel), class 53 a lack of resources, class 08 the line.
            Some(code) if ["57", "53", "08"].contains(&code.code().get(..2).unwrap_or_default()) => {
                Self::Unreachable(error)
            }
            Some(_) => Self::Statement(error),
            None => Self::Unreachable(error),
        }
    }
}

impl From<PoolError> for DatabaseError {
    fn from(error: PoolError) -> Self {
        match error {
            // No connection, so whatever the server objects to (a password, its own start) keeps us from it.
            PoolError::Backend(error) => Self::Unreachable(error),
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            PoolError::Timeout(_) => Self::Silent,
            other => Self::Pool(Box::new(other)),
        }
    }
}
