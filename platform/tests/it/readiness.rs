//! `/readyz` and `/livez` of the three services, with their dependencies well and not.

use sabot_sandbox::postgres::{Options, Server, shared};
use serde_json::{Value, json};

use crate::database::{hold_teams, migrated, request_waits};
use crate::process::{API, PROVISIONER, Process, TOKEN, WORKER};
use crate::upstream::{Answer, Upstream};

const BREVO_KEY: &str = "xkeysib-canary-brevo-key-5521";
const STORE_TOKEN: &str = "canary store/token+77%";

/// Short periods, so that a change shows soon; the time limits stay ones that a busy machine can keep.
const QUICK: [(&str, &str); 2] =
    [("SABOT_READINESS_CACHE", "50ms"), ("SABOT_READINESS_CACHE_FOR", "brevo=50ms")];

struct Row<'a>(&'a Value);

impl Row<'_> {
    fn is(&self, status: &str, error: Option<&str>) -> bool {
        self.0["status"] == status && self.0["last_error"].as_str() == error
    }
}

fn row<'a>(body: &'a Value, name: &str) -> Row<'a> {
    Row(body["checks"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap())
}

fn names(body: &Value) -> Vec<&str> {
    body["checks"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

async fn api(url: &str, provisioner: &Upstream, brevo: &Upstream, store: &Upstream) -> Process {
    let (provisioner, brevo, store) = (provisioner.url(), brevo.url(), store.url());
    let settings = [
        ("SABOT_DATABASE_URL", url),
        ("SABOT_PROVISIONER_URL", &provisioner),
        ("SABOT_PROVISIONER_TOKEN", TOKEN),
        ("SABOT_BREVO_URL", &brevo),
        ("SABOT_BREVO_API_KEY", BREVO_KEY),
        ("SABOT_ARTIFACT_STORE_URL", &store),
        ("SABOT_ARTIFACT_STORE_TOKEN", STORE_TOKEN),
        ("SABOT_COMMIT_ID", "f41ed2b"),
    ];
    Process::start(API, &[&settings[..], &QUICK].concat()).await
}

#[tokio::test]
async fn the_api_follows_each_upstream_as_the_matrix_says() {
    let database = migrated().await;
    let (provisioner, brevo, store) =
        (Upstream::start().await, Upstream::start().await, Upstream::start().await);
    let api = api(&database.url(), &provisioner, &brevo, &store).await;
    let (status, body) = api.ready_when(|_, body| body["overall"] == "ok").await;
    assert_eq!(
        (status, body["service"].as_str(), body["commit_id"].as_str()),
        (200, Some("api"), Some("f41ed2b"))
    );
    assert_eq!(names(&body), ["platform_db", "provisioner", "brevo", "artifact_store"]);
    assert!(provisioner.seen()[0].starts_with("GET /livez "));
    assert_eq!(brevo.seen()[0], format!("GET /v3/account {BREVO_KEY} -"));
    assert_eq!(store.seen()[0], format!("HEAD / - Bearer {STORE_TOKEN}"));

    for (name, upstream, critical) in
        [("provisioner", &provisioner, true), ("brevo", &brevo, false), ("artifact_store", &store, false)]
    {
        for (answer, status, error) in
            [(500, "failed", "http_500"), (401, "degraded", "auth_401"), (404, "degraded", "http_404")]
        {
            upstream.answers(Answer::Status(answer));
            let (http_status, body) = api.ready_when(|_, body| row(body, name).is(status, Some(error))).await;
            let failed = critical && status == "failed";
            assert_eq!(http_status, if failed { 503 } else { 200 }, "{name} {answer}");
            assert_eq!(body["overall"], if failed { "failed" } else { "degraded" }, "{name} {answer}");
        }
        upstream.answers(Answer::Status(200));
        api.ready_when(|status, body| status == 200 && body["overall"] == "ok").await;
    }
    assert_eq!(api.get("/livez").await.0, 200);
}

#[tokio::test]
async fn an_upstream_that_hangs_is_a_timeout_and_one_that_is_gone_is_refused() {
    let database = migrated().await;
    let (provisioner, brevo, store) =
        (Upstream::start().await, Upstream::start().await, Upstream::start().await);
    let api = api(&database.url(), &provisioner, &brevo, &store).await;
    brevo.answers(Answer::Never);
    store.answers(Answer::Never);
    let (status, body) = api.ready_when(|_, body| row(body, "brevo").is("failed", Some("timeout"))).await;
    assert_eq!((status, body["overall"].as_str()), (200, Some("degraded")));
    drop(provisioner);
    api.ready_when(|status, body| status == 503 && row(body, "provisioner").is("failed", Some("refused")))
        .await;
}

#[tokio::test]
async fn every_service_starts_without_anything_and_recovers_by_itself() {
    let server = Server::start(Options::default()).await.unwrap();
    server.create_database("customer").await.unwrap();
    let url = server.url("customer");
    server.kill().await.unwrap();
    let settings = [("SABOT_CUSTOMER_DATABASE_URL", url.as_str()), ("SABOT_READINESS_CACHE", "50ms")];
    let provisioner = Process::start(PROVISIONER, &settings).await;
    let (_, body) = provisioner.ready_when(|status, _| status == 503).await;
    assert_eq!(names(&body), ["customer_db"]);
    assert!(row(&body, "customer_db").is("failed", Some("refused")), "{body}");
    assert_eq!(provisioner.get("/livez").await.0, 200);
    server.restart().await.unwrap();
    provisioner.ready_when(|status, body| status == 200 && body["overall"] == "ok").await;
    // The probe's own connection died with the server, and the next probe is well all the same.
    server.restart().await.unwrap();
    provisioner.ready_when(|status, body| status == 200 && body["overall"] == "ok").await;
    server.stop().await;
}

#[tokio::test]
async fn the_worker_shows_its_runner_and_only_what_is_in_use() {
    let database = migrated().await;
    let url = database.url();
    let quick = [("SABOT_PROPAGATION_POLL", "50ms"), ("SABOT_PROPAGATION_STALE_AFTER", "1s")];
    let settings = [&[("SABOT_DATABASE_URL", url.as_str())][..], &quick, &QUICK].concat();
    let worker = Process::start(WORKER, &settings).await;
    let (_, body) = worker.ready_when(|_, body| body["overall"] == "ok").await;
    assert_eq!(names(&body), ["platform_db", "propagation_runner"]);

    // A lock that the probe's table needs stalls nothing; a database that is gone stalls the runner.
    let admin = shared().await.unwrap().connect("postgres").await.unwrap();
    let gone = format!("ALTER DATABASE {0} RENAME TO {0}_gone", database.name());
    let terminate = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
        database.name()
    );
    loop {
        admin.batch_execute(&terminate).await.unwrap();
        if admin.batch_execute(&gone).await.is_ok() {
            break;
        }
    }
    let (_, body) = worker
        .ready_when(|status, body| {
            status == 503 && row(body, "propagation_runner").is("failed", Some("stalled"))
        })
        .await;
    assert!(row(&body, "platform_db").is("failed", Some("sqlstate_3D000")), "{body}");
    admin.batch_execute(&format!("ALTER DATABASE {0}_gone RENAME TO {0}", database.name())).await.unwrap();
    worker.ready_when(|status, body| status == 200 && body["overall"] == "ok").await;
    worker.logs("notifications reach the propagation runner again").await;
}

#[tokio::test]
async fn a_pool_with_nothing_left_is_no_reason_to_leave_rotation() {
    let database = migrated().await;
    let url = database.url();
    let settings = [
        ("SABOT_DATABASE_URL", url.as_str()),
        ("SABOT_PROVISIONER_URL", "http://127.0.0.1:1"),
        ("SABOT_PROVISIONER_TOKEN", TOKEN),
        ("SABOT_POOL_SIZE", "1"),
    ];
    let api = Process::start(API, &settings).await;
    let (_, team) = api.post("/teams", json!({ "name": "one" })).await;
    let holder = hold_teams(&database).await;
    let waiting = async {
        request_waits(&database).await;
        let (_, body) = api.get("/readyz").await;
        assert!(row(&body, "platform_db").is("ok", None), "{body}");
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let tier = format!("/teams/{}/tier", team["id"]);
    let ((status, _), ()) = tokio::join!(api.post(&tier, json!({ "tier": "pro" })), waiting);
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_database_that_never_answers_is_a_timeout_and_holds_up_nobody_else() {
    // Connections are taken by the system and never by anybody here.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://u:canary-password@{}/d", silent.local_addr().unwrap());
    let (provisioner, brevo, store) =
        (Upstream::start().await, Upstream::start().await, Upstream::start().await);
    let api = api(&url, &provisioner, &brevo, &store).await;
    let (_, body) = api.ready_when(|_, body| row(body, "platform_db").is("failed", Some("timeout"))).await;
    assert!(row(&body, "brevo").is("ok", None), "{body}");
    let (status, body) = api.get("/teams").await;
    assert_eq!((status, body["error"]["code"].as_str()), (503, Some("database_unavailable")));
    api.logs("the database does not answer").await;
}

#[tokio::test]
async fn an_operator_may_decide_on_criticality() {
    let database = migrated().await;
    let (url, brevo) = (database.url(), Upstream::start().await);
    brevo.answers(Answer::Status(500));
    let brevo_url = brevo.url();
    let settings = [
        ("SABOT_DATABASE_URL", url.as_str()),
        ("SABOT_BREVO_URL", &brevo_url),
        ("SABOT_BREVO_API_KEY", BREVO_KEY),
        ("SABOT_READINESS_CRITICAL", "brevo=true,platform_db=false"),
    ];
    let worker = Process::start(WORKER, &[&settings[..], &QUICK].concat()).await;
    let only_brevo = |body: &Value| {
        ["platform_db", "propagation_runner"].iter().all(|name| row(body, name).is("ok", None))
    };
    worker.ready_when(|status, body| status == 503 && only_brevo(body)).await;
    brevo.answers(Answer::Status(200));
    worker.ready_when(|status, body| status == 200 && body["overall"] == "ok").await;
}

#[tokio::test]
async fn no_credential_shows_in_an_answer_or_in_the_log() {
    let server = shared().await.unwrap();
    let wrong = server.url("postgres").replace(server.password(), "canary-db-p%40ssword-118");
    let (provisioner, brevo, store) =
        (Upstream::start().await, Upstream::start().await, Upstream::start().await);
    let api = api(&wrong, &provisioner, &brevo, &store).await;
    drop((provisioner, brevo, store));
    let wanted = |_, body: &Value| row(body, "platform_db").is("failed", Some("sqlstate_28P01"));
    api.ready_when(wanted).await;
    api.get("/teams").await;
    api.logs("no database").await;
    let everything = format!(
        "{}{}{}{}",
        api.raw("/readyz").await,
        api.raw("/livez").await,
        api.raw("/metrics").await,
        api.log()
    );
    for canary in ["canary", "p@ssword", "p%40ssword", BREVO_KEY, STORE_TOKEN, TOKEN] {
        assert!(!everything.contains(canary), "{canary} in {everything}");
    }
}

#[tokio::test]
async fn metrics_name_every_dependency_and_the_build() {
    let database = migrated().await;
    let url = database.url();
    let worker = Process::start(WORKER, &[("SABOT_DATABASE_URL", &url)]).await;
    worker.ready_when(|_, body| body["overall"] == "ok").await;
    let metrics = worker.raw("/metrics").await;
    for part in [
        r#"sabot_build_info{service="worker",version="#,
        r#"readiness_dependency_status{service="worker",dependency="platform_db",status="ok"} 1"#,
        r#"readiness_dependency_probes_total{service="worker",dependency="propagation_runner"}"#,
        "application/openmetrics-text",
    ] {
        assert!(metrics.contains(part), "no {part} in {metrics}");
    }
}
