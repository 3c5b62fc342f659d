//! The propagation runner's heartbeat: a tick is a statement that came back.
//!
//! A loop that merely turns would tick while its database hangs, and readiness would praise a runner that moves
//! nothing. So what is remembered is when PostgreSQL last answered it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sabot_readiness::ProbeResult;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::db::{Database, DatabaseError};
use crate::logs::with_causes;

/// What stands on the wire for each tick.
const TICK: &str = "SELECT 1 /* propagation_runner */";

/// When the runner last ticked; clones share it.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    last: Arc<Mutex<Option<Instant>>>,
    stale_after: Duration,
}

impl Heartbeat {
    /// A heart that has not yet beaten.
    #[must_use]
    pub fn new(stale_after: Duration) -> Self {
        Self { last: Arc::default(), stale_after }
    }

    /// What readiness makes of it: failed with `no_tick_yet` before the first tick, with `stalled` without a recent
    /// one.
    #[must_use]
    pub fn look(&self) -> ProbeResult {
        match *self.last.lock().unwrap_or_else(PoisonError::into_inner) {
            None => ProbeResult::failed("no_tick_yet"),
            Some(last) if last.elapsed() > self.stale_after => ProbeResult::failed("stalled"),
            Some(_) => ProbeResult::ok(),
        }
    }

    /// Ticks until the service ends.
    pub async fn run(self, database: Database, poll: Duration, ending: CancellationToken) {
        let mut timer = interval(poll);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut well = true;
        let ticking = async {
            loop {
                timer.tick().await;
                well = self.tick(&database, well).await;
            }
        };
        let _ended = ending.run_until_cancelled(ticking).await;
    }

    /// Whether the tick came back; the change from one to the other is logged, not each of them.
    async fn tick(&self, database: &Database, was_well: bool) -> bool {
        // A statement that is held for longer than the heartbeat lives is given up with its connection.
        let error = match timeout(self.stale_after, statement(database)).await {
            Ok(Ok(())) => {
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                if !was_well {
                    tracing::info!("the propagation runner ticks again");
                }
                return true;
            }
            Ok(Err(error)) => with_causes(&error),
            Err(_) => format!("no answer within {:?}", self.stale_after),
        };
        if was_well {
            tracing::error!(error, "the propagation runner cannot tick");
        }
        false
    }
}

async fn statement(database: &Database) -> Result<(), DatabaseError> {
    database.run(|client| Box::pin(async move { Ok(client.batch_execute(TICK).await?) })).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use sabot_readiness::Status;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_runner_without_a_recent_tick_has_failed() {
        let heartbeat = Heartbeat::new(Duration::from_secs(15));
        assert_eq!(heartbeat.look(), ProbeResult::failed("no_tick_yet"));
        *heartbeat.last.lock().unwrap() = Some(Instant::now());
        advance(Duration::from_secs(15)).await;
        assert_eq!(heartbeat.look().status(), Status::Ok);
        advance(Duration::from_millis(1)).await;
        assert_eq!(heartbeat.look(), ProbeResult::failed("stalled"));
    }
}
