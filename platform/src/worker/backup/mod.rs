//! Takes a backup of the platform's database whenever one is due: one at a time across all workers, and once.
//!
//! Time is the database's, so that workers whose clocks differ agree on what is due. Whoever is first takes a lock on
//! the database; under it, an artifact whose data are not older than the time that was due means that it is taken already.
//! So it does not matter how many workers there are, nor whether any of them ran when it was due: the first to come back
//! makes up for it.

mod metrics;
mod schedule;

use std::time::Duration;

use metrics::Metrics;
use sabot_recovery::backup::postgres::{Kind, backup};
use sabot_recovery::backup::{BackupError, Done, Request, Taken};
use sabot_recovery::store::State;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::settings::Settings;
use crate::db::{Database, DatabaseError, DatabaseSettings};
use crate::logs::with_causes;
use crate::service::{Service, StartError};
use crate::settings::BackupSettings;

/// How long the database may take to tell the time.
const CLOCK_LIMIT: Duration = Duration::from_secs(10);

/// How long to wait after a failure: at first, and at most. It doubles from one to the other.
const PAUSE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(30 * 60));

/// How long to wait for somebody else's backup before looking again.
const ASIDE: Duration = Duration::from_secs(30);

/// Starts it, if there is a store.
pub(super) fn start(service: &mut Service, settings: &Settings) -> Result<(), StartError> {
    let Some(how) = settings.backup.clone() else {
        tracing::warn!("no --backup-store is given: this worker takes no backups");
        return Ok(());
    };
    let metrics = Metrics::register(&how.job, &mut service.registry);
    let own = DatabaseSettings { pool_size: 1, ..settings.database.clone() };
    let clock = Database::new(&own, CLOCK_LIMIT)?;
    let source = settings.database.config.clone();
    let loop_ = Loop { how, clock, source, metrics, ending: service.ending.clone() };
    service.tasks.spawn(async move { loop_.run().await });
    Ok(())
}

struct Loop {
    how: BackupSettings,
    clock: Database,
    source: tokio_postgres::Config,
    metrics: Metrics,
    ending: CancellationToken,
}

impl Loop {
    async fn run(self) {
        let mut failures = 0;
        loop {
            let wait = match self.tick().await {
                Ok(wait) => {
                    failures = 0;
                    wait
                }
                Err(_) if self.ending.is_cancelled() => return,
                Err(error) => {
                    failures += 1;
                    self.metrics.failed();
                    tracing::error!(
                        job = self.how.job,
                        error = with_causes(&error),
                        failures,
                        "no backup was taken"
                    );
                    // A clock a little off will do here: the next look asks the database's.
                    pause(failures).min(self.how.due.wait(OffsetDateTime::now_utc()))
                }
            };
            let over = tokio::time::timeout(wait, self.ending.cancelled()).await;
            if over.is_ok() {
                return;
            }
        }
    }

    /// Takes what is due, and gives how long to wait then.
    async fn tick(&self) -> Result<Duration, TickError> {
        let now = self.now().await?;
        let due = self.how.due.last(now);
        let request = Request {
            store: self.how.store.clone(),
            job: self.how.job.clone(),
            keep: Some(self.how.keep),
            due: Some(due),
            limit: self.how.limit,
            stop: self.ending.clone(),
        };
        // What is there already needs no lock, and is no attempt.
        let mut busy = false;
        if self.newest(now).await?.is_none_or(|newest| newest < due) {
            self.metrics.attempted();
            match backup(&self.source, Kind::Logical, &request, |_| ()).await {
                Ok(Done::Taken(taken)) => tell(&taken),
                Ok(Done::Already(_)) => {}
                Err(BackupError::Running { .. }) => busy = true,
                Err(error) => return Err(error.into()),
            }
        }
        let now = self.now().await?;
        self.newest(now).await?;
        let wait = self.how.due.wait(now);
        Ok(if busy { wait.min(ASIDE) } else { wait })
    }

    /// The moment of the newest whole backup, which is told to Prometheus too: whoever took it.
    async fn newest(&self, now: OffsetDateTime) -> Result<Option<OffsetDateTime>, TickError> {
        let artifacts = self.how.store.artifacts(&self.how.job).await.map_err(BackupError::from)?;
        let whole = artifacts.iter().filter(|artifact| matches!(artifact.state, State::Whole(_)));
        // One dated in the future must not keep all others from being taken.
        let newest = whole.map(|artifact| artifact.snapshot_at()).find(|at| *at <= now);
        if let Some(newest) = newest {
            self.metrics.newest(newest);
        }
        Ok(newest)
    }

    async fn now(&self) -> Result<OffsetDateTime, DatabaseError> {
        let asked = self.clock.run(|client| {
            Box::pin(async move {
                let row = client.query_one("SELECT clock_timestamp()", &[]).await;
                Ok::<_, DatabaseError>(row?.get(0))
            })
        });
        tokio::time::timeout(CLOCK_LIMIT, asked).await.unwrap_or(Err(DatabaseError::Silent))
    }
}

/// Why a look at the schedule came to nothing.
#[derive(Debug, thiserror::Error)]
enum TickError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Backup(#[from] BackupError),
}

fn tell(taken: &Taken) {
    let manifest = &taken.manifest;
    let seconds = (manifest.ended_at - manifest.started_at).as_seconds_f64();
    tracing::info!(artifact = manifest.artifact, bytes = manifest.bytes, seconds, "a backup was taken");
    if let Err(error) = &taken.retained {
        tracing::warn!(job = manifest.job, error, "older backups could not be removed");
    }
}

/// The pause after so many failures in a row.
fn pause(failures: u32) -> Duration {
    let (first, most) = PAUSE;
    first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_growing() {
        let seconds = [1, 2, 3, 7, 8, 200].map(|failures| pause(failures).as_secs());
        assert_eq!(seconds, [30, 60, 120, 1800, 1800, 1800]);
    }
}
