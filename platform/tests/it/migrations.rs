//! The schema: brought up to date once, by whoever comes first.

use sabot_platform::db::{Migration, MigrationError, MigrationSet, PLATFORM, migrate};
use sabot_sandbox::postgres::fresh_database;
use tokio::task::JoinSet;

use crate::process::{API, Process, TOKEN, printed, run};

async fn audit_tables(database: &sabot_sandbox::postgres::Fresh) -> i64 {
    let client = database.connect().await.unwrap();
    let count = "SELECT count(*) FROM pg_tables WHERE tablename IN ('teams', 'resources', 'audit_log')";
    client.query_one(count, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn ten_migrations_at_once_run_each_file_once() {
    let database = fresh_database().await.unwrap();
    let mut ten = JoinSet::new();
    for _ in 0..10 {
        let config = database.config();
        ten.spawn(async move { migrate(&config, &[PLATFORM]).await.unwrap() });
    }
    let mut ran = ten.join_all().await;
    ran.sort_unstable();
    assert_eq!(ran, [0, 0, 0, 0, 0, 0, 0, 0, 0, PLATFORM.len()]);
    assert_eq!(audit_tables(&database).await, 3);
}

#[tokio::test]
async fn a_file_that_fails_leaves_nothing_and_says_so() {
    const BROKEN: MigrationSet = MigrationSet {
        owner: "broken",
        migrations: &[
            Migration { name: "0001", sql: "CREATE TABLE first (id int)" },
            Migration { name: "0002", sql: "CREATE TABLE second (id int); SELECT no_such_function()" },
        ],
    };
    let database = fresh_database().await.unwrap();
    let error = migrate(&database.config(), &[BROKEN]).await.unwrap_err();
    assert_eq!(error.to_string(), "migration broken/0002 failed and was rolled back");
    let client = database.connect().await.unwrap();
    let tables = "SELECT count(*) FILTER (WHERE tablename = 'first'), count(*) FILTER (WHERE tablename = 'second') \
                  FROM pg_tables";
    let row = client.query_one(tables, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 0));
}

#[tokio::test]
async fn a_file_changed_after_it_ran_is_refused() {
    const fn set(sql: &'static [Migration]) -> MigrationSet {
        MigrationSet { owner: "mine", migrations: sql }
    }
    let database = fresh_database().await.unwrap();
    let (before, after) = (
        set(&[Migration { name: "0001", sql: "CREATE TABLE t (id int)" }]),
        set(&[Migration { name: "0001", sql: "CREATE TABLE t (id bigint)" }]),
    );
    assert_eq!(migrate(&database.config(), &[before]).await.unwrap(), 1);
    assert_eq!(migrate(&database.config(), &[before]).await.unwrap(), 0);
    let error = migrate(&database.config(), &[after]).await.unwrap_err();
    assert!(matches!(error, MigrationError::Changed { .. }), "{error}");
}

#[tokio::test]
async fn the_command_says_what_it_did_and_why_it_could_not() {
    let database = fresh_database().await.unwrap();
    let url = database.url();
    let settings = [("SABOT_DATABASE_URL", url.as_str())];
    let first = run(API, &["migrate"], &settings).await;
    assert_eq!(printed(&first), format!("migrations run: {}\n", PLATFORM.len()));
    let second = run(API, &["migrate", "--database-url", &url], &[]).await;
    assert_eq!(printed(&second), "the schema is up to date\n");
    let nobody = [("SABOT_DATABASE_URL", "postgres://u:canary-password@127.0.0.1:1/d")];
    let failed = run(API, &["migrate"], &nobody).await;
    assert_eq!(failed.status.code(), Some(1));
    assert!(printed(&failed).contains("the database cannot be reached; check --database-url"));
    assert!(!printed(&failed).contains("canary"));
    assert_eq!(run(API, &["migrate"], &[]).await.status.code(), Some(3));
}

#[tokio::test]
async fn a_service_without_its_schema_serves_says_so_and_recovers() {
    let database = fresh_database().await.unwrap();
    let url = database.url();
    let settings = [
        ("SABOT_DATABASE_URL", url.as_str()),
        ("SABOT_PROVISIONER_URL", "http://127.0.0.1:1"),
        ("SABOT_PROVISIONER_TOKEN", TOKEN),
        ("SABOT_READINESS_CACHE", "50ms"),
    ];
    let api = Process::start(API, &settings).await;
    let (_, body) = api.ready_when(|status, _| status == 503).await;
    assert_eq!(body["checks"][0]["last_error"], "schema_missing");
    assert_eq!(api.get("/livez").await.0, 200);
    let (status, body) = api.get("/teams").await;
    assert_eq!((status, body["error"]["code"].as_str()), (503, Some("schema_outdated")));
    api.logs("run `sabot-api migrate`").await;

    // The table of what ran, and nothing in it: an older schema than this build's.
    migrate(&database.config(), &[]).await.unwrap();
    api.ready_when(|_, body| body["checks"][0]["last_error"] == "schema_outdated").await;

    let second = Process::start(API, &[&settings[..], &[("SABOT_MIGRATE", "true")]].concat()).await;
    second.ready_when(|_, body| body["checks"][0]["status"] == "ok").await;
    api.ready_when(|_, body| body["checks"][0]["status"] == "ok").await;
    assert_eq!(api.get("/teams").await.0, 200);
}
