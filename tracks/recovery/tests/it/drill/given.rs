//! A server that the operator gives: accepted only when it is empty, disposable and not the source.

use super::source::{file, folder, run, shop, source};
use super::{drill_with, failed_by, of_file, passed, request};
use sabot_recovery::drill::postgres::{Access, Options};
use sabot_recovery::report::Class;
use sabot_sandbox::postgres::Server;

async fn server(token: Option<&str>) -> Server {
    let server = Server::start(sabot_sandbox::postgres::Options::default()).await.unwrap();
    let client = server.connect("postgres").await.unwrap();
    if let Some(token) = token {
        client.batch_execute("CREATE TABLE sabot_disposable (token text)").await.unwrap();
        client.execute("INSERT INTO sabot_disposable VALUES ($1)", &[&token]).await.unwrap();
    }
    server
}

fn access(server: &Server, token: &str) -> Options {
    let access = Access { url: server.url("postgres"), token: token.into(), source_url: None };
    Options { smoke_on: None, sandbox: Some(access) }
}

/// Databases and roles of a server.
async fn holds(server: &Server) -> Vec<String> {
    let client = server.connect("postgres").await.unwrap();
    let query =
        "SELECT datname::text FROM pg_database UNION ALL SELECT rolname::text FROM pg_roles ORDER BY 1";
    client.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_server_with_the_token_is_used_and_emptied() {
    let given = server(Some("disposable")).await;
    let before = holds(&given).await;
    let made = shop().await;
    let options = access(&given, "disposable");
    let (report, _) = drill_with(&request(made.newest()), &options).await;
    passed(&report);
    assert_eq!(holds(&given).await, before);
    // Whatever fails, it is emptied.
    let mut wanted = request(made.newest());
    wanted.smoke = vec!["SELECT false".into()];
    let (report, _) = drill_with(&wanted, &options).await;
    failed_by(&report, Class::Smoke);
    assert_eq!(holds(&given).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_server_is_refused_with_the_reason() {
    let made = shop().await;
    let refused = async |options: &Options, words: &str| {
        let (report, _) = drill_with(&request(made.newest()), options).await;
        let problem = failed_by(&report, Class::Server);
        assert!(problem.message.contains(words), "{problem:?}");
    };
    let none = server(None).await;
    refused(&access(&none, "disposable"), "no token").await;
    let given = server(Some("disposable")).await;
    refused(&access(&given, "guessed"), "token is not the one given").await;
    refused(&access(&given, ""), "token is not the one given").await;
    let mut own = access(&given, "disposable");
    own.sandbox.as_mut().unwrap().source_url = Some(given.url("postgres"));
    refused(&own, "host and port").await;
    // All sandboxes come from one template, and so are copies of each other.
    own.sandbox.as_mut().unwrap().source_url = Some(source().await.url("shop"));
    refused(&own, "system identifier").await;
    let client = given.connect("postgres").await.unwrap();
    client.batch_execute("CREATE TABLE mine ()").await.unwrap();
    refused(&access(&given, "disposable"), "mine").await;
    client.batch_execute("DROP TABLE mine; CREATE ROLE somebody").await.unwrap();
    refused(&access(&given, "disposable"), "somebody").await;
    client.batch_execute("DROP ROLE somebody").await.unwrap();
    client.batch_execute("CREATE DATABASE theirs").await.unwrap();
    refused(&access(&given, "disposable"), "theirs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_a_whole_server_goes_into_none_that_was_given() {
    let given = server(Some("disposable")).await;
    let before = holds(&given).await;
    let folder = folder();
    for args in [&["pg_dumpall"][..], &["pg_dump", "--create", "shop"]] {
        let path = file(&folder, "all", &run(args[0], &args[1..]).await);
        let (report, _) = drill_with(&of_file(&path), &access(&given, "disposable")).await;
        assert!(failed_by(&report, Class::Server).message.contains("sandbox of our own"));
    }
    assert_eq!(holds(&given).await, before);
}
