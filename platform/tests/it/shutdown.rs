//! How a service ends: what is in flight is finished, within its grace.

use sabot_sandbox::leash::{Exit, Signal};
use sabot_sandbox::postgres::Fresh;
use serde_json::json;

use crate::database::{hold_teams, migrated, request_waits};
use crate::process::{API, PROVISIONER, Process, TOKEN};

async fn api(database: &Fresh, limits: [(&str, &str); 2]) -> Process {
    let url = database.url();
    let settings = [
        ("SABOT_DATABASE_URL", url.as_str()),
        ("SABOT_PROVISIONER_URL", "http://127.0.0.1:1"),
        ("SABOT_PROVISIONER_TOKEN", TOKEN),
    ];
    Process::start(API, &[&settings[..], &limits].concat()).await
}

#[tokio::test]
async fn a_request_in_flight_is_finished_after_the_signal() {
    let database = migrated().await;
    let api = api(&database, [("SABOT_REQUEST_TIME_LIMIT", "50s"), ("SABOT_SHUTDOWN_GRACE", "50s")]).await;
    let (_, team) = api.post("/teams", json!({ "name": "one" })).await;
    let holder = hold_teams(&database).await;
    let tier = format!("/teams/{}/tier", team["id"]);
    let finish = async {
        request_waits(&database).await;
        api.signal(Signal::TERM);
        api.logs("finishing what is in flight").await;
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let ((status, changed), ()) = tokio::join!(api.post(&tier, json!({ "tier": "pro" })), finish);
    assert_eq!((status, changed["tier"].as_str()), (200, Some("pro")));
    assert_eq!(api.exited().await, Exit::Code(0));
}

#[tokio::test]
async fn the_grace_bounds_what_is_in_flight() {
    let database = migrated().await;
    let api = api(&database, [("SABOT_REQUEST_TIME_LIMIT", "1s"), ("SABOT_SHUTDOWN_GRACE", "1s")]).await;
    // A connection that never finishes its request is nobody's to wait for.
    let address = api.url().replace("http://", "");
    let mut half = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut half, b"POST /teams HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    assert_eq!(api.get("/livez").await.0, 200);
    api.signal(Signal::INT);
    assert_eq!(api.exited().await, Exit::Code(0));
    api.logs("ended").await;
}

#[tokio::test]
async fn a_request_over_its_time_is_answered_and_spoils_no_connection() {
    let database = migrated().await;
    let api = api(&database, [("SABOT_REQUEST_TIME_LIMIT", "1s"), ("SABOT_POOL_SIZE", "1")]).await;
    let (_, team) = api.post("/teams", json!({ "name": "one" })).await;
    let holder = hold_teams(&database).await;
    let (status, body) = api.post(&format!("/teams/{}/tier", team["id"]), json!({ "tier": "pro" })).await;
    assert!([503, 504].contains(&status), "{status} {body}");
    // The one connection of the pool is free again, though the row is still held.
    assert_eq!(api.get("/teams").await.0, 200);
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(api.get(&format!("/teams/{}", team["id"])).await.1["tier"], "free");
}

#[tokio::test]
async fn an_idle_service_ends_at_once_by_either_signal() {
    for signal in [Signal::TERM, Signal::INT] {
        let service =
            Process::start(PROVISIONER, &[("SABOT_CUSTOMER_DATABASE_URL", "postgres://u@127.0.0.1:1/d")])
                .await;
        service.signal(signal);
        assert_eq!(service.exited().await, Exit::Code(0));
    }
}
