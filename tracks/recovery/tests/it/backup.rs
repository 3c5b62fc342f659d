//! Backups of real databases, and what interrupts them.

use crate::stand_in::StandIn;
use sabot_recovery::backup::postgres::{Kind, backup, lock_key};
use sabot_recovery::backup::{BackupError, Done, Magic, Request, Taken, stream};
use sabot_recovery::digest::postgres::{How, content};
use sabot_recovery::manifest::{Content, Form};
use sabot_recovery::store::{Choice, State, Store};
use sabot_recovery::tool::Command as Tool;
use sabot_sandbox::postgres::{Fresh, Options, Server, fresh_database};
use std::num::NonZeroUsize;
use std::process::Command;
use std::time::Duration;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(120);

/// A database of some rows, and an empty store.
async fn some() -> (Fresh, tempfile::TempDir, Request) {
    let fresh = fresh_database().await.unwrap();
    let sql = "CREATE TABLE rows (id bigint PRIMARY KEY, note text);
        INSERT INTO rows SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 2000) i;
        CREATE SEQUENCE counter; SELECT setval('counter', 7);
        CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM rows; DELETE FROM rows WHERE id > 1990";
    fresh.connect().await.unwrap().batch_execute(sql).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    let request = Request {
        store,
        job: "app".into(),
        keep: None,
        due: None,
        limit: LIMIT,
        stop: CancellationToken::new(),
    };
    (fresh, folder, request)
}

async fn taken(fresh: &Fresh, kind: Kind, request: &Request) -> Taken {
    match backup(&fresh.config(), kind, request, |_| ()).await.unwrap() {
        Done::Taken(taken) => *taken,
        Done::Already(name) => panic!("{name} was there already"),
    }
}

fn files(folder: &tempfile::TempDir) -> Vec<String> {
    let listed = std::fs::read_dir(folder.path().join("app"));
    let names = listed
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect());
    names.unwrap_or_default()
}

#[tokio::test]
async fn a_logical_backup_restores_to_what_its_manifest_says() {
    let (fresh, folder, request) = some().await;
    let before = OffsetDateTime::now_utc();
    let Taken { manifest, .. } = taken(&fresh, Kind::Logical, &request).await;
    assert!(manifest.snapshot_at >= before && manifest.snapshot_at <= manifest.ended_at);
    assert_eq!((manifest.form, manifest.job.as_str()), (Form::Custom, "app"));
    assert!(manifest.tools["pg_dump"].starts_with(manifest.server_version.split('.').next().unwrap()));
    let chosen = request.store.choose("app", &Choice::Newest).await.unwrap().artifact;
    assert_eq!(chosen.state, State::Whole(Box::new(manifest.clone())));
    let fetched = request.store.fetch(&chosen, folder.path(), |_| ()).await.unwrap();
    assert!(!fetched.copied && fetched.bytes == manifest.bytes);

    let other = fresh_database().await.unwrap();
    let restored = Command::new("pg_restore").arg("-d").arg(other.url()).arg(&fetched.path).status().unwrap();
    assert!(restored.success());
    let mut found = content(&other.config(), &How::fast(LIMIT)).await.unwrap();
    found.name = fresh.name().to_owned();
    let Content::Yes { databases, .. } = manifest.content else { panic!("no content") };
    assert_eq!(databases, [found]);
}

#[tokio::test]
async fn a_sequence_that_moves_while_it_is_dumped_is_told_as_the_dump_has_it() {
    let (fresh, _folder, request) = some().await;
    let client = fresh.connect().await.unwrap();
    hold(&client).await;
    let moving = async {
        let other = fresh.connect().await.unwrap();
        waits_for_lock(&fresh).await;
        other.batch_execute("SELECT setval('counter', 1000)").await.unwrap();
        client.batch_execute("COMMIT").await.unwrap();
    };
    let (taken, ()) = tokio::join!(taken(&fresh, Kind::Logical, &request), moving);
    let Content::Yes { databases, .. } = taken.manifest.content else { panic!("no content") };
    let counter = databases[0].tables.iter().find(|table| table.name == "public.counter").unwrap();
    assert_eq!(counter.digest, "1000 called");
}

/// Locks a table, so that `pg_dump` waits for it.
async fn hold(client: &tokio_postgres::Client) {
    client.batch_execute("CREATE TABLE held (id int)").await.unwrap();
    client.batch_execute("BEGIN; LOCK TABLE held").await.unwrap();
}

