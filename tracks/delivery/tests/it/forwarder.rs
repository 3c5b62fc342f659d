//! The forwarder: every row once, whatever happens.

use std::collections::BTreeSet;
use std::time::Duration;

use sabot_delivery::{ForwarderSettings, Mailer, SendOutcome};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fixture, PATIENCE};
use crate::stub::{Stub, forwarder, forwarder_with, quick};

/// A forwarder that runs until it is ended, or killed by dropping it.
struct Running {
    ending: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(fixture: &Fixture, mailer: impl Mailer) -> Self {
        Self::start_with(fixture, mailer, quick())
    }

    fn start_with(fixture: &Fixture, mailer: impl Mailer, settings: ForwarderSettings) -> Self {
        let ending = CancellationToken::new();
        let task = tokio::spawn(forwarder_with(fixture, mailer, settings).run(ending.clone()));
        Self { ending, task }
    }

    async fn end(mut self) {
        self.ending.cancel();
        tokio::time::timeout(PATIENCE, &mut self.task).await.unwrap().unwrap();
    }
}

/// As a kill does: nothing more is written down.
impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn audit(client: &tokio_postgres::Client, kind: &str, payload: Value) -> i64 {
    let sql = "INSERT INTO audit_log (kind, payload) VALUES ($1, $2) RETURNING id";
    client.query_one(sql, &[&kind, &payload]).await.unwrap().get(0)
}

async fn to(fixture: &Fixture, name: &str) -> i64 {
    audit(&fixture.client, "team.created", json!({"email": format!("{name}@example.com")})).await
}

async fn in_ledger(fixture: &Fixture, rows: i64) {
    fixture.until(&format!("count(*) = {rows} FROM forwarder_sent")).await;
}

async fn cursor_at(fixture: &Fixture, position: i64) {
    fixture
        .until(&format!(
            "EXISTS (SELECT FROM forwarder_cursor WHERE name = 'forwarder' AND position = {position})"
        ))
        .await;
}

#[tokio::test]
async fn each_row_becomes_one_email_one_ledger_row_and_moves_the_cursor() {
    let fixture = Fixture::new().await;
    let (ann, _) = (to(&fixture, "ann").await, audit(&fixture.client, "silent", json!({})).await);
    let bob = to(&fixture, "bob").await;
    let stub = Stub::default();
    let running = Running::start(&fixture, stub.clone());
    in_ledger(&fixture, 2).await;
    cursor_at(&fixture, bob).await;
    running.end().await;
    assert_eq!(stub.recipients(), ["ann@example.com", "bob@example.com"]);
    let row =
        fixture.client.query_one("SELECT * FROM forwarder_sent WHERE audit_id = $1", &[&ann]).await.unwrap();
    let text = |column: &str| row.get::<_, Option<String>>(column);
    assert_eq!(text("recipient").as_deref(), Some("a***@example.com"));
    assert_eq!(text("provider_id").as_deref(), Some("ann@example.com.id"));
    assert_eq!(
        (text("provider").as_deref(), text("template_kind").as_deref()),
        (Some("brevo"), Some("team.created"))
    );
    assert_eq!(text("classification").as_deref(), Some("accepted"));
    assert_eq!(fixture.count("forwarder_claims").await, 0);
}

#[tokio::test]
async fn four_workers_send_a_hundred_rows_once_each() {
    let fixture = Fixture::new().await;
    for n in 0..100 {
        to(&fixture, &format!("n{n}")).await;
    }
    let stub = Stub::default();
    let workers: Vec<_> = (0..4).map(|_| Running::start(&fixture, stub.clone())).collect();
    in_ledger(&fixture, 100).await;
    for worker in workers {
        worker.end().await;
    }
    let seen = stub.seen();
    let keys: BTreeSet<_> = seen.iter().map(|(_, key)| key).collect();
    assert_eq!((seen.len(), keys.len()), (100, 100));
}

