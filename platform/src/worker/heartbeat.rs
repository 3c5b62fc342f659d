//! What readiness makes of the propagation runner's heartbeat.
//!
//! A loop that merely turned would look alive while every statement of its own hangs, and with it the runner that moves
//! nothing. So a tick is a claim that PostgreSQL answered.

use std::time::Duration;

use sabot_propagation::Heartbeat;
use sabot_readiness::ProbeResult;
use tokio::time::timeout;

/// How long a look waits for the very first tick.
const FIRST_TICK: Duration = Duration::from_millis(200);

/// Failed with `no_tick_yet` before the first tick, with `stalled` without a recent one. A service that has only just
/// started is given a moment: its failure would be cached for a whole period.
pub(super) async fn look(mut heartbeat: Heartbeat, stale_after: Duration) -> ProbeResult {
    if heartbeat.last().is_none() {
        let _ticked = timeout(FIRST_TICK, heartbeat.next()).await;
    }
    judge(heartbeat.age(), stale_after)
}

fn judge(age: Option<Duration>, stale_after: Duration) -> ProbeResult {
    match age {
        None => ProbeResult::failed("no_tick_yet"),
        Some(age) if age > stale_after => ProbeResult::failed("stalled"),
        Some(_) => ProbeResult::ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_without_a_recent_tick_has_failed() {
        let stale_after = Duration::from_secs(15);
        assert_eq!(judge(None, stale_after), ProbeResult::failed("no_tick_yet"));
        assert_eq!(judge(Some(stale_after), stale_after), ProbeResult::ok());
        let late = stale_after + Duration::from_millis(1);
        assert_eq!(judge(Some(late), stale_after), ProbeResult::failed("stalled"));
    }
}
