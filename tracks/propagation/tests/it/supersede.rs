//! Of what sets the same thing, only the newest counts.

use crate::handler::Calls;
use crate::queue::{Queue, Running, settings};

fn runner(queue: &Queue, calls: &Calls) -> Running {
    let registry = calls.builder().supersede(["grade"]).build().unwrap();
    Running::start(queue.runner(registry, settings()))
}

#[tokio::test]
async fn an_older_one_is_never_dispatched_once_a_newer_is_there() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let older = queue.insert("\"apply\"", ", team_id", ", 7").await;
    let newer = queue.insert("\"apply\"", ", team_id", ", 7").await;
    let other_team = queue.insert("\"apply\"", ", team_id", ", 8").await;
    let no_team = queue.insert("\"apply\"", "", "").await;
    queue
        .execute("INSERT INTO pending_propagations (kind, team_id, payload) VALUES ('mail', 7, '\"apply\"')")
        .await;
    let runner = runner(&queue, &calls);
    queue.until_applied(5).await;
    let mut called: Vec<i64> = calls.take(4).await.iter().map(|call| call.id).collect();
    called.sort_unstable();
    assert_eq!(
        called,
        [newer, other_team, no_team, no_team + 1],
        "another kind of the team is another thing"
    );
    assert_eq!(calls.rest(), []);
    let reason =
        format!("SELECT payload->>'skipped' FROM audit_log WHERE payload->>'propagation_id' = '{older}'");
    assert_eq!(queue.value(&reason).await, "superseded");
    runner.stop().await;
}

#[tokio::test]
async fn a_retry_of_an_older_one_does_not_come_after_the_newer() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let older = queue.insert(r#"{"fail":"no"}"#, ", team_id", ", 7").await;
    let runner = runner(&queue, &calls);
    queue.until("SELECT sum(attempts) FROM pending_propagations", 1).await;
    let newer = queue.insert("\"apply\"", ", team_id", ", 7").await;
    queue.until_applied(1).await;
    queue.execute("UPDATE pending_propagations SET next_attempt_at = now() WHERE applied_at IS NULL").await;
    queue.until_applied(2).await;
    assert_eq!(calls.rest().iter().map(|call| call.id).collect::<Vec<_>>(), [older, newer]);
    runner.stop().await;
}

#[tokio::test]
async fn a_newer_one_waits_while_an_older_is_in_flight() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let older = queue.insert("\"wait\"", ", team_id", ", 7").await;
    let first = runner(&queue, &calls);
    let second = runner(&queue, &calls);
    assert_eq!(calls.next().await.id, older);
    let newer = queue.insert("\"apply\"", ", team_id", ", 7").await;
    // Rows that come later pass it by, again and again.
    for _ in 0..10 {
        let other = queue.insert("\"apply\"", ", team_id", ", 8").await;
        assert_eq!(calls.next().await.id, other);
    }
    assert_eq!(queue.row(newer, "attempts, lost_leases, applied_at IS NULL").await, "0 0 t");
    calls.open(1);
    assert_eq!(calls.next().await.id, newer);
    queue.until_applied(12).await;
    first.stop().await;
    second.stop().await;
}