#[tokio::test]
async fn what_can_never_be_sent_is_written_down_and_nothing_is_skipped_in_silence() {
    let fixture = Fixture::new().await;
    let with = |name: &str| json!({"email": "ann@example.com", "name": name});
    for (kind, payload) in [
        ("unrendered", with("x")),
        ("undeclared", with("x")),
        ("team.created", json!({})),
        ("team.created", with("unrenderable")),
        ("silent", with("x")),
    ] {
        audit(&fixture.client, kind, payload).await;
    }
    let stub = Stub::first(&[SendOutcome::Permanent("http_400".into())]);
    let running = Running::start(&fixture, stub.clone());
    in_ledger(&fixture, 4).await;
    let refused = to(&fixture, "bob").await;
    in_ledger(&fixture, 5).await;
    cursor_at(&fixture, refused).await;
    running.end().await;
    assert_eq!(stub.recipients(), ["bob@example.com"]);
    assert_eq!(
        fixture.count("forwarder_sent WHERE classification = 'permanent_drop' AND provider_id IS NULL").await,
        5
    );
}

#[tokio::test]
async fn a_temporary_failure_is_tried_again_under_the_same_key_and_lets_the_cursor_pass() {
    let fixture = Fixture::new().await;
    let stub = Stub::first(&[SendOutcome::Temporary("http_500".into())]);
    let settings = ForwarderSettings { retry: vec![Duration::from_secs(3_600)], ..quick() };
    let running = Running::start_with(&fixture, stub.clone(), settings);
    to(&fixture, "ann").await;
    fixture.until("EXISTS (SELECT FROM forwarder_claims WHERE attempts = 1)").await;
    let bob = to(&fixture, "bob").await;
    cursor_at(&fixture, bob).await;
    assert_eq!(stub.recipients(), ["ann@example.com", "bob@example.com"]);
    let due = "count(*) = 1 FROM forwarder_claims WHERE due_at BETWEEN now() + interval '58 minutes' AND now() + interval '1 hour'";
    fixture.until(due).await;
    fixture.client.execute("UPDATE forwarder_claims SET due_at = now()", &[]).await.unwrap();
    in_ledger(&fixture, 2).await;
    running.end().await;
    let seen = stub.seen();
    assert_eq!((seen[0].clone(), seen.len()), (seen[2].clone(), 3));
}

#[tokio::test]
async fn an_account_that_may_not_send_drops_nothing() {
    let fixture = Fixture::new().await;
    let stub = Stub::first(&[
        SendOutcome::Unauthorised("http_401".into()),
        SendOutcome::Throttled(Some(Duration::from_millis(100))),
        SendOutcome::Throttled(None),
        SendOutcome::Unauthorised("http_402".into()),
    ]);
    let settings = ForwarderSettings { concurrency: 1, ..quick() };
    let running = Running::start_with(&fixture, stub.clone(), settings);
    for n in 0..5 {
        to(&fixture, &format!("n{n}")).await;
    }
    in_ledger(&fixture, 5).await;
    running.end().await;
    assert_eq!(
        (stub.seen().len(), fixture.count("forwarder_sent WHERE classification = 'accepted'").await),
        (9, 5)
    );
}

#[tokio::test]
async fn a_renderer_that_panics_costs_a_try_and_nobody_else() {
    let fixture = Fixture::new().await;
    let running = Running::start(&fixture, Stub::default());
    audit(&fixture.client, "team.created", json!({"email": "ann@example.com", "name": "panics"})).await;
    to(&fixture, "bob").await;
    in_ledger(&fixture, 1).await;
    fixture.until("EXISTS (SELECT FROM forwarder_claims WHERE last_error = 'panicked')").await;
    running.end().await;
}

#[tokio::test]
async fn a_row_that_commits_late_with_a_lower_id_is_not_passed_over() {
    let fixture = Fixture::new().await;
    let stub = Stub::default();
    let late = fixture.database.connect().await.unwrap();
    late.batch_execute("BEGIN").await.unwrap();
    let lower = audit(&late, "team.created", json!({"email": "late@example.com"})).await;
    let higher = to(&fixture, "ann").await;
    assert!(lower < higher);
    let running = Running::start(&fixture, stub.clone());
    in_ledger(&fixture, 1).await;
    // Time enough for the cursor to go wrong: rows that come and go meanwhile.
    for n in 0..5 {
        to(&fixture, &format!("n{n}")).await;
        in_ledger(&fixture, n + 2).await;
    }
    fixture.until(&format!("position < {lower} FROM forwarder_cursor")).await;
    late.batch_execute("COMMIT").await.unwrap();
    in_ledger(&fixture, 7).await;
    cursor_at(&fixture, higher + 5).await;
    running.end().await;
    assert_eq!(stub.seen().len(), 7);
}

