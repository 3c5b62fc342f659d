//! The connection on which events are stored, and the transactions on it.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, Row, Statement};

use super::batch::{Batch, Unknown};
use super::failure::Failure;
use super::session::{Planning, Session};
use super::statements::{ADOPT, KNOWN, LEDGER_LOCK, NAME, STORE, ledger_sql};
use crate::provider::Provider;

/// How long storing may take, connecting included.
const LIMIT: Duration = Duration::from_millis(1_500);

/// A connection, made when needed and given up at the first error.
pub(super) struct Connection {
    config: Config,
    provider: &'static str,
    ledger: String,
    open: Option<Open>,
}

struct Open {
    session: Session,
    lock: Statement,
    store: Statement,
    ledger: Statement,
    known: Statement,
    name: Statement,
    adopt: Statement,
}

impl Connection {
    pub(super) fn new(config: Config, provider: &dyn Provider) -> Self {
        Self { config, provider: provider.name(), ledger: ledger_sql(provider.declared()), open: None }
    }

    /// Stores all of it, and gives the messages that the ledger knows.
    pub(super) async fn store(&mut self, batch: &Batch<'_>) -> Result<HashSet<String>, Failure> {
        let limit = Instant::now() + LIMIT;
        let reused = self.open.is_some();
        let mut done = timeout_at(limit, self.attempt(batch)).await.unwrap_or(Err(Failure::Silent));
        // The server may have gone and come back since the connection was last used. Nothing is told of what a
        // broken connection left behind, committed or not: storing it again changes nothing.
        if reused && matches!(done, Err(Failure::Connection)) {
            self.open = None;
            done = timeout_at(limit, self.attempt(batch)).await.unwrap_or(Err(Failure::Silent));
        }
        if let Err(failure) = done {
            tracing::warn!(?failure, events = batch.len(), "delivery events cannot be stored for now");
            self.open = None;
        }
        done
    }

    async fn attempt(&mut self, batch: &Batch<'_>) -> Result<HashSet<String>, Failure> {
        if self.open.as_ref().is_none_or(|open| open.session.client.is_closed()) {
            self.open = Some(Open::new(&self.config, &self.ledger).await?);
        }
        let Some(open) = &self.open else { return Err(Failure::Connection) };
        let mut known = open.write(self.provider, batch).await?;
        let unknown = batch.unknown(self.provider, &known);
        if !unknown.messages.is_empty() {
            known.extend(open.adopt(self.provider, &unknown).await?);
        }
        Ok(known)
    }
}

/// Each method is one transaction, its statements sent without waiting for each other's answers: the futures are
/// polled, and so sent, in their order. Where one fails, the server refuses those after it and makes the `COMMIT` a
/// rollback.
impl Open {
    async fn new(config: &Config, ledger: &str) -> Result<Self, Failure> {
        let session = Session::open(config, LIMIT, Planning::Lookups).await?;
        let client = &session.client;
        let (lock, store, ledger, known, name, adopt) = tokio::try_join!(
            client.prepare(LEDGER_LOCK),
            client.prepare(STORE),
            client.prepare(ledger),
            client.prepare(KNOWN),
            client.prepare(NAME),
            client.prepare(ADOPT)
        )?;
        Ok(Self { session, lock, store, ledger, known, name, adopt })
    }

    /// Stores events, computes the rows of their messages, and gives the messages that the ledger knows.
    async fn write(&self, provider: &str, batch: &Batch<'_>) -> Result<HashSet<String>, Failure> {
        let client = &self.session.client;
        let locks: [&(dyn ToSql + Sync); 1] = [&batch.locks];
        let columns: [&(dyn ToSql + Sync); 7] =
            [&provider, &batch.ids, &batch.digests, &batch.names, &batch.times, &batch.links, &batch.raws];
        let messages: [&(dyn ToSql + Sync); 2] = [&provider, &batch.messages];
        let ignored: [&(dyn ToSql + Sync); 2] = [&provider, &batch.ignored];
        let (begun, locked, stored, known, ignored, committed) = tokio::join!(
            biased;
            client.batch_execute("BEGIN"),
            client.query(&self.lock, &locks),
            client.execute(&self.store, &columns),
            client.query(&self.ledger, &messages),
            async {
                if batch.ignored.is_empty() { Ok(Vec::new()) } else { client.query(&self.known, &ignored).await }
            },
            client.batch_execute("COMMIT"),
        );
        begun?;
        locked?;
        stored?;
        let (known, ignored) = (known?, ignored?);
        committed?;
        Ok(ids(known.iter().chain(&ignored)))
    }

    /// Keeps which message carries which reference, lets rows that wait for their message's id adopt it, computes
    /// them, and gives the messages that the ledger knows by now.
    async fn adopt(&self, provider: &str, unknown: &Unknown<'_>) -> Result<HashSet<String>, Failure> {
        let client = &self.session.client;
        let locks: [&(dyn ToSql + Sync); 1] = [&unknown.locks];
        let told: [&(dyn ToSql + Sync); 3] = [&provider, &unknown.messages, &unknown.references];
        let messages: [&(dyn ToSql + Sync); 2] = [&provider, &unknown.messages];
        let (begun, locked, named, adopted, known, committed) = tokio::join!(
            biased;
            client.batch_execute("BEGIN"),
            client.query(&self.lock, &locks),
            client.execute(&self.name, &told),
            client.execute(&self.adopt, &told),
            client.query(&self.ledger, &messages),
            client.batch_execute("COMMIT"),
        );
        begun?;
        locked?;
        named?;
        adopted?;
        let known = known?;
        committed?;
        Ok(ids(&known))
    }
}

fn ids<'a>(rows: impl IntoIterator<Item = &'a Row>) -> HashSet<String> {
    rows.into_iter().map(|row| row.get(0)).collect()
}
