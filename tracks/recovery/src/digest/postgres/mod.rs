//! The content of a PostgreSQL database: rows counted and digested by the server itself, in one snapshot.
//!
//! A table's digest is the sum of one 64-bit hash for each row, so it depends neither on the order of the rows nor on where
//! they lie; a lost, added, changed or doubled row changes it. A row is hashed as the text of its columns, in the order of
//! their names (a restore may put inherited columns into another place), under fixed settings. The hash is PostgreSQL's own
//! `hashtextextended`: fast, and made to find accidents, not forgeries.
//!
//! What is not compared: owners and privileges (a restore may leave them out on purpose), foreign tables (their rows are
//! elsewhere), and the rows of tables that belong to an extension. Definitions are compared without casts and
//! parentheses, which PostgreSQL itself writes differently after a restore.
//!
//! It needs PostgreSQL 13 or newer, and the right to read every table.

mod error;
mod objects;
mod rows;
mod sequences;
mod session;
mod tables;

pub use error::DigestError;
pub use sequences::sequences;

use crate::manifest::{Database, Table};
use futures_util::future::try_join_all;
use session::Session;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tables::{Relation, Source};
use tokio_postgres::Config;

/// How these digests are computed; part of every manifest.
pub const ALGORITHM: &str = "postgres-row-text-hash64-sum-1";

/// How to go about it.
#[derive(Debug, Clone)]
pub struct How {
    /// The snapshot to read, as `pg_export_snapshot` names it; the present when there is none.
    pub snapshot: Option<String>,
    /// What a materialized view counts as.
    pub views: Views,
    /// How many connections (at least 1).
    pub connections: usize,
    /// How many parallel workers each of them may ask of the server.
    pub workers: u32,
    /// How long the whole may take.
    pub limit: Duration,
}

impl How {
    /// As fast as this machine allows, for a server that is nobody else's.
    #[must_use]
    pub fn fast(limit: Duration) -> Self {
        let cpus = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
        let workers = u32::try_from(cpus).unwrap_or(2);
        Self { snapshot: None, views: Views::Stored, connections: cpus, workers, limit }
    }
}

/// What a materialized view counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Views {
    /// What it holds: right after a restore, and for a physical backup, which copies it as it is.
    Stored,
    /// What its query gives now: right for a logical dump, whose restore refreshes it.
    Refreshed,
}

/// Counts and digests everything in the database that `config` names.
///
/// # Errors
/// When the server cannot be reached, refuses a statement (the table is named), or takes longer than the limit.
pub async fn content(config: &Config, how: &How) -> Result<Database, DigestError> {
    let read = read(config, how);
    tokio::time::timeout(how.limit, read).await.unwrap_or(Err(DigestError::Late { limit: how.limit }))
}

async fn read(config: &Config, how: &How) -> Result<Database, DigestError> {
    let first = Session::open(config, how, how.snapshot.as_deref()).await?;
    let snapshot = match &how.snapshot {
        Some(snapshot) => snapshot.clone(),
        None => first.export().await?,
    };
    let relations = tables::list(&first).await?;
    let others = how.connections.saturating_sub(1).min(relations.len().saturating_sub(1));
    let others = try_join_all((0..others).map(|_| Session::open(config, how, Some(&snapshot)))).await?;
    let next = AtomicUsize::new(0);
    let (first, next) = (&first, &next);
    let helpers = try_join_all(others.iter().map(|session| take(session, &relations, next, how.views)));
    // The catalogue is read by the first while the others have begun with the largest tables.
    let catalogue = async {
        let objects = objects::objects(first).await?;
        let extensions = objects::extensions(first).await?;
        let sequences = sequences::of(first).await?;
        let own = take(first, &relations, next, how.views).await?;
        Ok((objects, extensions, sequences, own))
    };
    let (helped, (objects, extensions, sequences, own)) = tokio::try_join!(helpers, catalogue)?;
    let mut tables: Vec<Table> = helped.into_iter().flatten().chain(own).chain(sequences).collect();
    tables.sort();
    Ok(Database { name: first.database().await?, tables, objects, extensions })
}

/// Digests relation after relation, until none is left that no other session has taken.
async fn take(
    session: &Session,
    relations: &[Relation],
    next: &AtomicUsize,
    views: Views,
) -> Result<Vec<Table>, DigestError> {
    let mut done = Vec::new();
    while let Some(relation) = relations.get(next.fetch_add(1, Ordering::Relaxed)) {
        let name = relation.name.clone();
        let Some(sql) = relation.statement(views) else {
            // Never filled, and a dump does not fill it either.
            done.push(Table { name, rows: 0, digest: "not populated".to_owned() });
            continue;
        };
        let row = session.row(&name, &sql).await?;
        let [Some(rows), Some(digest)] = row.as_slice() else {
            return Err(DigestError::Unreadable { subject: name });
        };
        let rows = rows.parse().map_err(|_| DigestError::Unreadable { subject: name.clone() })?;
        done.push(Table { name, rows, digest: digest.clone() });
    }
    Ok(done)
}

impl Relation {
    /// Counts and digests it; `None` for a materialized view that was never filled.
    fn statement(&self, views: Views) -> Option<String> {
        let from = match (&self.source, views) {
            (Source::LargeObjects, _) => return Some(rows::LARGE_OBJECTS.to_owned()),
            (Source::View { populated: false, .. }, _) => return None,
            (Source::View { query, columns, .. }, Views::Refreshed) => format!("({query}) AS t({columns})"),
            (Source::Table | Source::View { .. }, _) => format!("ONLY {} AS t", self.name),
        };
        Some(rows::digest(&self.columns, &from))
    }
}