#[tokio::test]
async fn a_busy_table_settles_all_the_same() {
    let fixture = Fixture::new().await;
    let running = Running::start(&fixture, Stub::default());
    // Never a moment without a transaction that holds the table, and each of them ends.
    let mut earlier = fixture.database.connect().await.unwrap();
    earlier.batch_execute("BEGIN").await.unwrap();
    let first = audit(&earlier, "silent", json!({})).await;
    let position = "SELECT position FROM forwarder_cursor";
    let busy = async {
        while fixture.client.query_one(position, &[]).await.unwrap().get::<_, i64>(0) < first {
            let later = fixture.database.connect().await.unwrap();
            later.batch_execute("BEGIN").await.unwrap();
            audit(&later, "silent", json!({})).await;
            tokio::time::sleep(quick().poll).await;
            earlier.batch_execute("COMMIT").await.unwrap();
            earlier = later;
        }
    };
    tokio::time::timeout(PATIENCE, busy).await.unwrap();
    running.end().await;
}

#[tokio::test]
async fn a_lost_cursor_replays_nothing_and_loses_nothing() {
    let fixture = Fixture::new().await;
    let stub = Stub::default();
    for n in 0..10 {
        to(&fixture, &format!("n{n}")).await;
    }
    let running = Running::start(&fixture, stub.clone());
    in_ledger(&fixture, 10).await;
    for (loss, rows) in
        [("DELETE FROM forwarder_cursor", 11), ("UPDATE forwarder_cursor SET position = 0", 12)]
    {
        fixture.client.execute(loss, &[]).await.unwrap();
        let last = to(&fixture, &format!("after{rows}")).await;
        in_ledger(&fixture, rows).await;
        cursor_at(&fixture, last).await;
    }
    running.end().await;
    assert_eq!(stub.seen().len(), 12);
}

#[tokio::test]
async fn history_from_before_the_migration_is_nobodys_to_send() {
    let fixture = Fixture::new().await;
    to(&fixture, "old").await;
    fixture
        .client
        .batch_execute("UPDATE forwarder_deployment SET starts_after = 1; DELETE FROM forwarder_cursor")
        .await
        .unwrap();
    let stub = Stub::default();
    let running = Running::start(&fixture, stub.clone());
    to(&fixture, "new").await;
    in_ledger(&fixture, 1).await;
    running.end().await;
    assert_eq!(stub.recipients(), ["new@example.com"]);
}

#[tokio::test]
async fn a_worker_killed_after_asking_costs_one_more_request_under_the_same_key() {
    let fixture = Fixture::new().await;
    to(&fixture, "ann").await;
    let (held, _never) = Stub::held();
    let killed = Running::start(&fixture, held.clone());
    held.asked.notified().await;
    drop(killed);
    let stub = Stub::default();
    let running = Running::start(&fixture, stub.clone());
    let bob = to(&fixture, "bob").await;
    in_ledger(&fixture, 1).await;
    // The lease still hides ann's row, and the cursor stays below it.
    assert_eq!(stub.recipients(), ["bob@example.com"]);
    fixture.until("position = 0 FROM forwarder_cursor").await;
    fixture.client.execute("UPDATE forwarder_claims SET due_at = now()", &[]).await.unwrap();
    in_ledger(&fixture, 2).await;
    cursor_at(&fixture, bob).await;
    running.end().await;
    assert_eq!((held.seen().len(), stub.seen().len()), (1, 2));
    assert_eq!(held.seen()[0], stub.seen()[1]);
}