/// Waits until something in this database waits for a lock.
async fn waits_for_lock(fresh: &Fresh) {
    let client = fresh.connect().await.unwrap();
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let waiting = async {
        while client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("nothing ever waited");
}

#[tokio::test]
async fn a_base_backup_is_whole_and_says_why_its_content_is_not_told() {
    let (_fresh, folder, request) = some().await;
    // A server of its own: the WAL of what other tests write would have to be kept for as long as the copy takes.
    let server = Server::start(Options::default()).await.unwrap();
    let done = backup(&server.config("postgres"), Kind::Physical, &request, |_| ()).await.unwrap();
    let Done::Taken(taken) = done else { panic!("it was there already") };
    let Taken { manifest, .. } = *taken;
    let Content::No { reason } = &manifest.content else { panic!("content of a base backup") };
    assert!(reason.contains("pg_verifybackup"), "{reason}");
    assert_eq!(manifest.form, Form::BaseBackup);
    let chosen = request.store.choose("app", &Choice::Newest).await.unwrap().artifact;
    let fetched = request.store.fetch(&chosen, folder.path(), |_| ()).await.unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let unpacked =
        Command::new("tar").args(["--zstd", "-xf"]).arg(&fetched.path).arg("-C").arg(&data).status();
    assert!(unpacked.unwrap().success());
    let tool = server.installation().program("pg_verifybackup");
    assert!(Command::new(tool).arg("-q").arg(&data).status().unwrap().success());
}

#[tokio::test]
async fn only_one_backup_of_a_job_runs_at_a_time() {
    let (fresh, folder, request) = some().await;
    let holder = fresh.connect().await.unwrap();
    holder.execute("SELECT pg_advisory_lock($1)", &[&lock_key("app")]).await.unwrap();
    let error = backup(&fresh.config(), Kind::Logical, &request, |_| ()).await.unwrap_err();
    assert!(error.to_string().contains("another backup of"), "{error}");
    assert_eq!(files(&folder), Vec::<String>::new());
    // Another job of the same database is another matter.
    let other = Request { job: "other".into(), ..request.clone() };
    taken(&fresh, Kind::Logical, &other).await;
    drop(holder);
}

#[tokio::test]
async fn what_was_due_and_is_there_is_not_taken_again() {
    let (fresh, folder, mut request) = some().await;
    request.due = Some(OffsetDateTime::now_utc());
    let first = taken(&fresh, Kind::Logical, &request).await;
    let done = backup(&fresh.config(), Kind::Logical, &request, |_| ()).await.unwrap();
    assert_eq!(done, Done::Already(first.manifest.artifact));
    request.due = Some(OffsetDateTime::now_utc());
    taken(&fresh, Kind::Logical, &request).await;
    assert_eq!(files(&folder).len(), 4);
}

#[tokio::test]
async fn only_so_many_are_kept_and_never_fewer_than_one() {
    let (fresh, folder, mut request) = some().await;
    request.keep = NonZeroUsize::new(2);
    let mut names = Vec::new();
    for _ in 0..3 {
        names.push(taken(&fresh, Kind::Logical, &request).await.manifest.artifact);
    }
    let kept: Vec<_> =
        request.store.artifacts("app").await.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(kept, [names[2].clone(), names[1].clone()]);
    assert_eq!(files(&folder).len(), 4);
}

#[tokio::test]
async fn one_that_is_stopped_or_late_leaves_nothing() {
    let (fresh, folder, request) = some().await;
    let client = fresh.connect().await.unwrap();
    hold(&client).await;
    let stopper = async {
        waits_for_lock(&fresh).await;
        request.stop.cancel();
    };
    let config = fresh.config();
    let (stopped, ()) = tokio::join!(backup(&config, Kind::Logical, &request, |_| ()), stopper);
    assert!(matches!(stopped, Err(BackupError::Stopped)), "{stopped:?}");
    let late =
        Request { limit: Duration::from_millis(1500), stop: CancellationToken::new(), ..request.clone() };
    let late = backup(&fresh.config(), Kind::Logical, &late, |_| ()).await;
    assert!(matches!(late, Err(BackupError::Late { .. } | BackupError::Digest(_))), "{late:?}");
    assert_eq!(files(&folder), Vec::<String>::new());
}

#[tokio::test]
async fn one_whose_connection_breaks_leaves_nothing() {
    let (fresh, folder, request) = some().await;
    let client = fresh.connect().await.unwrap();
    hold(&client).await;
    let config = fresh.config();
    let breaker = async {
        waits_for_lock(&fresh).await;
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks
            WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 1);
    };
    let (broken, ()) = tokio::join!(backup(&config, Kind::Logical, &request, |_| ()), breaker);
    assert!(matches!(broken, Err(BackupError::Lost)), "{broken:?}");
    assert_eq!(files(&folder), Vec::<String>::new());
}

#[tokio::test]
async fn a_program_that_fails_half_way_or_writes_something_else_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    let magic = Magic { bytes: b"PGDMP", what: "a custom-format dump" };
    let cases = [
        (
            "printf PGDMP; head -c 9000000 /dev/zero; echo 'disk on fire' >&2; exit 1",
            "exit code 1: disk on fire",
        ),
        ("printf PGDMP; kill -KILL $$", "ended with signal 9"),
        ("echo 'no dump'", "(8 bytes) does not begin as a custom-format dump does"),
        ("exit 0", "(0 bytes) does not begin"),
        ("printf PGDMP; exec sleep 300", "took longer than"),
    ];
    for (script, says) in cases {
        let stand_in = StandIn::new("pg_dump", script);
        let command = Tool::new(&stand_in.tool(), Duration::from_secs(5));
        let name = "app/20261123T030000Z-00000000.dump";
        let streamed = stream(command, &store, name, magic, |_| (), std::future::pending()).await;
        let error = streamed.unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
        assert_eq!(files(&folder), Vec::<String>::new(), "{says}");
    }
    let stand_in = StandIn::new("pg_dump", "printf PGDMP; head -c 20000000 /dev/zero; echo 'a warning' >&2");
    let command = Tool::new(&stand_in.tool(), LIMIT);
    let name = "app/20261123T030000Z-00000000.dump";
    let streamed = stream(command, &store, name, magic, |_| (), std::future::pending()).await.unwrap();
    assert_eq!(
        (streamed.stored.bytes, streamed.end.messages.lines),
        (20_000_005, vec!["a warning".to_owned()])
    );
}

#[tokio::test]
async fn one_dated_in_the_future_keeps_no_other_from_being_taken() {
    let (fresh, folder, mut request) = some().await;
    let Taken { mut manifest, .. } = taken(&fresh, Kind::Logical, &request).await;
    manifest.snapshot_at += time::Duration::days(1);
    request.store.put_manifest(&manifest).await.unwrap();
    request.due = Some(OffsetDateTime::now_utc());
    taken(&fresh, Kind::Logical, &request).await;
    assert_eq!(files(&folder).len(), 4);
}
