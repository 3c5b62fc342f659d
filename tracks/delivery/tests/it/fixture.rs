//! A database of a test's own, with the tables, and what tests ask of it.

use std::sync::LazyLock;
use std::time::Duration;

use sabot_delivery::{Answer, Brevo, MIGRATIONS, Receiver, Secrets};
use sabot_sandbox::postgres::{Fresh, fresh_database};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

pub(crate) const SECRET: &str = "a-secret-of-the-webhook";

/// Generous: the machine may be busy. Nothing waits this long when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A day old, so that a receiver's clock would show.
pub(crate) fn yesterday() -> OffsetDateTime {
    static YESTERDAY: LazyLock<OffsetDateTime> = LazyLock::new(|| {
        (OffsetDateTime::now_utc() - Duration::from_secs(86_400)).replace_nanosecond(0).unwrap()
    });
    *YESTERDAY
}

pub(crate) struct Fixture {
    pub(crate) database: Fresh,
    pub(crate) client: Client,
}

/// What a ledger row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) classification: String,
    pub(crate) delivered_at: Option<OffsetDateTime>,
    /// Changes with every write, even one that changes nothing.
    pub(crate) version: String,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let database = fresh_database().await.unwrap();
        let client = database.connect().await.unwrap();
        let audit_log = "CREATE TABLE audit_log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
             kind text NOT NULL, summary text NOT NULL DEFAULT '', payload jsonb NOT NULL DEFAULT '{}')";
        client.batch_execute(audit_log).await.unwrap();
        for migration in MIGRATIONS {
            client.batch_execute(migration).await.unwrap();
        }
        Self { database, client }
    }

    pub(crate) fn receiver(&self) -> Receiver {
        Receiver::new(Brevo, Secrets::new([SECRET]).unwrap(), self.database.config())
    }

    /// Writes a ledger row for a message, as the forwarder would.
    pub(crate) async fn accepted(&self, audit_id: i64, message: &str) {
        let sql = "INSERT INTO forwarder_sent (audit_id, provider, provider_id, template_kind, classification) \
             VALUES ($1, 'brevo', $2, 'team.created', 'accepted')";
        self.client.execute(sql, &[&audit_id, &message]).await.unwrap();
    }

    pub(crate) async fn row(&self, audit_id: i64) -> Row {
        self.find(audit_id).await.unwrap()
    }

    pub(crate) async fn find(&self, audit_id: i64) -> Option<Row> {
        let sql = "SELECT classification, delivered_at, xmin::text FROM forwarder_sent WHERE audit_id = $1";
        let row = self.client.query_opt(sql, &[&audit_id]).await.unwrap()?;
        Some(Row { classification: row.get(0), delivered_at: row.get(1), version: row.get(2) })
    }

    pub(crate) async fn count(&self, what: &str) -> i64 {
        self.client.query_one(&format!("SELECT count(*) FROM {what}"), &[]).await.unwrap().get(0)
    }

    /// Waits until a query gives true.
    pub(crate) async fn until(&self, condition: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.client.query_one(&format!("SELECT {condition}"), &[]).await.unwrap().get::<_, bool>(0) {
            assert!(Instant::now() < deadline, "never: {condition}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until this many sessions wait for a lock.
    pub(crate) async fn waiting(&self, sessions: i64) {
        self.until(&format!(
            "count(*) >= {sessions} FROM pg_stat_activity \
             WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ))
        .await;
    }
}

/// An event's payload.
pub(crate) fn event(name: &str, message: &str, time: OffsetDateTime) -> Value {
    json!({"event": name, "email": "ann@example.com", "id": 814_119, "message-id": format!("<{message}>"),
        "ts": time.unix_timestamp(), "ts_event": time.unix_timestamp(),
        "ts_epoch": time.unix_timestamp_nanos() / 1_000_000, "tags": ["team.created"]})
}

pub(crate) async fn send(receiver: &Receiver, body: &Value) -> (u16, Value) {
    send_raw(receiver, body.to_string().as_bytes()).await
}

pub(crate) async fn send_raw(receiver: &Receiver, body: &[u8]) -> (u16, Value) {
    let Answer { status, body, .. } = receiver.receive(SECRET, None, Some(b"application/json"), body).await;
    (status, serde_json::from_str(&body).unwrap())
}

/// Sends until it is stored, as the provider would.
pub(crate) async fn insist(receiver: &Receiver, body: &Value) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match send(receiver, body).await {
            (200, answer) => return answer,
            (429, _) => assert!(Instant::now() < deadline, "never stored"),
            other => panic!("{other:?}"),
        }
    }
}
