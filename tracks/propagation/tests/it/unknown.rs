//! Kinds that this build does not know: a newer one's, for a while.

use crate::handler::Calls;
use crate::queue::{Queue, Running, settings};

#[tokio::test]
async fn a_kind_without_a_handler_is_left_to_newer_runners_for_a_lease() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let due = "INSERT INTO pending_propagations (kind, next_attempt_at) VALUES ('future', now() - interval '119 s')";
    queue.execute(due).await;
    let known = queue.insert("\"apply\"", "", "").await;
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    // It was due first, and was passed over.
    queue.until_applied(1).await;
    assert_eq!(calls.next().await.id, known);
    assert_eq!(queue.row(1, "attempts, lease IS NULL, last_attempt_at IS NULL").await, "0 t t");
    // Within a second or so it will have been due for a lease; then it is tried, and waits as any other.
    queue.until("SELECT attempts FROM pending_propagations WHERE id = 1", 1).await;
    assert_eq!(queue.row(1, "next_attempt_at - last_attempt_at, failed_at IS NULL").await, "00:01:00 t");
    assert_eq!(queue.trail(1).await, "retrying");
    assert_eq!(calls.rest(), [], "no downstream is called");
    runner.stop().await;
}

#[tokio::test]
async fn a_kind_without_a_handler_dies_on_the_same_attempt_as_any_other() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    for failures in 0..10 {
        let row = format!(
            "INSERT INTO pending_propagations (kind, attempts, next_attempt_at)
             VALUES ('future', {failures}, now() - interval '1 h')"
        );
        queue.execute(&row).await;
    }
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    queue.until("SELECT count(*) FROM pending_propagations WHERE last_attempt_at IS NOT NULL", 10).await;
    let dead = "SELECT string_agg(attempts::text, ' ') FROM pending_propagations WHERE failed_at IS NOT NULL";
    assert_eq!(queue.value(dead).await, "10");
    assert_eq!(queue.trail(10).await, "unknown_kind_dead_lettered");
    assert_eq!(queue.trail(9).await, "retrying");
    let error = queue.row(10, "last_error").await;
    assert!(error.starts_with("this build has no handler for the kind future"), "{error}");
    assert_eq!(calls.rest(), []);
    let dead = "propagation_dead_letters_total{kind=\"unknown\",reason=\"unknown_kind\"}";
    assert_eq!(runner.metric(dead).as_deref(), Some("1"));
    runner.stop().await;
}

#[tokio::test]
async fn a_build_that_knows_the_kind_takes_it_at_once() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    queue.execute("INSERT INTO pending_propagations (kind, payload) VALUES ('mail', '\"apply\"')").await;
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    assert_eq!(calls.next().await.id, 1);
    queue.until_applied(1).await;
    runner.stop().await;
}
