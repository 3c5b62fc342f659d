//! Email out and delivery events in, by the services as they run.

use std::time::Duration;

use reqwest::Method;
use sabot_sandbox::postgres::Fresh;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::database::migrated;
use crate::process::{API, PATIENCE, Process, TOKEN, WORKER, printed, run};
use crate::upstream::{Answer, Upstream};

const SECRET: &str = "canary-webhook-secret-7d1";
const PREVIOUS: &str = "canary-previous-secret-2c9";

async fn api(database: &Fresh, webhook: &[(&str, &str)]) -> Process {
    let url = database.url();
    let settings = [
        ("SABOT_DATABASE_URL", url.as_str()),
        ("SABOT_PROVISIONER_URL", "http://127.0.0.1:1"),
        ("SABOT_PROVISIONER_TOKEN", TOKEN),
    ];
    Process::start(API, &[&settings[..], webhook].concat()).await
}

async fn worker(database: &Fresh, brevo: &Upstream) -> Process {
    let (url, brevo) = (database.url(), brevo.url());
    let settings = [
        ("SABOT_DATABASE_URL", url.as_str()),
        ("SABOT_BREVO_URL", &brevo),
        ("SABOT_BREVO_API_KEY", "canary-brevo-key"),
        ("SABOT_FORWARDER_POLL", "50ms"),
    ];
    Process::start(WORKER, &settings).await
}

fn event(name: &str, message: &str) -> Value {
    json!({"event": name, "email": "ann@example.com", "message-id": message, "ts_epoch": 1_685_543_827_000_i64})
}

