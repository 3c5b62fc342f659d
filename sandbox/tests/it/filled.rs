//! Servers on data that come from elsewhere.

use std::process::Command;

use sabot_sandbox::postgres::{Error, Held, Options, SUPERUSER, Server};
use tokio_postgres::NoTls;

use crate::look::processes_in;

/// A server to take base backups from, with a role of its own and an archive that nobody may run again.
async fn source() -> Server {
    let options =
        Options::default().setting("wal_level", "logical").setting("max_prepared_transactions", "7");
    let source = Server::start(options).await.unwrap();
    let client = source.connect("postgres").await.unwrap();
    let statements = [
        "CREATE TABLE shoe AS SELECT n AS size FROM generate_series(1, 1000) n",
        "CREATE ROLE cobbler LOGIN SUPERUSER PASSWORD 'awl'",
        "ALTER SYSTEM SET archive_mode = 'on'",
        "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'",
        "ALTER SYSTEM SET port = '1'",
        "SELECT pg_create_logical_replication_slot('kept', 'pgoutput')",
        "BEGIN; INSERT INTO shoe VALUES (2000); PREPARE TRANSACTION 'half'",
    ];
    for statement in statements {
        client.batch_execute(statement).await.unwrap();
    }
    source
}

/// Takes a base backup of `source` into the folder of `held`.
fn base_backup(source: &Server, held: &Held) {
    let taken = Command::new(source.installation().program("pg_basebackup"))
        .args(["--checkpoint=fast", "--no-sync", "-X", "fetch", "-h", "127.0.0.1", "-U", SUPERUSER, "-p"])
        .arg(source.port().to_string())
        .arg("-D")
        .arg(held.data_dir())
        .env("PGPASSWORD", source.password())
        .output()
        .unwrap();
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
}

#[tokio::test]
async fn a_base_backup_starts_as_a_server_of_its_own_and_nobody_else_comes_in() {
    let source = source().await;
    let held = Held::new(Options::for_restore(None)).unwrap();
    base_backup(&source, &held);
    for signal in ["standby.signal", "recovery.signal"] {
        std::fs::write(held.data_dir().join(signal), "").unwrap();
    }
    std::fs::create_dir_all(held.data_dir().join("pg_replslot/kept")).unwrap();
    // So that nothing can be fetched from it.
    source.stop().await;
    let server = held.start_filled().await.unwrap();
    let client = server.connect("postgres").await.unwrap();
    let ask = async |query: &str| -> String { client.query_one(query, &[]).await.unwrap().get(0) };
    assert_eq!(ask("SELECT count(*)::text FROM shoe").await, "1000");
    assert_eq!(ask("SELECT string_agg(gid, ' ') FROM pg_prepared_xacts").await, "half");
    assert_eq!(ask("SELECT pg_is_in_recovery()::text").await, "false");
    assert_eq!(ask("SELECT current_setting('archive_mode')").await, "off");
    assert_eq!(ask("SELECT current_setting('primary_conninfo')").await, "");
    assert_eq!(ask("SELECT count(*)::text FROM pg_replication_slots").await, "0");
    assert_ne!(ask("SELECT current_setting('fsync')").await, "on");
    let folder = server.folder().to_owned();
    server.stop().await;
    assert!(!folder.exists() && processes_in(&folder).is_empty());
}

#[tokio::test]
async fn a_role_that_came_with_the_data_is_kept_out_where_hba_says_so() {
    let source = source().await;
    let hba = vec![
        format!("host all {SUPERUSER} 127.0.0.1/32 scram-sha-256"),
        "host all all all reject".to_owned(),
    ];
    let held = Held::new(Options { hba, ..Options::for_restore(None) }).unwrap();
    base_backup(&source, &held);
    let server = held.start_filled().await.unwrap();
    server.connect("postgres").await.unwrap();
    let mut config = server.config("postgres");
    config.user("cobbler").password("awl");
    let refused = config.connect(NoTls).await.map(drop).unwrap_err();
    let refused = refused.as_db_error().unwrap().message().to_owned();
    assert!(refused.contains("pg_hba.conf rejects"), "{refused}");
}

#[tokio::test]
async fn data_that_are_none_are_refused_and_nothing_is_left() {
    let held = Held::new(Options::for_restore(None)).unwrap();
    let folder = held.folder().to_owned();
    std::fs::create_dir(held.data_dir()).unwrap();
    let error = held.start_filled().await.unwrap_err();
    assert!(matches!(&error, Error::Data { path, .. } if path.ends_with("PG_VERSION")), "{error}");
    assert!(!folder.exists());
}
