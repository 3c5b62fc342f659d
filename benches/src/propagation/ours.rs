//! Ours: the runner with its defaults, on the platform's schema.

use deadpool_postgres::Pool;
use sabot_propagation::{
    Audit, Kind, New, Outcome as Dispatched, Propagation, QUEUE, Registry, RegistryBuilder, Runner,
    SUPERSESSION, Settings, enqueue_many,
};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio_postgres::{Client, NoTls};

use super::place::Database;
use super::queue::{PORTION, Queue};
use super::worker::{Called, Working};
use crate::Outcome;

/// The platform's migrations that the queue's own stand on.
const PLATFORM: [&str; 3] = [
    include_str!("../../../platform/migrations/0001_teams.sql"),
    include_str!("../../../platform/migrations/0003_contact_email.sql"),
    include_str!("../../../platform/migrations/0004_propagation_kind.sql"),
];

/// What a tier change carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Change {
    from: String,
}

/// The platform's kind.
pub(crate) const KIND: Kind<Change> = Kind::new("tier_elevation");

/// One row, for the team whose number is `$1`.
pub(crate) const ENQUEUE: &str =
    "SELECT propagation_enqueue('tier_elevation', $1::bigint, 'pro', '{\"from\":\"free\"}')::text";

/// How a runner works here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Each propagation counts.
    Plain,
    /// Each counts, and no audit rows are written.
    Unaudited,
    /// Only a team's newest counts.
    Superseding,
}

/// Makes the tables.
pub(crate) async fn schema(client: &Client, queue: Queue) -> Outcome {
    for sql in PLATFORM {
        client.batch_execute(sql).await?;
    }
    client.batch_execute(QUEUE.sql).await?;
    match queue {
        Queue::Superseding => client.batch_execute(SUPERSESSION.sql).await?,
        Queue::Bare => {
            client.batch_execute("DROP TRIGGER pending_propagations_ring ON pending_propagations").await?;
        }
        _ => {}
    }
    Ok(())
}

/// Rows that were applied days ago and are still kept.
pub(crate) async fn keep(client: &Client, rows: usize) -> Outcome {
    if rows == 0 {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO pending_propagations
             (kind, team_id, target_tier, payload, created_at, next_attempt_at, last_attempt_at, applied_at)
         SELECT 'tier_elevation', n, 'pro', '{{\"from\":\"free\"}}', at, at, at, at
         FROM generate_series(1, {rows}) AS n, (SELECT now() - interval '3 days') AS past (at)"
    );
    Ok(client.batch_execute(&sql).await?)
}

/// Enqueues through [`enqueue_many`], one transaction for each portion.
pub(crate) async fn fill(database: &Database, rows: usize) -> Outcome {
    let pool = database.pool(1)?;
    let mut first = 1;
    while first <= rows {
        let last = rows.min(first + PORTION - 1);
        enqueue_batch(&pool, first, last).await?;
        first = last + 1;
    }
    pool.close();
    Ok(())
}

/// Enqueues one row for each of these teams, in a transaction of its own.
pub(crate) async fn enqueue_batch(pool: &Pool, first: usize, last: usize) -> Outcome {
    let new = (first..=last).map(new).collect::<Outcome<Vec<_>>>()?;
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    enqueue_many(&transaction, &new).await?;
    Ok(transaction.commit().await?)
}

/// A tier change of the team of this number.
pub(crate) fn new(team: usize) -> Outcome<New> {
    let change = Change { from: "free".to_owned() };
    Ok(KIND.of(&change)?.team(i64::try_from(team)?).target_tier("pro"))
}

/// Starts a runner.
pub(crate) fn start(database: &Database, how: How, called: Called) -> Outcome<Working> {
    let registry = Registry::builder().kind(KIND, "does nothing", move |_: Propagation<Change>| {
        let called = called.clone();
        async move {
            called.now();
            Ok(Dispatched::Applied)
        }
    });
    let newest = (how == How::Superseding).then_some([KIND.name()]);
    let registry = newest.into_iter().fold(registry, RegistryBuilder::supersede).build()?;
    let audit = if how == How::Unaudited { Audit::none() } else { Audit::default() };
    let runner = Runner::builder(database.pool(5)?, registry, |error: &str| error.to_owned())
        .settings(Settings::default())
        .audit(audit)
        .listen(database.config.clone(), NoTls)
        .build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = async move {
        runner.run(async move { drop(stopped.await) }).await;
        Ok(())
    };
    Ok(Working::new(running, move || drop(stop)))
}

/// An error unless every row was applied at its first attempt, and left its audit row where there are to be any.
pub(crate) async fn verify(client: &Client, rows: usize, audited: bool) -> Outcome {
    let sql = "SELECT (SELECT count(*) FROM pending_propagations
            WHERE applied_at IS NOT NULL AND attempts = 0 AND lost_leases = 0 AND last_attempt_at > now() - interval '1 h'),
        (SELECT count(*) FROM audit_log WHERE kind = 'propagation.applied')";
    let row = client.query_one(sql, &[]).await?;
    let (applied, told): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let (rows, audits) = (i64::try_from(rows)?, if audited { i64::try_from(rows)? } else { 0 });
    if (applied, told) == (rows, audits) {
        return Ok(());
    }
    Err(format!("{applied} rows applied at once with {told} audit rows, not {rows} with {audits}").into())
}
