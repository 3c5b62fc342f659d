//! Resources, from the api's request to the customers' server, and what happens when it stops half-way.

use reqwest::Method;
use sabot_sandbox::postgres::{Fresh, Options, Server};
use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::database::migrated;
use crate::process::{API, PROVISIONER, Process, TOKEN};
use crate::upstream::{Answer, Upstream};

/// Roles and databases are the whole server's, so each of these tests has a server of its own.
async fn provisioner() -> (Process, Server) {
    let server = Server::start(Options::default()).await.unwrap();
    let url = server.url("postgres");
    (Process::start(PROVISIONER, &[("SABOT_CUSTOMER_DATABASE_URL", &url)]).await, server)
}

async fn api(database: &Fresh, provisioner: &str) -> Process {
    let url = database.url();
    let settings = [
        ("SABOT_DATABASE_URL", url.as_str()),
        ("SABOT_PROVISIONER_URL", provisioner),
        ("SABOT_PROVISIONER_TOKEN", TOKEN),
    ];
    Process::start(API, &settings).await
}

/// The role's connection limit and its database's owner, as far as they exist.
async fn on_server(server: &Server, name: &str) -> (Option<i32>, Option<String>) {
    let client = server.connect("postgres").await.unwrap();
    let sql = "SELECT (SELECT rolconnlimit FROM pg_roles WHERE rolname = $1),
                      (SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = $1)";
    let row = client.query_one(sql, &[&name]).await.unwrap();
    (row.get(0), row.get(1))
}

