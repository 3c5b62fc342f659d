//! Dead letters are seen, replayed and discarded.

use sabot_propagation::{Audit, dead_letters};

use crate::handler::Calls;
use crate::queue::{Queue, Running, elsewhere, settings};

async fn dead(queue: &Queue, payload: &str) -> i64 {
    let columns = ", team_id, attempts, last_error, last_attempt_at, failed_at, lost_leases";
    queue.insert(payload, columns, ", 7, 10, 'no', now(), now(), 3").await
}

#[tokio::test]
async fn they_are_listed_by_id_in_pages_and_shown_singly() {
    let queue = Queue::new().await;
    let first = dead(&queue, "\"apply\"").await;
    let alive = queue.insert("\"apply\"", "", "").await;
    let second = dead(&queue, "\"apply\"").await;
    let ids = |list: Vec<dead_letters::DeadLetter>| list.iter().map(|letter| letter.id).collect::<Vec<_>>();
    assert_eq!(ids(dead_letters::list(&queue.client, 0, 0).await.unwrap()), [first]);
    assert_eq!(ids(dead_letters::list(&queue.client, first, 100).await.unwrap()), [second]);
    assert_eq!(ids(dead_letters::list(&queue.client, 0, i64::MAX).await.unwrap()), [first, second]);

    let shown = dead_letters::show(&queue.client, first).await.unwrap().unwrap();
    assert_eq!((shown.team_id, shown.attempts, shown.last_error.as_deref()), (Some(7), 10, Some("no")));
    let json = serde_json::to_value(&shown).unwrap();
    assert_eq!(json["payload"], "apply");
    assert!(json["failed_at"].as_str().unwrap().ends_with('Z'), "{json}");
    assert_eq!(dead_letters::show(&queue.client, alive).await.unwrap(), None);
}

#[tokio::test]
async fn a_replayed_one_is_dispatched_at_once_with_all_its_attempts_before_it() {
    let (queue, mut calls) = (Queue::new().await, Calls::new());
    let mut settings = settings();
    settings.poll = std::time::Duration::from_secs(3600);
    let runner = Running::start(queue.runner(calls.registry(), settings));
    crate::wake::until_idle(&queue).await;
    let id = dead(&queue, "\"apply\"").await;
    let alive = queue.insert("\"apply\"", ", next_attempt_at", ", now() + interval '1 h'").await;
    let replayed =
        dead_letters::replay(&queue.client, &[id, alive, 99], "anna", &Audit::default()).await.unwrap();
    assert_eq!(replayed, [id]);
    let call = calls.next().await;
    assert_eq!((call.id, call.attempt), (id, 1));
    queue.until_applied(1).await;
    assert_eq!(queue.row(id, "attempts, lost_leases, failed_at IS NULL").await, "0 0 t");
    assert_eq!(queue.trail(id).await, "replayed applied");
    let told = "SELECT concat_ws(' ', actor, team_id, payload->>'failures', payload->>'error') FROM audit_log
         WHERE kind = 'propagation.replayed'";
    assert_eq!(queue.value(told).await, "anna 7 10 no");
    let again = dead_letters::replay(&queue.client, &[id], "anna", &Audit::default()).await.unwrap();
    assert!(again.is_empty(), "{again:?}");
    runner.stop().await;
}

#[tokio::test]
async fn a_discarded_one_is_gone_and_its_audit_row_holds_it() {
    let queue = Queue::new().await;
    let id = dead(&queue, r#"{"fail":"no"}"#).await;
    let alive = queue.insert("\"apply\"", "", "").await;
    let gone = dead_letters::discard(&queue.client, &[alive, id], "anna", &Audit::default()).await.unwrap();
    assert_eq!(gone, [id]);
    assert_eq!(
        queue.value("SELECT string_agg(id::text, ' ') FROM pending_propagations").await,
        alive.to_string()
    );
    assert_eq!(queue.trail(id).await, "discarded");
    let held = "SELECT concat_ws(' ', actor, payload->'propagation'->'payload'->>'fail',
             payload->'propagation'->>'attempts', payload->'propagation'->>'kind') FROM audit_log";
    assert_eq!(queue.value(held).await, "anna no 10 grade");
    let again = dead_letters::discard(&queue.client, &[id], "anna", &Audit::default()).await.unwrap();
    assert!(again.is_empty(), "{again:?}");
}

#[tokio::test]
async fn the_trail_of_an_adopter_is_written_as_he_says() {
    let queue = Queue::new().await;
    queue.execute("DROP TABLE audit_log; CREATE TABLE events (name text, who text, data jsonb)").await;
    let (one, other) = (dead(&queue, "\"apply\"").await, dead(&queue, "\"apply\"").await);
    dead_letters::replay(&queue.client, &[one], "anna", &elsewhere()).await.unwrap();
    dead_letters::discard(&queue.client, &[other], "anna", &Audit::none()).await.unwrap();
    assert_eq!(
        queue.value("SELECT string_agg(name || ' ' || who, ' ') FROM events").await,
        "propagation.replayed anna"
    );
}
