//! A crash costs a lease, never an attempt, never the row.

use std::time::Duration;

use crate::handler::Calls;
use crate::queue::{Queue, Running, settings};

/// Starts a runner on a runtime of its own, and returns what ends both.
fn on_its_own(queue: &Queue, calls: &Calls) -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let runner = queue.runner(calls.registry(), settings()).build().unwrap();
    runtime.spawn(runner.run(std::future::pending()));
    runtime
}

#[tokio::test]
async fn a_runtime_dropped_in_the_middle_of_a_dispatch_costs_a_lease_and_no_attempt() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let id = queue.insert("\"wait\"", "", "").await;
    for crashes in 0..3 {
        let runtime = on_its_own(&queue, &calls);
        let call = calls.next().await;
        assert_eq!((call.id, call.attempt), (id, 1));
        tokio::task::spawn_blocking(move || drop(runtime)).await.unwrap();
        queue.until_alone().await;
        let held =
            "attempts, lost_leases, lease IS NOT NULL, next_attempt_at > now(), last_attempt_at IS NULL";
        assert_eq!(queue.row(id, held).await, format!("0 {crashes} t t t"));
        queue.execute("UPDATE pending_propagations SET next_attempt_at = now()").await;
    }
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    calls.next().await;
    calls.open(1);
    queue.until_applied(1).await;
    assert_eq!(queue.row(id, "attempts, lost_leases, lease IS NULL").await, "0 3 t");
    assert_eq!(queue.trail(id).await, "applied");
    assert_eq!(runner.metric("propagation_leases_lost_total").as_deref(), Some("1"));
    runner.stop().await;
}

#[tokio::test]
async fn a_lease_runs_out_by_itself() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let id = queue.insert("\"wait\"", "", "").await;
    let mut brief = settings();
    (brief.lease, brief.dispatch_limit) = (Duration::from_millis(300), Duration::from_millis(100));
    // Killed within the dispatch limit, or else it will have failed: either way the row comes back.
    let runner = Running::start(queue.runner(calls.registry(), brief));
    calls.next().await;
    runner.kill().await;
    queue.until_alone().await;
    queue.execute("UPDATE pending_propagations SET next_attempt_at = least(next_attempt_at, now() + interval '1 s')").await;
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    assert_eq!(calls.next().await.id, id);
    calls.open(1);
    queue.until_applied(1).await;
    runner.stop().await;
}

#[tokio::test]
async fn a_row_that_loses_lease_after_lease_is_shown() {
    let (queue, calls) = (Queue::new().await, Calls::new());
    queue.insert("\"apply\"", ", lost_leases, next_attempt_at", ", 11, now() + interval '1 h'").await;
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    runner.until_metric("propagation_suspects", "1").await;
    let scheduled = "propagation_rows{kind=\"grade\",state=\"scheduled\"}";
    assert_eq!(runner.metric(scheduled).as_deref(), Some("1"));
    runner.stop().await;
}