#[tokio::test]
async fn a_late_worker_changes_nothing() {
    let fixture = Fixture::new().await;
    let id = to(&fixture, "ann").await;
    let (held, release) = Stub::held();
    // With no room for a second claim of its own.
    let late = Running::start_with(&fixture, held.clone(), ForwarderSettings { concurrency: 1, ..quick() });
    held.asked.notified().await;
    fixture.client.execute("UPDATE forwarder_claims SET due_at = now()", &[]).await.unwrap();
    let quicker = Running::start(&fixture, Stub::answering("the quicker one's"));
    in_ledger(&fixture, 1).await;
    let before = fixture.row(id).await;
    release.notify_one();
    late.end().await;
    quicker.end().await;
    assert_eq!(fixture.row(id).await, before);
    assert_eq!(fixture.count("forwarder_sent WHERE provider_id = 'the quicker one''s'").await, 1);
}

#[tokio::test]
async fn what_a_late_worker_says_of_a_failure_is_not_heard() {
    let fixture = Fixture::new().await;
    to(&fixture, "ann").await;
    let (mut held, release) = Stub::held();
    held = held.with(&[SendOutcome::Permanent("http_400".into())]);
    let late = Running::start(&fixture, held.clone());
    held.asked.notified().await;
    let token = "UPDATE forwarder_claims SET token = gen_random_uuid()";
    fixture.client.execute(token, &[]).await.unwrap();
    release.notify_one();
    late.end().await;
    assert_eq!((fixture.count("forwarder_sent").await, fixture.count("forwarder_claims").await), (0, 1));
}

#[tokio::test]
async fn an_outage_of_the_database_after_the_answer_costs_no_second_request() {
    let fixture = Fixture::new().await;
    to(&fixture, "ann").await;
    let (held, release) = Stub::held();
    let running = Running::start(&fixture, held.clone());
    held.asked.notified().await;
    // The answer is there, and the connection breaks while the ledger row is being written.
    let holder = fixture.database.connect().await.unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE forwarder_sent IN SHARE MODE").await.unwrap();
    release.notify_one();
    fixture.waiting(1).await;
    let cut = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
         WHERE wait_event_type = 'Lock' AND datname = current_database()";
    fixture.client.execute(cut, &[]).await.unwrap();
    holder.batch_execute("ROLLBACK").await.unwrap();
    in_ledger(&fixture, 1).await;
    running.end().await;
    assert_eq!(held.seen().len(), 1);
}

#[tokio::test]
async fn a_row_that_the_ledger_refuses_holds_up_nobody_and_is_written_once_it_may_be() {
    let fixture = Fixture::new().await;
    let refuse = "ALTER TABLE forwarder_sent ADD CONSTRAINT no_ann CHECK (recipient NOT LIKE 'a%')";
    fixture.client.batch_execute(refuse).await.unwrap();
    let ann = to(&fixture, "ann").await;
    let stub = Stub::default();
    let mut settings = quick();
    settings.concurrency = 1;
    let running = Running::start_with(&fixture, stub.clone(), settings);
    let others = [to(&fixture, "bob").await, to(&fixture, "cy").await];
    in_ledger(&fixture, 2).await;
    assert!(fixture.find(ann).await.is_none());
    fixture.client.batch_execute("ALTER TABLE forwarder_sent DROP CONSTRAINT no_ann").await.unwrap();
    in_ledger(&fixture, 3).await;
    cursor_at(&fixture, others[1]).await;
    running.end().await;
    // It was sent once, and only not written down.
    assert_eq!(stub.recipients(), ["ann@example.com", "bob@example.com", "cy@example.com"]);
}

#[tokio::test]
async fn a_worker_that_ends_finishes_what_is_in_flight() {
    let fixture = Fixture::new().await;
    to(&fixture, "ann").await;
    let (held, release) = Stub::held();
    let ending = CancellationToken::new();
    let task = tokio::spawn(forwarder(&fixture, held.clone()).run(ending.clone()));
    held.asked.notified().await;
    ending.cancel();
    release.notify_one();
    tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
    assert_eq!(fixture.count("forwarder_sent").await, 1);
}
