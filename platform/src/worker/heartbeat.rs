//! The propagation runner's heartbeat: a tick is a statement that came back.
//!
//! A loop that merely turns would tick while its database hangs, and readiness would praise a runner that moves
//! nothing. So what is remembered is when PostgreSQL last answered it.

use std::sync::Arc;
use std::time::Duration;

use sabot_readiness::ProbeResult;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::db::{Database, DatabaseError};
use crate::logs::with_causes;

/// What stands on the wire for each tick.
const TICK: &str = "SELECT 1 /* propagation_runner */";

/// How long a look waits for the very first tick.
const FIRST_TICK: Duration = Duration::from_millis(200);

/// When the runner last ticked; clones share it.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    last: Arc<watch::Sender<Option<Instant>>>,
    stale_after: Duration,
}

impl Heartbeat {
    /// A heart that has not yet beaten.
    #[must_use]
    pub fn new(stale_after: Duration) -> Self {
        Self { last: Arc::new(watch::Sender::new(None)), stale_after }
    }

    /// What readiness makes of it: failed with `no_tick_yet` before the first tick, with `stalled` without a recent
    /// one. A service that has only just started is given a moment: its failure would be cached for a whole period.
    pub async fn look(self) -> ProbeResult {
        let mut ticks = self.last.subscribe();
        let _ticked = timeout(FIRST_TICK, ticks.wait_for(Option::is_some)).await;
        let last = *self.last.borrow();
        match last {
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
                self.last.send_replace(Some(Instant::now()));
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
        assert_eq!(heartbeat.clone().look().await, ProbeResult::failed("no_tick_yet"));
        heartbeat.last.send_replace(Some(Instant::now()));
        advance(Duration::from_secs(15)).await;
        assert_eq!(heartbeat.clone().look().await.status(), Status::Ok);
        advance(Duration::from_millis(1)).await;
        assert_eq!(heartbeat.look().await, ProbeResult::failed("stalled"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_awaits_the_very_first_tick() {
        let heartbeat = Heartbeat::new(Duration::from_secs(15));
        let tick = async {
            tokio::time::sleep(FIRST_TICK / 2).await;
            heartbeat.last.send_replace(Some(Instant::now()));
        };
        let (seen, ()) = tokio::join!(heartbeat.clone().look(), tick);
        assert_eq!(seen, ProbeResult::ok());
    }
}
