//! What a running server offers.

use std::collections::BTreeSet;
use std::net::TcpListener;

use sabot_sandbox::postgres::{Error, Options, Server, fresh_database, shared};
use tokio::task::JoinSet;
use tokio_postgres::error::SqlState;

use crate::look::{eventually, processes_in, runs};
use crate::owner::send;

async fn start() -> Server {
    Server::start(Options::default()).await.unwrap()
}

/// The one value that a query returns, as text.
async fn value(server: &Server, database: &str, query: &str) -> String {
    let client = server.connect(database).await.unwrap();
    client.query_one(&format!("SELECT ({query})::text"), &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_database_from_a_template_holds_what_the_template_holds() {
    let server = shared().await.unwrap();
    server.create_database("model").await.unwrap();
    let model = server.connect("model").await.unwrap();
    model.batch_execute("CREATE TABLE shoe (size int); INSERT INTO shoe VALUES (44)").await.unwrap();
    drop(model);
    let awkward = "lane \"1\" of a/b?";
    server.create_database_from(awkward, "model").await.unwrap();
    assert_eq!(value(server, awkward, "SELECT size FROM shoe").await, "44");
    let (client, connection) =
        tokio_postgres::connect(&server.url(awkward), tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    server.drop_database(awkward).await.unwrap();
    assert!(connection.await.unwrap().is_err(), "the connection outlived its database");
    drop(client);
    server.drop_database(awkward).await.unwrap();
}

#[tokio::test]
async fn fresh_databases_share_a_server_and_nothing_else() {
    let (one, other) = (fresh_database().await.unwrap(), fresh_database().await.unwrap());
    assert_ne!(one.name(), other.name());
    one.connect().await.unwrap().batch_execute("CREATE TABLE mine ()").await.unwrap();
    other.connect().await.unwrap().batch_execute("CREATE TABLE mine ()").await.unwrap();
    assert_eq!(one.server().port(), other.server().port());
}

#[test]
fn a_shared_server_outlives_the_runtime_that_started_it() {
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { fresh_database().await.unwrap().connect().await.unwrap() });
    }
}

#[tokio::test]
async fn ten_at_once_do_not_collide() {
    let mut starting = JoinSet::new();
    for _ in 0..10 {
        starting.spawn(start());
    }
    let servers = starting.join_all().await;
    let ports: BTreeSet<_> = servers.iter().map(Server::port).collect();
    let passwords: BTreeSet<_> = servers.iter().map(Server::password).collect();
    assert_eq!((ports.len(), passwords.len()), (10, 10));
    for server in &servers {
        let name = server.folder().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(value(server, "postgres", "SELECT current_setting('cluster_name')").await, name);
    }
}

#[tokio::test]
async fn another_password_is_refused_on_both_sockets() {
    let server = shared().await.unwrap();
    let mut tcp = server.config("postgres");
    tcp.password("another");
    let mut unix = tokio_postgres::Config::new();
    unix.host_path(server.socket_dir()).port(server.port()).user(server.superuser()).password("another");
    for config in [tcp, unix] {
        let error = config.connect(tokio_postgres::NoTls).await.err().unwrap();
        assert_eq!(error.code(), Some(&SqlState::INVALID_PASSWORD));
    }
}

#[tokio::test]
async fn nothing_but_loopback_is_listened_on() {
    let server = shared().await.unwrap();
    assert_eq!(value(server, "postgres", "SELECT current_setting('listen_addresses')").await, "127.0.0.1");
    assert_eq!(value(server, "postgres", "SELECT host(inet_server_addr())").await, "127.0.0.1");
}

#[tokio::test]
async fn a_restart_keeps_port_password_and_data() {
    let server = start().await;
    let before = (server.port(), server.password().to_owned(), server.pid().await);
    server.create_database("kept").await.unwrap();
    server.restart().await.unwrap();
    assert_eq!((server.port(), server.password().to_owned()), (before.0, before.1));
    assert_ne!(server.pid().await, before.2);
    value(&server, "kept", "SELECT 1").await;
    let folder = server.folder().to_owned();
    server.stop().await;
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_no_session_and_recovers_at_the_restart() {
    let server = start().await;
    server.create_database("kept").await.unwrap();
    let busy = server.connect("kept").await.unwrap();
    busy.batch_execute("CREATE TABLE shoe (size int); INSERT INTO shoe VALUES (44)").await.unwrap();
    // A session that computes does not notice by itself that its postmaster is gone.
    let session: i32 = busy.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let session = u32::try_from(session).unwrap();
    let endless =
        tokio::spawn(
            async move { busy.batch_execute("SELECT count(*) FROM generate_series(1, 1e12)").await },
        );
    eventually("the session computes", || {
        std::fs::read_to_string(format!("/proc/{session}/cmdline")).unwrap().contains("SELECT")
    });
    server.kill().await.unwrap();
    eventually("the session is gone", || !runs(session) && processes_in(server.folder()).is_empty());
    assert!(endless.await.unwrap().is_err());
    assert!(matches!(server.kill().await, Err(Error::NotRunning)));
    server.restart().await.unwrap();
    assert_eq!(value(&server, "kept", "SELECT size FROM shoe").await, "44");
}

#[tokio::test]
async fn a_restart_on_a_port_that_was_taken_shows_the_log() {
    let server = start().await;
    server.kill().await.unwrap();
    let _taken = TcpListener::bind(("127.0.0.1", server.port())).unwrap();
    let error = server.restart().await.unwrap_err().to_string();
    assert!(error.contains("Address already in use"), "{error}");
}

#[tokio::test]
async fn a_server_whose_guardian_is_killed_goes_at_once_and_its_folder_with_the_handle() {
    let server = start().await;
    let (postmaster, folder) = (server.pid().await.unwrap(), server.folder().to_owned());
    send("KILL", &server.guardian_pid().await.to_string());
    eventually("the server is gone", || !runs(postmaster) && processes_in(&folder).is_empty());
    assert!(folder.exists());
    drop(server);
    assert!(!folder.exists());
}

#[tokio::test]
async fn settings_are_the_throwaway_ones_unless_told_otherwise() {
    let server = shared().await.unwrap();
    assert_eq!(value(server, "postgres", "SELECT current_setting('fsync')").await, "off");
    let server = Server::start(Options::default().durable().setting("work_mem", "7MB")).await.unwrap();
    assert!(server.folder().starts_with(std::env::temp_dir()));
    assert_eq!(value(&server, "postgres", "SELECT current_setting('fsync')").await, "on");
    assert_eq!(value(&server, "postgres", "SELECT current_setting('work_mem')").await, "7MB");
    server.create_database_from("lane", "template1").await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_start_shows_the_end_of_its_log() {
    let place = crate::look::place();
    let options = Options::default().place(sabot_sandbox::Place::Folder(place.path().to_owned()));
    let error = Server::start(options.setting("shared_buffers", "much")).await.unwrap_err().to_string();
    assert!(error.contains("invalid value for parameter \"shared_buffers\""), "{error}");
    assert!(crate::look::sandboxes(place.path()).is_empty());
}

#[tokio::test]
async fn hba_lines_come_first() {
    let hba = vec!["host all all 127.0.0.1/32 reject".to_owned()];
    let server = Server::start(Options { hba, ..Options::default() }).await.unwrap();
    assert!(server.connect("postgres").await.is_err());
    server.create_database("by_the_private_socket").await.unwrap();
}