/// The ledger's only row, once it says this.
async fn row_when(database: &Fresh, classification: &str) -> tokio_postgres::Row {
    let client = database.connect().await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let sql = "SELECT recipient, template_kind, extract(epoch FROM delivered_at)::bigint FROM forwarder_sent \
             WHERE classification = $1";
        if let Some(row) = client.query_opt(sql, &[&classification]).await.unwrap() {
            return row;
        }
        assert!(Instant::now() < deadline, "never {classification}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_team_is_told_of_its_making_and_the_ledger_of_the_delivery() {
    let database = migrated().await;
    let brevo = Upstream::start().await;
    brevo.answers(Answer::Body(201, r#"{"messageId":"<1.2@mailin.fr>"}"#));
    let api = api(&database, &[("SABOT_BREVO_WEBHOOK_SECRET", SECRET)]).await;
    let worker = worker(&database, &brevo).await;
    let (status, team) = api.post("/teams", json!({"name": "one", "email": "ann@example.com"})).await;
    assert_eq!((status, team["email"].as_str()), (201, Some("ann@example.com")));
    let row = row_when(&database, "accepted").await;
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("a***@example.com", "team.created"));
    let sent: Vec<_> = brevo.seen().into_iter().filter(|line| line.starts_with("POST")).collect();
    assert_eq!(sent, ["POST /v3/smtp/email canary-brevo-key -"]);

    let webhook = format!("/webhooks/brevo/{SECRET}");
    let answer = api.post(&webhook, event("delivered", "<1.2@mailin.fr>")).await;
    assert_eq!(answer, (200, json!({"ok": true, "matched": true, "event": "delivered"})));
    assert_eq!(row_when(&database, "delivered").await.get::<_, Option<i64>>(2), Some(1_685_543_827));
    for (service, line) in [
        (&api, "sabot_delivery_events_total{service=\"api\",event=\"delivered\",outcome=\"matched\"} 1"),
        (&api, "sabot_delivery_messages{service=\"api\",classification=\"delivered\"} 1"),
        (&worker, "sabot_forwarder_sends_total{service=\"worker\",outcome=\"sent\"} 1"),
        (&worker, "sabot_delivery_accepted_too_long{service=\"worker\"} 0"),
    ] {
        let metrics = service.raw("/metrics").await;
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
    for log in [api.log(), worker.log()] {
        assert!(!log.contains("canary") && !log.contains("ann@"), "{log}");
    }
}

#[tokio::test]
async fn a_call_without_the_secret_is_told_of_once_and_without_it() {
    let database = migrated().await;
    let secrets = [("SABOT_BREVO_WEBHOOK_SECRET", SECRET), ("SABOT_BREVO_WEBHOOK_SECRET_PREVIOUS", PREVIOUS)];
    let api = api(&database, &secrets).await;
    for wrong in ["canary-wrong-secret-000", &SECRET[1..], "", "x/y"] {
        let (status, body) = api.post(&format!("/webhooks/brevo/{wrong}"), event("delivered", "m")).await;
        assert_eq!((status, body["error"]["code"].as_str()), (401, Some("unauthorized")), "{wrong}");
    }
    for right in [SECRET, PREVIOUS] {
        assert_eq!(api.post(&format!("/webhooks/brevo/{right}"), event("delivered", "m")).await.0, 200);
    }
    assert_eq!(api.call(Method::GET, &format!("/webhooks/brevo/{SECRET}"), None).await.0, 405);
    let client = database.connect().await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    let rows = loop {
        let sql = "SELECT summary || payload::text FROM audit_log WHERE kind = 'webhook.refused'";
        let rows = client.query(sql, &[]).await.unwrap();
        if !rows.is_empty() || Instant::now() > deadline {
            break rows;
        }
        sleep(Duration::from_millis(20)).await;
    };
    let told: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(told, [r#"a call without a valid secret was refused{"source": "127.0.0.x"}"#]);
    assert!(!api.log().contains("canary"), "{}", api.log());
}

#[tokio::test]
async fn without_a_secret_there_is_no_webhook_and_an_empty_one_is_refused() {
    let database = migrated().await;
    let closed = api(&database, &[]).await;
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let response = client.post(format!("{}/webhooks/brevo/x", closed.url())).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 404);
    for (name, value, says) in [
        (
            "SABOT_BREVO_WEBHOOK_SECRET",
            "",
            "--brevo-webhook-secret (SABOT_BREVO_WEBHOOK_SECRET): is not given",
        ),
        ("SABOT_BREVO_WEBHOOK_SECRET", "canary-short", "has only 12 characters"),
        ("SABOT_BREVO_WEBHOOK_SECRET", "canary/with/slashes", "holds one of / ? # %"),
        ("SABOT_BREVO_WEBHOOK_SECRET_PREVIOUS", PREVIOUS, "is not given, and yet the previous one is"),
        ("SABOT_BREVO_WEBHOOK_SECRET_FILE", "/dev/null", "the file /dev/null is empty"),
    ] {
        let settings = [
            ("SABOT_DATABASE_URL", "postgres://u@127.0.0.1:1/d"),
            ("SABOT_SERVICE_TOKEN", TOKEN),
            ("SABOT_PROVISIONER_URL", "http://127.0.0.1:1"),
            ("SABOT_PROVISIONER_TOKEN", TOKEN),
            (name, value),
        ];
        let output = run(API, &[], &settings).await;
        let text = printed(&output);
        assert!(output.status.code() == Some(3) && text.contains(says), "{says}: {text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn the_registry_is_told_on_the_command_line_and_over_http() {
    let output = run(WORKER, &["kinds", "--format", "json"], &[]).await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let emails = told["kinds"].as_array().unwrap().iter().filter(|kind| kind["emails"] == true);
    let emails: Vec<_> = emails.map(|kind| kind["kind"].as_str().unwrap()).collect();
    assert_eq!(emails, ["subscription.downgraded", "subscription.upgraded", "team.created"]);
    assert!(printed(&run(WORKER, &["kinds"], &[]).await).contains("kind  team.created"));

    let database = migrated().await;
    let api = api(&database, &[]).await;
    let (status, events) = api.get("/delivery/events").await;
    assert_eq!((status, &events["events"], &events["severity"]), (200, &told["events"], &told["severity"]));
    assert!(events.get("kinds").is_none());
}

#[tokio::test]
async fn a_message_accepted_too_long_ago_is_listed() {
    let database = migrated().await;
    let api = api(&database, &[("SABOT_ACCEPTED_TOO_LONG", "1h")]).await;
    assert_eq!(api.get("/delivery/accepted-too-long").await, (200, json!({"messages": []})));
    let insert = "INSERT INTO forwarder_sent (audit_id, sent_at, provider, provider_id, recipient, template_kind, classification) \
         VALUES (1, now() - interval '61 minutes', 'brevo', 'old', 'a***@example.com', 'team.created', 'accepted'), \
         (2, now() - interval '59 minutes', 'brevo', 'new', 'a***@example.com', 'team.created', 'accepted')";
    database.connect().await.unwrap().execute(insert, &[]).await.unwrap();
    let (_, list) = api.get("/delivery/accepted-too-long").await;
    let messages = list["messages"].as_array().unwrap();
    assert_eq!(
        (messages.len(), &messages[0]["audit_id"], &messages[0]["provider_id"]),
        (1, &json!(1), &json!("old"))
    );
}

#[tokio::test]
async fn forwarder_settings_that_cannot_work_are_refused() {
    for (name, value, says) in [
        ("SABOT_FORWARDER_SEND_LIMIT", "1m", "is not less than the lease"),
        ("SABOT_FORWARDER_CONCURRENCY", "0", "give 1 to 100"),
        ("SABOT_FORWARDER_RETRY", "1s,soon", "give durations such as"),
        ("SABOT_MAIL_FROM", "nobody", "\"nobody\" is no address"),
        ("SABOT_ACCEPTED_TOO_LONG", "0s", "is zero"),
    ] {
        let settings = [
            ("SABOT_DATABASE_URL", "postgres://u@127.0.0.1:1/d"),
            ("SABOT_SERVICE_TOKEN", TOKEN),
            (name, value),
        ];
        let output = run(WORKER, &[], &settings).await;
        let text = printed(&output);
        assert!(output.status.code() == Some(3) && text.contains(says), "{says}: {text}");
    }
}
