//! What a handler, a payload or one bad row can do, and the others go on.

use crate::handler::Calls;
use crate::queue::{Queue, Running, settings};

/// Payloads that PostgreSQL stores and these handlers cannot read.
const UNREADABLE: [&str; 5] = ["42", "null", r#""dance""#, r#"{"fail":1e400}"#, r#"{"fail":{"fail":[]}}"#];

#[tokio::test]
async fn a_poisonous_payload_fails_alone() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let mut poison = Vec::new();
    for payload in UNREADABLE {
        poison.push(queue.insert(payload, "", "").await);
        queue.insert("\"apply\"", "", "").await;
    }
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    poison.push(queue.insert(&deep, "", "").await);
    poison.push(queue.insert("42", ", next_attempt_at", ", '-infinity'").await);
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    queue.until("SELECT sum(attempts) FROM pending_propagations", poison.len()).await;
    queue.until_applied(UNREADABLE.len()).await;
    for id in poison {
        assert_eq!(queue.trail(id).await, "retrying", "of {id}");
        let error = queue.row(id, "last_error").await;
        assert!(error.starts_with("the payload is not readable: "), "{error}");
    }
    assert_eq!(calls.take(UNREADABLE.len()).await.len(), UNREADABLE.len());
    assert_eq!(calls.rest(), []);
    runner.stop().await;
}

#[tokio::test]
async fn a_panicking_handler_fails_its_row_and_nothing_else() {
    let (queue, calls) = (Queue::new().await, Calls::new());
    let id = queue.insert(r#"{"panic":"on correct-horse"}"#, "", "").await;
    let other = queue.insert("\"apply\"", "", "").await;
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    queue.until("SELECT sum(attempts) FROM pending_propagations", 1).await;
    queue.until_applied(1).await;
    assert_eq!(queue.row(id, "attempts, last_error").await, "1 the handler panicked: on [redacted]");
    assert_eq!(queue.row(other, "attempts, applied_at IS NOT NULL").await, "0 t");
    // The runner lives on.
    queue.insert("\"apply\"", "", "").await;
    queue.until_applied(2).await;
    runner.stop().await;
}

#[tokio::test]
async fn a_dispatch_ends_at_its_limit_and_fails() {
    let (queue, calls) = (Queue::new().await, Calls::new());
    let id = queue.insert("\"wait\"", "", "").await;
    let mut settings = settings();
    settings.dispatch_limit = std::time::Duration::from_millis(20);
    let runner = Running::start(queue.runner(calls.registry(), settings));
    queue.until("SELECT sum(attempts) FROM pending_propagations", 1).await;
    assert_eq!(queue.row(id, "last_error").await, "the dispatch did not end within 20ms");
    let reason =
        format!("SELECT payload->>'reason' FROM audit_log WHERE payload->>'propagation_id' = '{id}'");
    assert_eq!(queue.value(&reason).await, "timed_out");
    runner.stop().await;
}

#[tokio::test]
async fn only_a_harmless_skip_is_success() {
    let (queue, calls) = (Queue::new().await, Calls::new());
    let harmless = queue.insert(r#"{"skip":"already_correct"}"#, "", "").await;
    let unexpected = queue.insert(r#"{"skip":"quota"}"#, "", "").await;
    let last = queue.insert(r#"{"skip":"quota"}"#, ", attempts", ", 9").await;
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    queue.until_applied(1).await;
    queue.until("SELECT count(*) FROM pending_propagations WHERE last_error IS NOT NULL", 2).await;
    assert_eq!(queue.row(harmless, "attempts, applied_at IS NOT NULL").await, "0 t");
    assert_eq!(queue.row(unexpected, "attempts, applied_at IS NULL, failed_at IS NULL").await, "1 t t");
    assert_eq!(queue.trail(harmless).await, "applied");
    assert_eq!(queue.trail(unexpected).await, "retrying unexpected_skip");
    assert_eq!(queue.trail(last).await, "dead_lettered unexpected_skip");
    let skipped =
        format!("SELECT payload->>'skipped' FROM audit_log WHERE payload->>'propagation_id' = '{harmless}'");
    assert_eq!(queue.value(&skipped).await, "already_correct");
    runner.stop().await;
}

#[tokio::test]
async fn a_row_that_the_database_refuses_holds_up_no_other() {
    let (queue, calls) = (Queue::new().await, Calls::new());
    queue
        .execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
             CREATE TRIGGER refuse BEFORE UPDATE ON pending_propagations FOR EACH ROW
                 WHEN (NEW.lease IS NULL AND NEW.target_tier = 'bad') EXECUTE FUNCTION refuse()",
        )
        .await;
    let bad = queue.insert("\"apply\"", ", target_tier", ", 'bad'").await;
    for _ in 0..10 {
        queue.insert("\"apply\"", "", "").await;
    }
    let bad_failure = queue.insert(r#"{"fail":"no"}"#, ", target_tier", ", 'bad'").await;
    queue.insert(r#"{"fail":"no"}"#, "", "").await;
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    queue.until_applied(10).await;
    queue.until("SELECT sum(attempts) FROM pending_propagations", 1).await;
    // It was done and could not be written: it costs a lease, and is done again with the same key.
    for id in [bad, bad_failure] {
        assert_eq!(queue.row(id, "attempts, lease IS NOT NULL, applied_at IS NULL").await, "0 t t");
        assert_eq!(queue.trail(id).await, "");
    }
    queue.execute("DROP TRIGGER refuse ON pending_propagations").await;
    queue.execute("UPDATE pending_propagations SET next_attempt_at = now() WHERE target_tier = 'bad'").await;
    queue.until_applied(11).await;
    runner.stop().await;
}

#[tokio::test]
async fn what_is_stored_of_an_error_is_redacted_before_it_is_cut() {
    let (queue, calls) = (Queue::new().await, Calls::new());
    // The cut falls within the secret; and PostgreSQL would refuse the NUL.
    let error = format!("{}\u{1}correct-horse", "é".repeat(994));
    let payload = serde_json::json!({ "fail": error }).to_string();
    let id = queue.insert(&payload, ", attempts", ", 9").await;
    let runner = Running::start(queue.runner(calls.registry(), settings()));
    queue.until("SELECT count(*) FROM pending_propagations WHERE failed_at IS NOT NULL", 1).await;
    assert_eq!(queue.row(id, "length(last_error), right(last_error, 5)").await, "1000 [reda");
    let leaks = "SELECT count(*) FROM audit_log WHERE payload::text || summary LIKE '%corre%'";
    assert_eq!(queue.value(leaks).await, "0");
    runner.stop().await;
}
