//! Waiting for a readiness endpoint to come to something: poll until it shows, or until the deadline.

use super::answer::{Answer, ready};
use sabot_engine::Judgement;
use sabot_target::{Instance, Lane};
use std::time::Duration;
use tokio::time::Instant;

/// How often readiness is asked while something is awaited. There is no event to await from outside: the endpoint
/// probes only when it is asked.
const POLL: Duration = Duration::from_millis(40);

/// Asks until `shows` holds; `Err` holds the last answer when `limit` has passed.
pub(crate) async fn until(
    lane: &Lane,
    instance: &Instance,
    limit: Duration,
    shows: impl Fn(&Answer) -> bool,
) -> Judgement<Result<Answer, Answer>> {
    let deadline = Instant::now() + limit;
    loop {
        let answer = ready(lane, instance).await?;
        if shows(&answer) {
            return Ok(Ok(answer));
        }
        if Instant::now() >= deadline {
            return Ok(Err(answer));
        }
        tokio::time::sleep(POLL).await;
    }
}
