//! A runner that is told to stop finishes or gives back what it holds.

use std::time::Duration;

use crate::handler::Calls;
use crate::queue::{Queue, Running, settings};

/// 199 quick ones first, so that a runner claims ahead; then one that does not end, and a hundred behind it.
async fn quick_ones_around_a_slow_one(queue: &Queue) {
    let rows = "INSERT INTO pending_propagations (kind, payload, next_attempt_at)
         SELECT 'grade', CASE WHEN n = 200 THEN '\"wait\"'::jsonb ELSE '\"apply\"' END,
             now() - interval '1 h' + n * interval '1 s' FROM generate_series(1, 300) AS n";
    queue.execute(rows).await;
}

#[tokio::test]
async fn dispatches_under_way_are_finished() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    for _ in 0..3 {
        queue.insert("\"wait\"", "", "").await;
    }
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    calls.take(3).await;
    let stopping = runner.stopping();
    // It is told to stop before the dispatches may end; what comes in now is for others.
    let after = queue.insert("\"apply\"", "", "").await;
    calls.open(3);
    stopping.await;
    let ended = "SELECT count(*) FROM pending_propagations WHERE applied_at IS NOT NULL AND id <= 3";
    assert_eq!(queue.value(ended).await, "3");
    let free = queue.row(after, "applied_at IS NOT NULL OR lease IS NULL AND next_attempt_at <= now()").await;
    assert_eq!(free, "t");
}

#[tokio::test]
async fn what_is_not_finished_in_time_is_given_back_as_it_was() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    quick_ones_around_a_slow_one(&queue).await;
    let mut settings = settings();
    (settings.concurrency, settings.grace) = (1, Duration::from_millis(10));
    let runner = Running::start(queue.runner(calls.registry(), settings));
    calls.take(200).await;
    let hidden = "SELECT count(*) FROM pending_propagations WHERE lease IS NOT NULL AND id > 200";
    assert_ne!(queue.value(hidden).await, "0", "it had claimed ahead");
    runner.stop().await;
    queue.until_applied(199).await;
    let given_back = "SELECT count(*) FROM pending_propagations WHERE id >= 200 AND lease IS NULL AND attempts = 0
         AND lost_leases = 0 AND abs(extract(epoch FROM next_attempt_at - created_at) - (id - 3600)) < 0.00001";
    assert_eq!(queue.value(given_back).await, "101");
    assert_eq!(queue.trail(200).await, "");
}

#[tokio::test]
async fn a_row_that_waits_for_too_long_is_given_back_instead_of_begun() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    quick_ones_around_a_slow_one(&queue).await;
    let mut settings = settings();
    settings.concurrency = 1;
    (settings.lease, settings.dispatch_limit) = (Duration::from_secs(62), Duration::from_secs(60));
    assert!(queue.runner(calls.registry(), settings.clone()).build().is_err(), "too little is left");
    (settings.lease, settings.dispatch_limit) = (Duration::from_secs(6), Duration::from_secs(4));
    let runner = Running::start(queue.runner(calls.registry(), settings));
    calls.take(200).await;
    // Behind a slow dispatch the others have a second and a half left to begin in.
    queue.until("SELECT count(*) FROM pending_propagations WHERE lease IS NOT NULL AND id > 200", 0).await;
    assert_eq!(queue.row(200, "lease IS NOT NULL, applied_at IS NULL, attempts").await, "t t 0");
    assert_eq!(queue.value("SELECT sum(lost_leases) FROM pending_propagations").await, "0");
    calls.open(1);
    queue.until_applied(300).await;
    runner.stop().await;
}
