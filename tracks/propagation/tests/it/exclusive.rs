//! No row is held by two, and nobody waits for a row that another holds.

use std::collections::HashSet;
use std::time::Duration;

use crate::handler::Calls;
use crate::queue::{Queue, Running, settings};

const ROWS: usize = 3_000;

#[tokio::test]
async fn several_runners_dispatch_each_row_once() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let fill = format!(
        "INSERT INTO pending_propagations (kind, payload) SELECT 'grade', '\"apply\"' FROM generate_series(1, {ROWS})"
    );
    queue.execute(&fill).await;
    let mut settings = settings();
    settings.batch = 40;
    let runners = [(); 3].map(|()| Running::start(queue.runner(calls.registry(), settings.clone())));
    queue.until_applied(ROWS).await;
    let called = calls.take(ROWS).await;
    assert_eq!(calls.rest(), [], "a row was dispatched twice");
    assert_eq!(called.iter().map(|call| call.id).collect::<HashSet<_>>().len(), ROWS);
    assert!(called.iter().all(|call| call.attempt == 1 && call.key == call.id.to_string()));
    let untouched =
        "SELECT count(*) FROM pending_propagations WHERE attempts = 0 AND lost_leases = 0 AND lease IS NULL";
    assert_eq!(queue.value(untouched).await, ROWS.to_string());
    let applied = "SELECT count(DISTINCT payload->>'propagation_id') || ' ' || count(*) FROM audit_log
         WHERE kind = 'propagation.applied'";
    assert_eq!(queue.value(applied).await, format!("{ROWS} {ROWS}"));
    for runner in runners {
        runner.stop().await;
    }
}

#[tokio::test]
async fn a_runner_passes_over_rows_that_somebody_else_has_locked() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    for _ in 0..20 {
        queue.insert("\"apply\"", "", "").await;
    }
    let holder = queue.database.connect().await.unwrap();
    holder.batch_execute("BEGIN; SELECT FROM pending_propagations WHERE id <= 5 FOR UPDATE").await.unwrap();
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    let mut called: Vec<i64> = calls.take(15).await.iter().map(|call| call.id).collect();
    called.sort_unstable();
    assert_eq!(called, (6..=20).collect::<Vec<_>>());
    queue.until_applied(15).await;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
         AND datname = current_database()";
    assert_eq!(queue.value(waiting).await, "0");
    holder.batch_execute("COMMIT").await.unwrap();
    let mut called: Vec<i64> = calls.take(5).await.iter().map(|call| call.id).collect();
    called.sort_unstable();
    assert_eq!(called, [1, 2, 3, 4, 5]);
    queue.until_applied(20).await;
    assert_eq!(calls.rest(), []);
    runner.stop().await;
}

/// A runner in the middle of a dispatch whose lease has run out; it looks no more, so it does not take the row itself.
async fn overdue(queue: &Queue, calls: &mut Calls) -> Running {
    let mut settings = settings();
    settings.poll = Duration::from_secs(3600);
    settings.concurrency = 1;
    let runner = Running::start(queue.deaf_runner(calls.registry(), settings));
    calls.next().await;
    queue.execute("UPDATE pending_propagations SET next_attempt_at = now() - interval '1 s'").await;
    runner
}

#[tokio::test]
async fn a_late_completion_changes_nothing() {
    let (queue, mut calls, others) = (Queue::new().await, Calls::new(), Calls::new());
    let id = queue.insert("\"wait\"", "", "").await;
    let late = overdue(&queue, &mut calls).await;
    queue.execute("UPDATE pending_propagations SET payload = '{\"fail\":\"no\"}'").await;
    let other = Running::start(queue.runner(others.registry(), settings()));
    queue.until("SELECT sum(attempts) FROM pending_propagations", 1).await;
    other.stop().await;
    let before = queue.row(id, "xmin, p").await;
    calls.open(1);
    late.until_metric("propagation_late_total", "1").await;
    assert_eq!(queue.row(id, "xmin, p").await, before);
    assert_eq!(queue.trail(id).await, "retrying");
    late.stop().await;
}

#[tokio::test]
async fn a_completion_after_the_lease_changes_nothing_even_if_nobody_took_the_row() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let id = queue.insert("\"wait\"", "", "").await;
    let late = overdue(&queue, &mut calls).await;
    // It is left alone now: nobody has a handler for it.
    queue.execute("UPDATE pending_propagations SET kind = 'future'").await;
    let before = queue.row(id, "xmin, p").await;
    calls.open(1);
    late.until_metric("propagation_late_total", "1").await;
    assert_eq!(queue.row(id, "xmin, p").await, before);
    assert_eq!(queue.trail(id).await, "");
    late.stop().await;
}
