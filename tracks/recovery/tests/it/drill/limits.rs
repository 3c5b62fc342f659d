//! What a drill refuses before it restores, and the limits by which it judges.

use super::source::{base, file, folder, made, run, shop};
use super::{began, drill, drill_with, failed_by, of_file, passed, request};
use sabot_recovery::drill::postgres::{self, Options};
use sabot_recovery::manifest::{Content, Engine, Form};
use sabot_recovery::report::{Class, Event, Outcome, Phase};
use std::sync::Arc;
use std::time::Duration;
use time::ext::NumericalDuration as _;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_extension_is_named_before_the_restore_starts() {
    let folder = folder();
    let plain = String::from_utf8(run("pg_dump", &["shop"]).await).unwrap();
    let needs =
        plain.replace("CREATE EXTENSION IF NOT EXISTS pg_trgm", "CREATE EXTENSION IF NOT EXISTS lacking");
    let (report, events) =
        drill_with(&of_file(&file(&folder, "x", needs.as_bytes())), &Options::default()).await;
    assert_eq!(failed_by(&report, Class::Preflight).subject, "extension lacking");
    assert!(!began(&events, Phase::Restore));
    let mut made = shop().await;
    made.change(|manifest| {
        let Content::Yes { databases, .. } = &mut manifest.content else { panic!("no content") };
        databases[0].extensions.insert("absent".into(), "1".into());
    })
    .await;
    let (report, events) = drill_with(&request(made.newest()), &Options::default()).await;
    assert_eq!(failed_by(&report, Class::Preflight).subject, "extension absent");
    assert!(!began(&events, Phase::Restore));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_room_is_named_before_the_restore_starts() {
    let mut made = shop().await;
    made.change(|manifest| manifest.source_bytes = 1 << 60).await;
    let (report, events) = drill_with(&request(made.newest()), &Options::default()).await;
    let problem = failed_by(&report, Class::Preflight);
    assert!(problem.subject == "disk" && problem.message.contains("MiB are needed"), "{problem:?}");
    assert!(!began(&events, Phase::Restore) && !began(&events, Phase::Server));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_source_than_any_server_here_is_named() {
    let mut made = shop().await;
    made.change(|manifest| manifest.server_version = "99.1".into()).await;
    let problem = drill(&request(made.newest())).await;
    assert!(failed_by(&problem, Class::Preflight).message.contains("postgresql-99"));
    let folder = folder();
    let plain = String::from_utf8(run("pg_dump", &["shop"]).await).unwrap();
    let newer = plain.replacen("-- Dumped from database version 1", "-- Dumped from database version 9", 1);
    let report = drill(&of_file(&file(&folder, "x", newer.as_bytes()))).await;
    assert_eq!(failed_by(&report, Class::Preflight).subject, "version");
}

#[tokio::test(flavor = "multi_thread")]
async fn tablespaces_are_refused_by_name() {
    let folder = folder();
    let plain = String::from_utf8(run("pg_dump", &["shop"]).await).unwrap();
    let with = plain.replacen("CREATE TYPE", "CREATE TABLESPACE fast LOCATION '/srv/fast';\nCREATE TYPE", 1);
    let report = drill(&of_file(&file(&folder, "x", with.as_bytes()))).await;
    assert_eq!(failed_by(&report, Class::Preflight).subject, "tablespace fast");
}

#[tokio::test(flavor = "multi_thread")]
async fn smoke_queries_must_answer_and_neither_false_nor_null() {
    let made = shop().await;
    let mut wanted = request(made.newest());
    let bad = [
        ("SELECT false", "false"),
        ("SELECT NULL::int", "null"),
        ("SELECT 1 WHERE false", "no row"),
        ("SELECT 1 FROM lacking", "does not exist"),
    ];
    wanted.smoke = bad.iter().map(|(query, _)| (*query).to_owned()).collect();
    wanted.smoke.push("SELECT 0".into());
    let report = drill(&wanted).await;
    assert_eq!(report.outcome, Outcome::Failed);
    let found: Vec<_> = report.problems.iter().map(|problem| (problem.class, &*problem.subject)).collect();
    assert_eq!(found, bad.map(|(query, _)| (Class::Smoke, query)));
    for (problem, (_, words)) in report.problems.iter().zip(bad) {
        assert!(problem.message.contains(words), "{problem:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_too_slow_or_of_the_future_fails_by_its_limit() {
    let mut made = shop().await;
    let mut wanted = request(made.newest());
    wanted.rto = Duration::from_millis(1);
    failed_by(&drill(&wanted).await, Class::Slow);
    for shift in [-31.hours(), 1.hours()] {
        let before = made.manifest.snapshot_at;
        made.change(|manifest| manifest.snapshot_at += shift).await;
        failed_by(&drill(&request(made.newest())).await, Class::Stale);
        made.change(|manifest| manifest.snapshot_at = before).await;
    }
    passed(&drill(&request(made.newest())).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_of_another_engine_or_half_written_is_none() {
    let mut made = shop().await;
    let path = made.path();
    let younger = path.with_file_name("29990101T000000Z-00000000.dump");
    std::fs::copy(&path, &younger).unwrap();
    let report = drill(&request(made.newest())).await;
    assert!(failed_by(&report, Class::Manifest).message.contains("half-written"), "{report:#?}");
    std::fs::remove_file(&younger).unwrap();
    made.change(|manifest| manifest.engine = Engine::Mongo).await;
    assert!(failed_by(&drill(&request(made.newest())).await, Class::Manifest).message.contains("mongo"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_backup_without_digests_is_unverified_until_a_query_vouches_for_it() {
    let mut made = made(&base().await, Form::BaseBackup, &[]).await;
    made.change(|manifest| manifest.content = Content::No { reason: "no digests were taken".into() }).await;
    let report = drill(&request(made.newest())).await;
    assert_eq!((report.outcome, &report.problems[..]), (Outcome::Unverified, &[][..]), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_that_is_stopped_in_any_phase_says_so_and_removes_its_server() {
    let made = shop().await;
    for at in [Phase::Fetch, Phase::Server, Phase::Restore, Phase::Verify, Phase::Smoke] {
        let stop = CancellationToken::new();
        let told = stop.clone();
        let listener = Arc::new(move |event: &Event| {
            if *event == (Event::Began { phase: at }) {
                told.cancel();
            }
        });
        let mut wanted = request(made.newest());
        wanted.smoke = vec!["SELECT pg_sleep(60)".into()];
        let report = postgres::drill(&wanted, &Options::default(), listener, &stop).await;
        failed_by(&report, Class::Interrupted);
        let others: Vec<_> = report.problems.iter().filter(|one| one.class != Class::Interrupted).collect();
        assert!(others.is_empty(), "stopped in {at}: {report:#?}");
    }
}