async fn can_log_in(server: &Server, name: &str, password: &str) -> bool {
    let mut config = server.config(name);
    match config.user(name).password(password).connect(NoTls).await {
        Ok((client, connection)) => {
            tokio::spawn(connection);
            client.batch_execute("CREATE TABLE IF NOT EXISTS mine (id int)").await.unwrap();
            true
        }
        Err(_) => false,
    }
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"]["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_resource_is_made_used_and_removed() {
    let (provisioner, server) = provisioner().await;
    let database = migrated().await;
    let api = api(&database, &provisioner.url()).await;
    let (_, team) = api.post("/teams", json!({ "name": "one", "tier": "pro" })).await;
    let path = format!("/teams/{}/resources", team["id"]);
    let (status, made) = api.post(&path, json!({ "name": "orders" })).await;
    assert_eq!((status, made["state"].as_str()), (201, Some("ready")), "{made}");
    let access = &made["access"];
    let (name, password) = (access["database"].as_str().unwrap(), access["password"].as_str().unwrap());
    assert_eq!((access["role"].as_str(), access["connection_limit"].as_i64()), (Some(name), Some(20)));
    assert_eq!(on_server(&server, name).await, (Some(20), Some(name.to_owned())));
    assert!(can_log_in(&server, name, password).await);

    // The same again is the same resource, and replaces no password.
    let (status, again) = api.post(&path, json!({ "name": "orders" })).await;
    assert_eq!((status, &again["id"], &again["access"]), (200, &made["id"], &Value::Null));
    assert!(can_log_in(&server, name, password).await);

    let deleted = api.call(Method::DELETE, &format!("{path}/{}", made["id"]), None).await;
    assert_eq!(deleted.0, 204);
    assert_eq!(on_server(&server, name).await, (None, None));
    assert_eq!(api.get(&path).await.1, json!({ "resources": [] }));
    let (_, trail) = api.get(&format!("/teams/{}/audit", team["id"])).await;
    let kinds: Vec<_> =
        trail["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["team.created", "resource.created", "resource.deleted"]);
    let logs = format!("{}{}", api.log(), provisioner.log());
    assert!(!logs.contains(password), "{logs}");
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_stopped_half_way_goes_on_where_it_stopped() {
    let (provisioner, server) = provisioner().await;
    let database = migrated().await;
    let broken = Upstream::start().await;
    broken.answers(Answer::Status(500));
    let team = {
        let api = api(&database, &broken.url()).await;
        let (_, team) = api.post("/teams", json!({ "name": "one" })).await;
        let path = format!("/teams/{}/resources", team["id"]);
        let refused = api.post(&path, json!({ "name": "orders" })).await;
        assert_eq!(code(&refused), (502, "provisioner_unavailable"));
        assert_eq!(api.get(&path).await.1["resources"][0]["state"], "pending");
        team
    };
    let api = api(&database, &provisioner.url()).await;
    let path = format!("/teams/{}/resources", team["id"]);
    let (status, made) = api.post(&path, json!({ "name": "orders" })).await;
    assert_eq!(status, 201);
    let (name, password) =
        (made["access"]["database"].as_str().unwrap(), made["access"]["password"].as_str().unwrap());
    assert!(can_log_in(&server, name, password).await);
    server.stop().await;
}

#[tokio::test]
async fn of_two_requests_for_one_resource_one_makes_it() {
    let (provisioner, server) = provisioner().await;
    let database = migrated().await;
    let api = api(&database, &provisioner.url()).await;
    let (_, team) = api.post("/teams", json!({ "name": "one" })).await;
    let path = format!("/teams/{}/resources", team["id"]);
    let post = || api.post(&path, json!({ "name": "orders" }));
    let answers: [(u16, Value); 4] = tokio::join!(post(), post(), post(), post()).into();
    let made: Vec<_> = answers.iter().filter(|(status, _)| *status == 201).collect();
    assert_eq!(made.len(), 1, "{answers:?}");
    assert!(answers.iter().all(|(status, _)| [201, 200, 409].contains(status)), "{answers:?}");
    let access = &made[0].1["access"];
    assert!(
        can_log_in(&server, access["database"].as_str().unwrap(), access["password"].as_str().unwrap()).await
    );
    server.stop().await;
}

#[tokio::test]
async fn the_provisioner_does_not_mind_being_asked_twice() {
    let (provisioner, server) = provisioner().await;
    let wanted = json!({ "tier": "free", "password": "a 'quoted' $$ \"password\" \\" });
    for _ in 0..2 {
        let (status, made) = provisioner.call(Method::PUT, "/resources/res_7", Some(wanted.clone())).await;
        assert_eq!((status, made["connection_limit"].as_i64()), (200, Some(5)), "{made}");
    }
    assert!(can_log_in(&server, "res_7", "a 'quoted' $$ \"password\" \\").await);
    let regrade = json!({ "tier": "scale" });
    for (outcome, reason) in [("applied", Value::Null), ("skipped", json!("already_correct"))] {
        let (status, body) = provisioner.call(Method::PATCH, "/resources/res_7", Some(regrade.clone())).await;
        assert_eq!((status, body["outcome"].as_str(), &body["reason"]), (200, Some(outcome), &reason));
    }
    assert_eq!(on_server(&server, "res_7").await.0, Some(100));
    assert_eq!(provisioner.get("/resources/res_7").await.1["connection_limit"], 100);
    for _ in 0..2 {
        assert_eq!(provisioner.call(Method::DELETE, "/resources/res_7", None).await.0, 204);
    }
    assert_eq!(on_server(&server, "res_7").await, (None, None));
    assert_eq!(
        code(&provisioner.call(Method::PATCH, "/resources/res_7", Some(regrade)).await),
        (404, "not_found")
    );
    server.stop().await;
}

#[tokio::test]
async fn an_older_change_that_comes_late_does_not_undo_a_newer_one() {
    let (provisioner, server) = provisioner().await;
    let wanted = json!({ "tier": "pro", "password": "long enough to be one" });
    assert_eq!(provisioner.call(Method::PUT, "/resources/res_7", Some(wanted)).await.0, 200);
    for (tier, change, outcome, reason, limit) in [
        // What is right already leaves its number all the same.
        ("pro", json!(5), "skipped", json!("already_correct"), 20),
        ("scale", json!(4), "skipped", json!("superseded"), 20),
        ("scale", json!(6), "applied", Value::Null, 100),
        ("free", json!(5), "skipped", json!("superseded"), 100),
        ("scale", json!(6), "skipped", json!("already_correct"), 100),
        ("free", Value::Null, "applied", Value::Null, 5),
    ] {
        let regrade = json!({ "tier": tier, "change": change });
        let (status, body) = provisioner.call(Method::PATCH, "/resources/res_7", Some(regrade)).await;
        let answered = (status, body["outcome"].as_str(), &body["reason"]);
        assert_eq!(answered, (200, Some(outcome), &reason), "{tier} by {change}");
        assert_eq!(on_server(&server, "res_7").await.0, Some(limit));
    }
    server.stop().await;
}

#[tokio::test]
async fn what_the_provisioner_did_not_make_it_does_not_touch() {
    let (provisioner, server) = provisioner().await;
    server.create_database("res_foreign").await.unwrap();
    let wanted = json!({ "tier": "free", "password": "long enough to be one" });
    let foreign = provisioner.call(Method::PUT, "/resources/res_foreign", Some(wanted.clone())).await;
    assert_eq!(code(&foreign), (409, "foreign"));
    assert_eq!(
        code(&provisioner.call(Method::DELETE, "/resources/res_foreign", None).await),
        (409, "foreign")
    );
    assert!(on_server(&server, "res_foreign").await.1.is_some());
    for name in ["postgres", "template1", "res_%22;--", "RES_1", "res_"] {
        for method in [Method::PUT, Method::DELETE] {
            let answer = provisioner.call(method, &format!("/resources/{name}"), Some(wanted.clone())).await;
            assert_eq!(code(&answer), (404, "not_found"), "{name}");
        }
    }
    assert!(on_server(&server, "postgres").await.1.is_some());
    server.stop().await;
}

#[tokio::test]
async fn a_user_who_is_no_superuser_is_enough() {
    let server = Server::start(Options::default()).await.unwrap();
    let admin = server.connect("postgres").await.unwrap();
    admin
        .batch_execute("CREATE ROLE maker LOGIN CREATEDB CREATEROLE PASSWORD 'maker-password'")
        .await
        .unwrap();
    let url = format!("postgres://maker:maker-password@127.0.0.1:{}/postgres", server.port());
    let provisioner = Process::start(PROVISIONER, &[("SABOT_CUSTOMER_DATABASE_URL", &url)]).await;
    let wanted = json!({ "tier": "free", "password": "long enough to be one" });
    let (status, body) = provisioner.call(Method::PUT, "/resources/res_1", Some(wanted)).await;
    assert_eq!(status, 200, "{body} {}", provisioner.log());
    assert!(can_log_in(&server, "res_1", "long enough to be one").await);
    assert_eq!(provisioner.call(Method::DELETE, "/resources/res_1", None).await.0, 204);
    assert_eq!(on_server(&server, "res_1").await, (None, None));
    server.stop().await;
}
