//! A peer: `apalis-postgres`, set up as in its example of a tuned worker.

use apalis::prelude::{BoxDynError, ParallelizeExt as _, TaskSink as _, WorkerBuilder, WorkerContext};
use apalis_postgres::{Config, PostgresStorage};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::place::Database;
use super::queue::PORTION;
use super::worker::{Called, Working};
use crate::Outcome;

const NAME: &str = "changes";

/// One row, with `$1` as its argument; what the crate's own statement for it puts in.
pub(crate) const ENQUEUE: &str =
    "INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, metadata)
     VALUES (apalis.generate_ulid(), 'changes', convert_to($1::bigint::text, 'UTF8'), 'Pending', 0, 25,
         date_trunc('second', now()), 0, '')
     RETURNING id";

/// A pool as large as the driver's default, which does not ask a connection whether it lives before each statement.
pub(crate) async fn pool(database: &Database) -> Outcome<PgPool> {
    Ok(PgPoolOptions::new().max_connections(10).test_before_acquire(false).connect(&database.url).await?)
}

fn storage(pool: &PgPool, batch: usize) -> PostgresStorage<u64> {
    let config = Config::default().queue(NAME).batch_size(batch).lock_tasks(false);
    PostgresStorage::new(pool).with_config(config)
}

/// Enqueues one row.
pub(crate) async fn enqueue_one(pool: &PgPool, team: usize) -> Outcome {
    Ok(storage(pool, 1).push(u64::try_from(team)?).await?)
}

/// Enqueues many with one call.
pub(crate) async fn enqueue_many(pool: &PgPool, first: usize, last: usize) -> Outcome {
    let teams = (first..=last).map(u64::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(storage(pool, teams.len()).push_bulk(teams).await?)
}

/// Makes the schema and enqueues.
pub(crate) async fn fill(database: &Database, rows: usize) -> Outcome {
    let pool = pool(database).await?;
    PostgresStorage::setup(&pool).await?;
    let mut first = 1;
    while first <= rows {
        let last = rows.min(first + PORTION - 1);
        enqueue_many(&pool, first, last).await?;
        first = last + 1;
    }
    pool.close().await;
    Ok(())
}

/// Starts a worker that takes so many rows at once.
pub(crate) async fn start(database: &Database, batch: usize, called: Called) -> Outcome<Working> {
    let pool = pool(database).await?;
    let context = WorkerContext::new("bench");
    let worker = WorkerBuilder::new(&context)
        .backend(storage(&pool, batch).with_pubsub())
        .parallelize(tokio::spawn)
        .build(move |_: u64| {
            let called = called.clone();
            async move {
                called.now();
                Ok::<(), BoxDynError>(())
            }
        });
    // Not a task, as in its example: this worker's future cannot be shown to be `Send`. A thread drives it.
    let (ended, end) = oneshot::channel();
    let runtime = Handle::current();
    std::thread::spawn(move || {
        let run = runtime.block_on(worker.run()).map_err(|error| error.to_string());
        drop(ended.send(run));
    });
    let run = async move { end.await.unwrap_or_else(|_| Err("the worker panicked".to_owned())) };
    Ok(Working::new(run, move || drop(context.stop())))
}
