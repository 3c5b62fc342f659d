//! Every change of state leaves its audit row, where the adopter wants it, or nothing changes.

use sabot_propagation::Audit;

use crate::handler::Calls;
use crate::queue::{Queue, Running, elsewhere, settings};

#[tokio::test]
async fn a_life_can_be_read_from_the_trail() {
    let (queue, calls) = (Queue::new().await, Calls::new());
    let id = queue.insert(r#"{"fail":"no"}"#, ", team_id, target_tier", ", 7, 'pro'").await;
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    for failures in 1..=2 {
        queue.until("SELECT attempts FROM pending_propagations", failures).await;
        queue.execute("UPDATE pending_propagations SET next_attempt_at = now() WHERE attempts < 2").await;
    }
    queue.execute("UPDATE pending_propagations SET next_attempt_at = now(), payload = '\"apply\"'").await;
    queue.until_applied(1).await;
    assert_eq!(queue.trail(id).await, "retrying retrying applied");
    let last =
        "SELECT concat_ws(' | ', team_id, actor, summary, payload->>'failures', payload->>'target_tier')
         FROM audit_log ORDER BY id DESC LIMIT 1";
    assert_eq!(queue.value(last).await, "7 | propagation | propagation 1 (grade) applied | 2 | pro");
    let first = "SELECT concat_ws(' | ', summary, payload->>'error', payload->>'reason') FROM audit_log ORDER BY id LIMIT 1";
    assert_eq!(queue.value(first).await, "propagation 1 (grade) retries after attempt 1 | no | error");
    runner.stop().await;
}

#[tokio::test]
async fn a_trail_that_cannot_be_written_keeps_the_state_from_changing() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    queue.execute("ALTER TABLE audit_log ADD CHECK (kind <> 'propagation.applied')").await;
    let id = queue.insert("\"apply\"", "", "").await;
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    calls.next().await;
    runner.until_metric("propagation_database_errors_total", "1").await;
    assert_eq!(queue.row(id, "applied_at IS NULL, lease IS NOT NULL").await, "t t");
    runner.stop().await;
}

#[tokio::test]
async fn an_adopter_has_his_own_trail_or_none() {
    let (queue, calls) = (Queue::new().await, Calls::new());
    queue.execute("DROP TABLE audit_log; CREATE TABLE events (name text, who text, data jsonb)").await;
    queue.insert(r#"{"skip":"quota"}"#, "", "").await;
    let runner = Running::start(queue.runner(calls.registry(), settings()).audit(elsewhere()));
    queue.until("SELECT count(*) FROM events", 2).await;
    runner.stop().await;
    let events = "SELECT string_agg(name || ' ' || who, ', ' ORDER BY name) FROM events";
    assert_eq!(
        queue.value(events).await,
        "propagation.retrying worker 7, propagation.unexpected_skip worker 7"
    );
    queue.insert("\"apply\"", "", "").await;
    let runner = Running::start(queue.runner(calls.registry(), settings()).audit(Audit::none()));
    queue.until_applied(1).await;
    runner.stop().await;
    assert_eq!(queue.value("SELECT count(*) FROM events").await, "2");
}
