//! Every form of artifact drills green, and is known by its content.

use super::source::{SHOP_ROWS, base, file, folder, made, run, shop, tar_of};
use super::{began, counted, drill, drill_with, of_file, passed, request};
use flate2::Compression;
use flate2::write::GzEncoder;
use sabot_recovery::drill::postgres::Options;
use sabot_recovery::drill::{Hold, Source};
use sabot_recovery::manifest::Form;
use sabot_recovery::report::{Event, Outcome, Phase, Verified};
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_ours_equals_its_manifest_in_every_table() {
    let made = shop().await;
    let mut wanted = request(made.newest());
    wanted.smoke = vec!["SELECT count(*) > 4000 FROM customer".into(), "SELECT 'f', name FROM adults".into()];
    let (report, events) = drill_with(&wanted, &Options::default()).await;
    passed(&report);
    assert!(matches!(report.content, Verified::Equal { tables, rows } if tables >= 5 && rows > SHOP_ROWS));
    assert!(report.rto_seconds.unwrap() > 0.0 && report.rpo_seconds.unwrap() < 60.0);
    assert_eq!(report.bytes, made.manifest.bytes);
    let phases: Vec<_> = report.phases.iter().map(|(phase, _)| *phase).collect();
    for phase in [Phase::Fetch, Phase::Server, Phase::Preflight, Phase::Restore, Phase::Verify, Phase::Smoke]
    {
        assert!(phases.contains(&phase) && began(&events, phase), "{phase}");
    }
    assert_eq!(phases.last(), Some(&Phase::Teardown));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_pg_dump_drills_as_it_is_and_packed() {
    let folder = folder();
    let at = folder.path().join("shop.d");
    run("pg_dump", &["--format=directory", "--file", at.to_str().unwrap(), "shop"]).await;
    let mut wanted = of_file(&at);
    wanted.smoke = vec!["SELECT 1".into()];
    let report = drill(&wanted).await;
    passed(&report);
    assert_eq!(counted(&report), (4, SHOP_ROWS));
    let made = made(&tar_of(&at), Form::Directory, &["shop"]).await;
    passed(&drill(&request(made.newest())).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_made_is_only_counted_whatever_it_is_called() {
    let folder = folder();
    let plain = run("pg_dump", &["shop"]).await;
    let artifacts = [
        ("custom.sql", run("pg_dump", &["--format=custom", "shop"]).await),
        ("tar.dump", run("pg_dump", &["--format=tar", "shop"]).await),
        ("plain.bin", plain.clone()),
        ("plain.zip", gzip(&plain)),
        ("plain.zst", zstd::encode_all(&plain[..], 1).unwrap()),
        ("custom.gz", gzip(&run("pg_dump", &["--format=custom", "shop"]).await)),
    ];
    for (name, bytes) in artifacts {
        let report = drill(&of_file(&file(&folder, name, &bytes))).await;
        assert_eq!(
            (report.outcome, &report.problems[..]),
            (Outcome::Unverified, &[][..]),
            "{name}: {report:#?}"
        );
        assert_eq!(counted(&report), (4, SHOP_ROWS), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_a_whole_cluster_that_drops_first_drills_green() {
    let folder = folder();
    for args in [&["--clean", "--if-exists"][..], &["--clean"], &[]] {
        let path = file(&folder, "all", &run("pg_dumpall", args).await);
        let mut wanted = of_file(&path);
        wanted.smoke = vec!["SELECT count(*) = 5000 FROM public.customer".into()];
        let options = Options { smoke_on: Some("shop".into()), sandbox: None };
        let (report, _) = drill_with(&wanted, &options).await;
        passed(&report);
        assert_eq!(counted(&report), (5, SHOP_ROWS + 7), "{args:?}");
        assert!(report.harmless.iter().any(|one| one.message.contains("already exists")), "{report:#?}");
        assert!(report.harmless.iter().all(|one| !one.reason.is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_backup_drills_packed_or_not() {
    let folder = folder();
    let tar = base().await;
    let zst = zstd::encode_all(&tar[..], 1).unwrap();
    for (name, bytes) in [("base", &tar), ("base.gz", &gzip(&tar)), ("base.zst", &zst)] {
        let mut wanted = of_file(&file(&folder, name, bytes));
        wanted.smoke = vec!["SELECT count(*) = 5000 FROM customer".into()];
        let options = Options { smoke_on: Some("shop".into()), sandbox: None };
        let (report, _) = drill_with(&wanted, &options).await;
        passed(&report);
        assert_eq!(counted(&report), (5, SHOP_ROWS + 7), "{name}");
    }
    let made = made(&zst, Form::BaseBackup, &["shop", "odd \"name"]).await;
    let report = drill(&request(made.newest())).await;
    passed(&report);
    assert!(matches!(report.content, Verified::Equal { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_a_base_backup_drills() {
    let folder = folder();
    for format in ["plain", "tar"] {
        let at = folder.path().join(format);
        let format = format!("--format={format}");
        run("pg_basebackup", &[&format, "--checkpoint=fast", "--pgdata", at.to_str().unwrap()]).await;
        let report = drill(&of_file(&at)).await;
        assert_eq!((report.outcome, &report.problems[..]), (Outcome::Unverified, &[][..]), "{report:#?}");
        assert_eq!(counted(&report), (5, SHOP_ROWS + 7));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_an_empty_database_has_nothing_to_lack() {
    let folder = folder();
    let report =
        drill(&of_file(&file(&folder, "e", &run("pg_dump", &["--format=custom", "empty"]).await))).await;
    assert_eq!((report.outcome, counted(&report)), (Outcome::Unverified, (0, 0)), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_that_matches_a_pattern_is_drilled() {
    let made = shop().await;
    let foreign = made.folder.path().join("nightly");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("b.dump"), std::fs::read(made.path()).unwrap()).unwrap();
    let pattern = |pattern: &str| Source::Pattern { store: made.store.clone(), pattern: pattern.into() };
    let report = drill(&request(pattern("nightly/*.dump"))).await;
    assert_eq!(report.artifact.as_deref(), Some("nightly/b.dump"), "{report:#?}");
    assert_eq!(report.outcome, Outcome::Unverified, "{report:#?}");
    let report = drill(&request(pattern("weekly/*"))).await;
    assert_eq!((report.outcome, report.artifact), (Outcome::Failed, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_server_can_be_looked_at_while_it_is_held() {
    let made = shop().await;
    let mut wanted = request(made.newest());
    let release = CancellationToken::new();
    wanted.hold = Some(Hold { at_most: Duration::from_secs(60), release: release.clone() });
    let (urls, mut told) = tokio::sync::mpsc::unbounded_channel();
    let listener = Arc::new(move |event: &Event| {
        if let Event::Held { url, .. } = event {
            urls.send(url.clone()).unwrap();
        }
    });
    let never = CancellationToken::new();
    let options = Options::default();
    let drilling = sabot_recovery::drill::postgres::drill(&wanted, &options, listener, &never);
    let looking = async {
        let url = told.recv().await.unwrap();
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let rows: i64 = client.query_one("SELECT count(*) FROM customer", &[]).await.unwrap().get(0);
        release.cancel();
        rows
    };
    let (report, rows) = tokio::join!(drilling, looking);
    passed(&report);
    assert_eq!(rows, 5000);
}
