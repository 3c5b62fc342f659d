//! Servers that speak MongoDB's protocol. Left out, and said so, where there is none: see scripts/setup-mongo.sh.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sabot_sandbox::mongo::bson::Writer;
use sabot_sandbox::mongo::{Connection, Error, Installation, Kind, Options, Server};
use sabot_sandbox::{Expired, Label, Place, gc_in};
use tokio::io::AsyncWriteExt;

use crate::look::{eventually, place, processes_in, runs, sandboxes};
use crate::owner::{Owner, send};

const LIMIT: Duration = Duration::from_secs(20);

/// Whether there is a server to start; says so where there is none.
fn is_there() -> bool {
    let found = Installation::find();
    if let Err(error) = &found {
        println!("left out: {error}");
    }
    found.is_ok()
}

async fn start(place: &Path) -> Server {
    let place = Place::Folder(place.to_owned());
    Server::start(Options { place, ..Options::default() }).await.unwrap()
}

async fn insert(connection: &mut Connection, numbers: i32) {
    let documents = (0..numbers).fold(Writer::default(), |documents, number| {
        documents.document(&number.to_string(), &Writer::default().int32("_id", number).finish())
    });
    let insert = Writer::default().string("insert", "shoes").array("documents", &documents.finish());
    connection.command("insert", "shop", insert).await.unwrap();
}

#[tokio::test]
async fn a_server_answers_and_holds_what_it_is_given() {
    if !is_there() {
        return;
    }
    let place = place();
    let server = start(place.path()).await;
    let mut connection = server.connect(LIMIT).await.unwrap();
    let build = connection.build_info().await.unwrap();
    assert_eq!(build.is_ferretdb, server.installation().kind == Kind::FerretDb);
    assert_eq!(build.is_ferretdb, !server.is_real_mongod());
    assert!(build.version.split('.').count() >= 3, "{build:?}");
    assert_eq!(connection.count("shop", "shoes").await.unwrap(), 0);
    insert(&mut connection, 7).await;
    assert_eq!(connection.count("shop", "shoes").await.unwrap(), 7);
    let refused = connection.command("nonsense", "shop", Writer::default().int32("nonsense", 1)).await;
    assert!(matches!(&refused, Err(Error::Refused { doing, .. }) if doing == "nonsense"), "{refused:?}");
}

#[tokio::test]
async fn two_servers_share_nothing() {
    if !is_there() {
        return;
    }
    let place = place();
    let (one, other) = tokio::join!(start(place.path()), start(place.path()));
    assert_ne!(one.port(), other.port());
    insert(&mut one.connect(LIMIT).await.unwrap(), 3).await;
    assert_eq!(other.connect(LIMIT).await.unwrap().count("shop", "shoes").await.unwrap(), 0);
}

#[tokio::test]
async fn nothing_is_left_of_a_stopped_server() {
    if !is_there() {
        return;
    }
    let place = place();
    let server = start(place.path()).await;
    let (folder, pid, port) = (server.folder().to_owned(), server.pid().unwrap(), server.port());
    assert_eq!(processes_in(&folder), [pid]);
    insert(&mut server.connect(LIMIT).await.unwrap(), 3).await;
    server.stop().await;
    assert!(!folder.exists(), "the folder is left");
    assert!(!runs(pid), "the server is left");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the port is left");
}

#[tokio::test]
async fn a_server_whose_guardian_is_killed_goes_at_once_and_its_folder_with_the_handle() {
    if !is_there() {
        return;
    }
    let place = place();
    let server = start(place.path()).await;
    let (pid, folder) = (server.pid().unwrap(), server.folder().to_owned());
    send("KILL", &server.guardian_pid().to_string());
    eventually("the server is gone", || !runs(pid));
    drop(server);
    assert!(!folder.exists());
}

#[test]
fn nothing_is_left_however_the_owner_ends() {
    if !is_there() {
        return;
    }
    for signal in ["INT", "TERM", "KILL"] {
        let place = place();
        let mut owner = Owner::start("mongo", place.path());
        assert_eq!(processes_in(&owner.folder), [owner.postmaster]);
        owner.signal(signal);
        owner.ended();
        eventually("the guardian is gone", || !runs(owner.guardian));
        assert!(!runs(owner.postmaster), "{signal}: the server is left");
        assert_eq!(sandboxes(place.path()), Vec::<PathBuf>::new(), "{signal}");
    }
}

#[tokio::test]
async fn a_sandbox_whose_time_has_passed_is_collected_with_the_server_that_runs_from_it() {
    if !is_there() {
        return;
    }
    let place = place();
    let server = start(place.path()).await;
    let mut label = Label::read(server.folder()).unwrap();
    assert!(gc_in(&[place.path().to_owned()]).removed.is_empty());
    label.ends_at = label.created_at;
    label.write(server.folder()).unwrap();
    let collected = gc_in(&[place.path().to_owned()]);
    assert_eq!(collected.removed.len(), 1, "{collected:?}");
    assert_eq!(collected.removed[0].reason, Expired::Ended);
    assert!(!server.folder().exists());
    eventually("the server is gone", || server.pid().is_none_or(|pid| !runs(pid)));
}

#[tokio::test]
async fn a_server_that_does_not_start_shows_the_end_of_its_log_and_leaves_nothing() {
    let place = place();
    let program = place.path().join("mongod");
    std::fs::write(&program, "#!/bin/sh\necho the disk is on fire >&2\nexit 14\n").unwrap();
    let mut executable = std::fs::metadata(&program).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut executable, 0o755);
    std::fs::set_permissions(&program, executable).unwrap();
    let options = Options {
        installation: Some(Installation { program, kind: Kind::Mongod }),
        place: Place::Folder(place.path().to_owned()),
        ..Options::default()
    };
    let error = Server::start(options).await.unwrap_err().to_string();
    assert!(error.contains("mongod ended before it was ready") && error.contains("on fire"), "{error}");
    assert_eq!(sandboxes(place.path()), [place.path().join("mongod")]);
}

#[tokio::test]
async fn what_answers_otherwise_is_told_from_what_does_not_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let mut connection = Connection::open(&address, Duration::from_millis(200)).await.unwrap();
    assert!(matches!(connection.hello().await, Err(Error::TimedOut { .. })));

    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = other.local_addr().unwrap().to_string();
    let answer = tokio::spawn(async move {
        let (mut stream, _) = other.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let mut connection = Connection::open(&address, LIMIT).await.unwrap();
    assert!(matches!(connection.hello().await, Err(Error::Protocol { .. })));
    answer.await.unwrap();
}
