//! Retention and gauges.

use std::time::Duration;

use crate::handler::Calls;
use crate::queue::{Queue, Running, settings};

#[tokio::test]
async fn what_was_applied_long_ago_goes_and_nothing_else() {
    let (queue, calls) = (Queue::new().await, Calls::new());
    // More than one portion of old ones, with all that must stay among them.
    queue
        .execute(
            "INSERT INTO pending_propagations (kind, created_at, applied_at, failed_at, next_attempt_at)
             SELECT 'grade', now() - interval '3 h',
                 CASE WHEN n % 1000 > 1 THEN now() - interval '2 h' WHEN n % 1000 = 1 THEN now() - interval '5 min' END,
                 CASE WHEN n % 2000 = 0 THEN now() - interval '2 h' END, now() + interval '1 d'
             FROM generate_series(1, 12000) AS n",
        )
        .await;
    let mut settings = settings();
    settings.keep_applied = Some(Duration::from_secs(3600));
    let runner = Running::start(queue.runner(calls.registry(), settings));
    queue.until("SELECT count(*) FROM pending_propagations", 24).await;
    runner.until_metric("propagation_trimmed_total", "11976").await;
    let kept =
        "SELECT concat_ws(' ', count(applied_at), count(failed_at), count(*)) FROM pending_propagations";
    assert_eq!(queue.value(kept).await, "12 6 24");
    runner.stop().await;
}

#[tokio::test]
async fn without_retention_everything_is_kept() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    queue
        .insert("\"apply\"", ", created_at, applied_at", ", now() - interval '9 y', now() - interval '8 y'")
        .await;
    queue.insert("\"apply\"", "", "").await;
    let mut settings = settings();
    settings.keep_applied = None;
    let runner = Running::start(queue.runner(calls.registry(), settings));
    calls.next().await;
    queue.until_applied(2).await;
    runner.stop().await;
}

#[tokio::test]
async fn the_gauges_show_what_waits_and_what_is_dead() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    queue.insert("\"wait\"", "", "").await;
    queue.insert("\"wait\"", ", failed_at", ", now()").await;
    queue.insert("\"wait\"", ", next_attempt_at", ", 'infinity'").await;
    queue.execute("INSERT INTO pending_propagations (kind, next_attempt_at) VALUES ('future', now() - interval '100 s')").await;
    let mut settings = settings();
    settings.observe = Duration::from_millis(20);
    let runner = Running::start(queue.runner(calls.registry(), settings));
    calls.next().await;
    for (kind, state) in [("grade", "leased"), ("grade", "dead"), ("grade", "scheduled"), ("future", "due")] {
        let name = format!("propagation_rows{{kind=\"{kind}\",state=\"{state}\"}}");
        runner.until_metric(&name, "1").await;
    }
    let oldest: f64 = runner.metric("propagation_oldest_due_seconds").unwrap().parse().unwrap();
    assert!(oldest >= 100.0, "{oldest}");
    calls.open(1);
    queue.until_applied(1).await;
    assert_eq!(
        runner.metric("propagation_attempts_total{kind=\"grade\",end=\"applied\"}").as_deref(),
        Some("1")
    );
    runner.stop().await;
}
