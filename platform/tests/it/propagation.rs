//! Propagations, from the change of a tier to the customers' server, and what becomes of those that fail.

use reqwest::Method;
use sabot_sandbox::postgres::{Fresh, Options, Server};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};
use tokio_postgres::{Client, Row};

use crate::database::{migrated, request_waits};
use crate::process::{API, PATIENCE, PROVISIONER, Process, TOKEN, WORKER, printed, run};
use crate::upstream::{Answer, Upstream};

async fn api(database: &Fresh, provisioner: &str) -> Process {
    let url = database.url();
    Process::start(API, &[("SABOT_DATABASE_URL", &url), ("SABOT_PROVISIONER_URL", provisioner)]).await
}

async fn worker(database: &Fresh, provisioner: &str, settings: &[(&str, &str)]) -> Process {
    let url = database.url();
    let own = [
        ("SABOT_DATABASE_URL", url.as_str()),
        ("SABOT_PROVISIONER_URL", provisioner),
        ("SABOT_PROPAGATION_POLL", "50ms"),
        ("SABOT_PROPAGATION_OBSERVE", "100ms"),
    ];
    Process::start(WORKER, &[&own[..], settings].concat()).await
}

/// A team with one resource that is ready, and a tier change on its way, written by hand.
async fn one_change(client: &Client) -> i64 {
    let sql = "WITH team AS (INSERT INTO teams (name, tier) VALUES ('one', 'pro') RETURNING id),
                   resource AS (INSERT INTO resources (team_id, name, state) SELECT id, 'r', 'ready' FROM team)
               SELECT propagation_enqueue('tier_elevation', id, 'pro', '{\"from\":\"free\"}') FROM team";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// The only propagation, once this holds of it: attempts, last error, kinds in the trail.
async fn when(client: &Client, condition: &str) -> (i32, Option<String>, Vec<String>) {
    let sql = format!(
        "SELECT attempts, last_error, ARRAY(SELECT kind FROM audit_log WHERE kind LIKE 'propagation.%' ORDER BY kind)
         FROM pending_propagations WHERE {condition}"
    );
    let row = row_when(client, &sql).await;
    (row.get(0), row.get(1), row.get(2))
}

async fn row_when(client: &Client, sql: &str) -> Row {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(row) = client.query_opt(sql, &[]).await.unwrap() {
            return row;
        }
        assert!(Instant::now() < deadline, "never: {sql}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// How many changes of a tier, and how many propagations, there are.
async fn changes(client: &Client) -> (i64, i64) {
    let sql = "SELECT (SELECT count(*) FROM audit_log WHERE kind LIKE 'subscription.%'),
                      (SELECT count(*) FROM pending_propagations)";
    let row = client.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn a_tier_change_and_its_propagation_commit_together_or_not_at_all() {
    let database = migrated().await;
    let client = database.connect().await.unwrap();
    let api = api(&database, "http://127.0.0.1:1").await;
    let (_, team) = api.post("/teams", json!({ "name": "one" })).await;
    let tier = format!("/teams/{}/tier", team["id"]);
    for (to, changed) in [("scale", 1), ("scale", 1), ("pro", 2)] {
        assert_eq!(api.post(&tier, json!({ "tier": to })).await.0, 200);
        assert_eq!(changes(&client).await, (changed, changed), "{to}");
    }
    let sql = "SELECT kind::text, team_id, target_tier, payload FROM pending_propagations ORDER BY id";
    let rows = client.query(sql, &[]).await.unwrap();
    let told = |row: &Row| (row.get(0), row.get::<_, i64>(1), row.get(2), row.get::<_, Value>(3));
    let (kind, id) = ("tier_elevation".to_owned(), team["id"].as_i64().unwrap());
    let expected = [("scale", "free"), ("pro", "scale")]
        .map(|(to, from)| (kind.clone(), id, to.to_owned(), json!({ "from": from })));
    assert_eq!(rows.iter().map(told).collect::<Vec<_>>(), expected);

    // Each of the two refused, at its statement and at the commit: then none of it has happened.
    let refuse =
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$";
    client.batch_execute(refuse).await.unwrap();
    for trigger in [
        "TRIGGER t BEFORE INSERT ON pending_propagations",
        "CONSTRAINT TRIGGER t AFTER INSERT ON pending_propagations DEFERRABLE INITIALLY DEFERRED",
        "CONSTRAINT TRIGGER t AFTER INSERT ON audit_log DEFERRABLE INITIALLY DEFERRED",
    ] {
        client
            .batch_execute(&format!("CREATE {trigger} FOR EACH ROW EXECUTE FUNCTION refuse()"))
            .await
            .unwrap();
        assert_eq!(api.post(&tier, json!({ "tier": "free" })).await.0, 500, "{trigger}");
        let undo = "DROP TRIGGER IF EXISTS t ON pending_propagations; DROP TRIGGER IF EXISTS t ON audit_log";
        client.batch_execute(undo).await.unwrap();
        assert_eq!(changes(&client).await, (2, 2), "{trigger}");
        assert_eq!(api.get(&format!("/teams/{id}")).await.1["tier"], "pro", "{trigger}");
    }
}

async fn limits(server: &Server) -> Vec<(String, i32)> {
    let sql = "SELECT rolname::text, rolconnlimit FROM pg_roles WHERE rolname LIKE 'res\\_%' ORDER BY oid";
    let rows = server.connect("postgres").await.unwrap().query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn every_active_resource_follows_its_team_and_a_partial_success_goes_on_where_it_stopped() {
    let (database, server) = (migrated().await, Server::start(Options::default()).await.unwrap());
    let client = database.connect().await.unwrap();
    let provisioner =
        Process::start(PROVISIONER, &[("SABOT_CUSTOMER_DATABASE_URL", &server.url("postgres"))]).await;
    let api = api(&database, &provisioner.url()).await;
    let worker = worker(&database, &provisioner.url(), &[]).await;
    let (_, team) = api.post("/teams", json!({ "name": "one" })).await;
    let path = format!("/teams/{}", team["id"]);
    for name in ["a", "b"] {
        assert_eq!(api.post(&format!("{path}/resources"), json!({ "name": name })).await.0, 201);
    }
    let with = |limit| vec![("res_1".to_owned(), limit), ("res_2".to_owned(), limit)];
    assert_eq!(limits(&server).await, with(5));
    assert_eq!(api.post(&format!("{path}/tier"), json!({ "tier": "pro" })).await.0, 200);
    let (attempts, error, trail) = when(&client, "applied_at IS NOT NULL").await;
    assert_eq!((attempts, error, trail), (0, None, vec!["propagation.applied".to_owned()]));
    assert_eq!(limits(&server).await, with(20));

    // One of the two is gone from the customers' server, and the platform does not know of it.
    client.batch_execute("DELETE FROM pending_propagations").await.unwrap();
    let hide = "ALTER ROLE res_1 RENAME TO hidden";
    server.connect("postgres").await.unwrap().batch_execute(hide).await.unwrap();
    assert_eq!(api.post(&format!("{path}/tier"), json!({ "tier": "free" })).await.0, 200);
    let (attempts, error, trail) = when(&client, "attempts = 1").await;
    assert_eq!(
        (attempts, error.unwrap()),
        (1, "1 of 2 resources were not re-graded: res_1: the provisioner answered 404 Not Found".to_owned())
    );
    assert_eq!(trail, ["propagation.applied", "propagation.retrying"]);
    assert_eq!(limits(&server).await, [("res_2".to_owned(), 5)]);
    let show = "ALTER ROLE hidden RENAME TO res_1";
    server.connect("postgres").await.unwrap().batch_execute(show).await.unwrap();
    client.batch_execute("UPDATE pending_propagations SET next_attempt_at = now()").await.unwrap();
    when(&client, "applied_at IS NOT NULL AND attempts = 1").await;
    assert_eq!(limits(&server).await, with(5));
    let metrics = worker.raw("/metrics").await;
    for line in [
        r#"propagation_attempts_total{service="worker",kind="tier_elevation",end="applied"} 2"#,
        r#"propagation_attempts_total{service="worker",kind="tier_elevation",end="retrying"} 1"#,
    ] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
}

#[tokio::test]
async fn a_resource_that_becomes_ready_while_its_team_rises_has_the_new_tier() {
    let (database, server) = (migrated().await, Server::start(Options::default()).await.unwrap());
    let client = database.connect().await.unwrap();
    let provisioner =
        Process::start(PROVISIONER, &[("SABOT_CUSTOMER_DATABASE_URL", &server.url("postgres"))]).await;
    let api = api(&database, &provisioner.url()).await;
    let (_, team) = api.post("/teams", json!({ "name": "one" })).await;
    // The row is there already, so that the request does not have to wait for the team before it begins.
    client.batch_execute("INSERT INTO resources (team_id, name) VALUES (1, 'a')").await.unwrap();
    client.batch_execute("BEGIN; UPDATE teams SET tier = 'pro'").await.unwrap();
    let path = format!("/teams/{}/resources", team["id"]);
    let rise = async {
        request_waits(&database).await;
        assert_eq!(limits(&server).await, [("res_1".to_owned(), 5)]);
        client.batch_execute("COMMIT").await.unwrap();
    };
    let ((status, made), ()) = tokio::join!(api.post(&path, json!({ "name": "a" })), rise);
    assert_eq!((status, &made["access"]["connection_limit"]), (201, &json!(20)));
    assert_eq!(limits(&server).await, [("res_1".to_owned(), 20)]);
}

#[tokio::test]
async fn an_answer_that_is_no_success_is_tried_again_and_told_without_a_credential() {
    let leaking = r#"{"outcome":"skipped","reason":"canary-service-token-93b1 is frozen"}"#;
    for (answer, says, trail) in [
        (Answer::Status(401), "the provisioner answered 401", &["propagation.retrying"][..]),
        (Answer::Status(503), "the provisioner answered 503", &["propagation.retrying"]),
        (Answer::Body(200, "garbage"), "answer is not readable", &["propagation.retrying"]),
        (Answer::Body(200, r#"{"outcome":"maybe"}"#), "answer is not readable", &["propagation.retrying"]),
        (Answer::Never, "res_1: no answer in time", &["propagation.retrying"]),
        (
            Answer::Body(200, leaking),
            "frozen (res_1)",
            &["propagation.retrying", "propagation.unexpected_skip"],
        ),
    ] {
        let (database, upstream) = (migrated().await, Upstream::start().await);
        let client = database.connect().await.unwrap();
        upstream.answers(answer);
        let quick = [("SABOT_PROPAGATION_DISPATCH_LIMIT", "1s"), ("SABOT_PROPAGATION_LEASE", "2s")];
        let worker = worker(&database, &upstream.url(), &quick).await;
        let id = one_change(&client).await;
        let (_, error, kinds) = when(&client, "attempts = 1").await;
        let error = error.unwrap();
        assert!(error.contains(says), "no {says:?} in {error:?}");
        assert_eq!(kinds, trail, "{says}");
        let seen = upstream.seen();
        assert!(seen[0].starts_with("PATCH /resources/res_1 "), "{seen:?}");
        assert_eq!(upstream.keys(), [format!("{id}/1")]);
        let everything = format!("{error}{}{}", worker.log(), worker.raw("/metrics").await);
        assert!(!everything.contains(TOKEN), "{everything}");
    }
}

#[tokio::test]
async fn a_resource_that_is_going_is_left_alone_and_what_is_right_already_is_a_success() {
    let (database, upstream) = (migrated().await, Upstream::start().await);
    let client = database.connect().await.unwrap();
    upstream.answers(Answer::Body(200, r#"{"outcome":"skipped","reason":"already_correct"}"#));
    let _worker = worker(&database, &upstream.url(), &[]).await;
    client.batch_execute("CREATE FUNCTION going() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO resources (team_id, name, state) VALUES (NEW.id, 'p', 'pending'), (NEW.id, 'd', 'deleting');
        RETURN NULL; END $$; CREATE TRIGGER going AFTER INSERT ON teams FOR EACH ROW EXECUTE FUNCTION going()")
        .await
        .unwrap();
    one_change(&client).await;
    let (attempts, error, trail) = when(&client, "applied_at IS NOT NULL").await;
    assert_eq!((attempts, error, trail), (0, None, vec!["propagation.applied".to_owned()]));
    let ready = client.query_one("SELECT id FROM resources WHERE state = 'ready'", &[]).await.unwrap();
    let ready: i64 = ready.get(0);
    let patched: Vec<_> =
        upstream.seen().into_iter().map(|line| line.split(" -").next().unwrap().to_owned()).collect();
    assert_eq!(patched, [format!("PATCH /resources/res_{ready}")]);
}

/// A dead letter, and the worker that it died with.
async fn dead(database: &Fresh, client: &Client, upstream: &Upstream) -> (i64, Process) {
    upstream.answers(Answer::Status(500));
    let worker = worker(database, &upstream.url(), &[("SABOT_PROPAGATION_MAX_ATTEMPTS", "1")]).await;
    let id = one_change(client).await;
    when(client, "failed_at IS NOT NULL").await;
    (id, worker)
}

#[tokio::test]
async fn a_dead_letter_is_seen_replayed_and_discarded_over_http() {
    let (database, upstream) = (migrated().await, Upstream::start().await);
    let client = database.connect().await.unwrap();
    let api = api(&database, "http://127.0.0.1:1").await;
    let (id, worker) = dead(&database, &client, &upstream).await;
    worker.logs("a propagation is dead").await;
    let (status, list) = api.get("/dead-letters").await;
    let letter = &list["dead_letters"][0];
    assert_eq!((status, letter["id"].as_i64(), letter["attempts"].as_i64()), (200, Some(id), Some(1)));
    assert!(letter["last_error"].as_str().unwrap().contains("answered 500"), "{letter}");
    let path = format!("/dead-letters/{id}");
    assert_eq!(api.get(&path).await, (200, letter.clone()));
    assert_eq!(api.get(&format!("/dead-letters?after={id}")).await.1, json!({ "dead_letters": [] }));

    upstream.answers(Answer::Body(200, r#"{"outcome":"applied"}"#));
    let replayed = api.post(&format!("{path}/replay"), json!({})).await;
    assert_eq!(replayed, (200, json!({ "id": id, "outcome": "replayed" })));
    let (_, _, trail) = when(&client, "applied_at IS NOT NULL").await;
    assert_eq!(trail, ["propagation.applied", "propagation.dead_lettered", "propagation.replayed"]);
    // It is no dead letter any more.
    let gone = [
        (Method::GET, path.clone()),
        (Method::POST, format!("{path}/replay")),
        (Method::DELETE, path.clone()),
    ];
    for (method, path) in gone {
        let (status, body) = api.call(method, &path, None).await;
        assert_eq!((status, body["error"]["code"].as_str()), (404, Some("not_found")), "{path}");
    }
    let die = "UPDATE pending_propagations SET applied_at = NULL, failed_at = now()";
    client.batch_execute(die).await.unwrap();
    assert_eq!(api.call(Method::DELETE, &path, None).await.0, 204);
    let sql = "SELECT actor, payload -> 'propagation' ->> 'target_tier' FROM audit_log WHERE kind = 'propagation.discarded'
         AND NOT EXISTS (SELECT FROM pending_propagations)";
    let row = client.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("api", "pro"));
}

#[tokio::test]
async fn a_dead_letter_is_seen_replayed_and_discarded_on_the_command_line() {
    let (database, upstream) = (migrated().await, Upstream::start().await);
    let client = database.connect().await.unwrap();
    let (id, worker) = dead(&database, &client, &upstream).await;
    drop(worker);
    let (url, number) = (database.url(), id.to_string());
    let command = async |args: &[&str]| {
        let args = [&["dead-letters"], args].concat();
        let output = run(WORKER, &args, &[("SABOT_DATABASE_URL", &url)]).await;
        (output.status.code(), printed(&output))
    };
    let (code, list) = command(&["list", "--format", "json"]).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!((code, list["dead_letters"][0]["id"].as_i64()), (Some(0), Some(id)));
    let (code, text) = command(&["list"]).await;
    assert!(
        code == Some(0) && text.starts_with(&format!("{id} ")) && text.contains("answered 500"),
        "{text}"
    );
    let (code, text) = command(&["show", &number]).await;
    assert!(code == Some(0) && text.contains("target_tier      pro"), "{text}");

    let (code, text) = command(&["replay", &number]).await;
    assert_eq!((code, text), (Some(0), format!("dead letter {id} replayed: it is due at once\n")));
    let (attempts, _, trail) = when(&client, "failed_at IS NULL").await;
    assert_eq!((attempts, trail.contains(&"propagation.replayed".to_owned())), (0, true));
    for args in [["replay", &number], ["discard", &number], ["show", &number]] {
        let (code, text) = command(&args).await;
        assert!(code == Some(1) && text.contains(&format!("there is no dead letter {id}")), "{text}");
    }
    assert_eq!(command(&["list"]).await, (Some(0), "no dead letters\n".to_owned()));
    client.batch_execute("UPDATE pending_propagations SET failed_at = now()").await.unwrap();
    assert_eq!(command(&["discard", &number]).await.0, Some(0));
    let left: i64 = client.query_one("SELECT count(*) FROM pending_propagations", &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
    let nobody = [("SABOT_DATABASE_URL", "postgres://u:canary-password@127.0.0.1:1/d")];
    let failed = run(WORKER, &["dead-letters", "list"], &nobody).await;
    assert_eq!(failed.status.code(), Some(1));
    assert!(!printed(&failed).contains("canary"), "{}", printed(&failed));
}

#[tokio::test]
async fn the_registry_holds_the_kinds_of_the_enum_and_is_told_on_the_command_line() {
    let database = migrated().await;
    let client = database.connect().await.unwrap();
    let values = client.query("SELECT unnest(enum_range(NULL::propagation_kind))::text", &[]).await.unwrap();
    let values: Vec<String> = values.iter().map(|row| row.get(0)).collect();
    let output = run(WORKER, &["kinds", "--format", "json"], &[]).await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let declared = told["propagations"].as_array().unwrap();
    let kinds: Vec<_> = declared.iter().map(|declared| declared["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, values);
    assert_eq!(declared[0]["supersedes_within"], json!(["tier_elevation"]));
    let text = printed(&run(WORKER, &["kinds"], &[]).await);
    assert!(text.contains("propagation tier_elevation     re-grades every active resource"), "{text}");
}

#[tokio::test]
async fn propagation_settings_that_cannot_work_are_refused() {
    for (name, value, says) in [
        ("SABOT_PROPAGATION_LEASE", "44s", "44s is less than one and a half times the dispatch limit of 30s"),
        ("SABOT_PROPAGATION_DISPATCH_LIMIT", "0s", "is zero"),
        ("SABOT_PROPAGATION_CONCURRENCY", "0", "give 1 to 1000"),
        ("SABOT_PROPAGATION_BATCH", "many", "\"many\" is no such number; give 1 to 10000"),
        ("SABOT_PROPAGATION_MAX_ATTEMPTS", "0", "give 1 to 1000"),
        ("SABOT_PROPAGATION_SCHEDULE", "1m,soon", "\"soon\" is no duration; give durations such as"),
        ("SABOT_PROPAGATION_SCHEDULE", "", "is no duration"),
        ("SABOT_PROPAGATION_GRACE", "25s", "25s is not less than the shutdown grace of 25s"),
        ("SABOT_PROPAGATION_OBSERVE", "30", "has no unit"),
        ("SABOT_PROPAGATION_KEEP_APPLIED", "forever", "give a duration such as 12h or 30d, or never"),
        ("SABOT_PROVISIONER_URL", "nowhere", "--provisioner-url (SABOT_PROVISIONER_URL): is no URL"),
        ("SABOT_PROVISIONER_TOKEN", "canary", "--provisioner-token (SABOT_PROVISIONER_TOKEN): has only 6"),
    ] {
        let output = run(WORKER, &[], &[("SABOT_SERVICE_TOKEN", TOKEN), (name, value)]).await;
        let text = printed(&output);
        assert!(output.status.code() == Some(3) && text.contains(says), "{says}: {text}");
        assert!(!text.contains("canary"), "{text}");
    }
}
