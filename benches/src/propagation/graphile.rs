//! A peer: `graphile_worker`, over the driver that its own benches prefer.

use std::sync::Arc;
use std::time::Duration;

use graphile_worker::tokio_postgres::TokioPostgresDatabase;
use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, RawJobSpec, TaskHandler, WorkerContext, WorkerOptions,
    WorkerUtils,
};
use serde::{Deserialize, Serialize};

use super::place::Database;
use super::queue::PORTION;
use super::worker::{CONCURRENCY, Called, Working};
use crate::Outcome;

/// What its pools hold by default.
const POOL: usize = 20;

/// One row, with `$1` in its payload.
pub(crate) const ENQUEUE: &str = "SELECT id::text FROM graphile_worker.add_job('change', json_build_object('team', $1::bigint, 'from', 'free'))";

/// The same payload as ours carries, with the columns that this queue lacks.
#[derive(Clone, Serialize, Deserialize)]
struct Change {
    team: i64,
    from: String,
}

impl TaskHandler for Change {
    const IDENTIFIER: &'static str = "change";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        if let Some(called) = context.get_ext::<Called>() {
            called.now();
        }
        Ok::<(), String>(())
    }
}

/// How a worker works here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// As it is without a setting, but for the concurrency.
    Default,
    /// A local queue of as many rows as our batches have, and completions in batches of 5 ms, as its documents advise.
    Tuned,
}

/// What enqueues.
#[derive(Clone)]
pub(crate) struct Producer(WorkerUtils);

impl Producer {
    /// One with a pool of this size.
    pub(crate) fn new(database: &Database, pool: usize) -> Outcome<Self> {
        let database = TokioPostgresDatabase::from_config(database.config.clone(), pool)?;
        Ok(Self(WorkerUtils::new(database, "graphile_worker")))
    }

    /// Enqueues one row.
    pub(crate) async fn one(&self, team: usize) -> Outcome {
        self.0.add_job(change(team)?, JobSpec::default()).await?;
        Ok(())
    }

    /// Enqueues many with one call.
    pub(crate) async fn many(&self, first: usize, last: usize) -> Outcome {
        let spec = |team| {
            let payload = serde_json::to_value(change(team)?)?;
            Ok(RawJobSpec { identifier: Change::IDENTIFIER.to_owned(), payload, spec: JobSpec::default() })
        };
        self.0.add_raw_jobs(&(first..=last).map(spec).collect::<Outcome<Vec<_>>>()?).await?;
        Ok(())
    }
}

fn change(team: usize) -> Outcome<Change> {
    Ok(Change { team: i64::try_from(team)?, from: "free".to_owned() })
}

/// Makes the schema and enqueues.
pub(crate) async fn fill(database: &Database, rows: usize) -> Outcome {
    let producer = Producer::new(database, POOL)?;
    producer.0.migrate().await?;
    let mut first = 1;
    while first <= rows {
        let last = rows.min(first + PORTION - 1);
        producer.many(first, last).await?;
        first = last + 1;
    }
    Ok(())
}

/// Starts a worker.
pub(crate) async fn start(database: &Database, how: How, called: Called) -> Outcome<Working> {
    let options = WorkerOptions::default()
        .database(TokioPostgresDatabase::from_config(database.config.clone(), POOL)?)
        .concurrency(CONCURRENCY)
        .listen_os_shutdown_signals(false)
        .add_extension(called)
        .define_job::<Change>();
    let options = match how {
        How::Default => options,
        How::Tuned => options
            .local_queue(LocalQueueConfig::default().with_size(super::ceiling::BATCH))
            .complete_job_batch_delay(Duration::from_millis(5)),
    };
    let worker = Arc::new(options.init().await?);
    let running = Arc::clone(&worker);
    let run = async move { running.run().await.map_err(|error| error.to_string()) };
    Ok(Working::new(run, move || worker.request_shutdown()))
}
