//! Stores in a local folder.

use sabot_recovery::Manifest;
use sabot_recovery::manifest::{Content, Engine, FORMAT, Form};
use sabot_recovery::store::{Artifact, Choice, State, Store, Suffix, artifact_name, manifest_name};
use std::fs::{File, FileTimes};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("file://{}", folder.path().display())).unwrap();
    (folder, store)
}

/// A whole artifact whose snapshot is so many minutes old.
async fn put(store: &Store, minutes: i64, content: &[u8]) -> Manifest {
    let at = OffsetDateTime::now_utc() - time::Duration::minutes(minutes);
    let artifact = artifact_name("app", at, Suffix::Dump).unwrap();
    let mut upload = store.upload(&artifact).await.unwrap();
    for piece in content.chunks(3_000_000) {
        upload.write(piece).await.unwrap();
    }
    let stored = upload.finish().await.unwrap();
    let manifest = Manifest {
        format: FORMAT,
        artifact,
        job: "app".into(),
        engine: Engine::Postgres,
        form: Form::Custom,
        server_version: "15.1".into(),
        tools: Default::default(),
        snapshot_at: at,
        started_at: at,
        ended_at: at,
        bytes: stored.bytes,
        sha256: stored.sha256,
        source_bytes: 0,
        content: Content::No { reason: "none".into() },
    };
    store.put_manifest(&manifest).await.unwrap();
    manifest
}

async fn names(store: &Store) -> Vec<String> {
    store.artifacts("app").await.unwrap().into_iter().map(|artifact| artifact.name).collect()
}

async fn newest(store: &Store) -> Artifact {
    store.choose("app", &Choice::Newest).await.unwrap().artifact
}

/// Makes a file look so many hours old.
fn age(path: &Path, hours: u64) {
    let then = SystemTime::now() - Duration::from_secs(hours * 3600);
    File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(then)).unwrap();
}

#[tokio::test]
async fn what_is_stored_comes_back_hashed_and_in_the_order_of_its_data() {
    let (folder, store) = store();
    let large: Vec<u8> = (0..20_000_000_u32).map(|number| u8::try_from(number % 251).unwrap()).collect();
    let newer = put(&store, 1, &large).await;
    // Stored later, and older all the same.
    let older = put(&store, 60, b"").await;
    assert_eq!(names(&store).await, [newer.artifact.clone(), older.artifact.clone()]);
    assert_eq!(store.jobs().await.unwrap(), ["app"]);
    let seen = Arc::new(AtomicU64::new(0));
    let tell = Arc::clone(&seen);
    let progress = move |bytes| tell.store(bytes, Ordering::Relaxed);
    let fetched = store.fetch(&newest(&store).await, folder.path(), progress).await.unwrap();
    assert_eq!(
        (fetched.bytes, seen.load(Ordering::Relaxed), fetched.copied),
        (20_000_000, 20_000_000, false)
    );
    assert_eq!(std::fs::read(&fetched.path).unwrap(), large);
    let sum = std::process::Command::new("sha256sum").arg(&fetched.path).output().unwrap().stdout;
    assert!(String::from_utf8(sum).unwrap().starts_with(&fetched.sha256));
}

#[tokio::test]
async fn nothing_has_the_name_before_it_is_whole() {
    let (folder, store) = store();
    let name = artifact_name("app", OffsetDateTime::now_utc(), Suffix::Dump).unwrap();
    let mut upload = store.upload(&name).await.unwrap();
    upload.write(&vec![7; 9_000_000]).await.unwrap();
    assert_eq!(names(&store).await, Vec::<String>::new());
    upload.abort().await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("app")).unwrap().count(), 0);
    let upload = store.upload(&name).await.unwrap();
    upload.finish().await.unwrap();
    let artifacts = store.artifacts("app").await.unwrap();
    assert_eq!((artifacts[0].name.as_str(), &artifacts[0].state), (name.as_str(), &State::HalfWritten));
    let error = store.choose("app", &Choice::Newest).await.unwrap_err().to_string();
    assert!(error.contains("holds no artifact of job \"app\", only 1 half-written"), "{error}");
}

#[tokio::test]
async fn bytes_that_are_not_those_of_the_manifest_are_refused() {
    let (folder, store) = store();
    let manifest = put(&store, 1, b"some content").await;
    let path = folder.path().join(&manifest.artifact);
    for (bytes, says) in
        [(&b"Some content"[..], "its SHA-256 is"), (b"some", "it has 4 bytes, its manifest says 12")]
    {
        std::fs::write(&path, bytes).unwrap();
        let error = store.fetch(&newest(&store).await, folder.path(), |_| ()).await.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(newest(&store).await.state, State::Gone(_)));
}

#[tokio::test]
async fn a_manifest_that_is_not_its_own_is_named() {
    let (folder, store) = store();
    let (older, newer) = (put(&store, 60, b"older").await, put(&store, 1, b"newer").await);
    let manifest = folder.path().join(manifest_name(&newer.artifact));
    let good = std::fs::read_to_string(&manifest).unwrap();
    let swapped = std::fs::read_to_string(folder.path().join(manifest_name(&older.artifact))).unwrap();
    let cases = [
        (good[..good.len() / 2].to_owned(), "is not readable (EOF while parsing"),
        (good.replace("\"format\": 1", "\"format\": 2"), "is of form 2, and only form 1 is known"),
        (swapped, "is that of another artifact"),
        (good.replace("\"job\": \"app\"", "\"job\": \"other\""), "names another job, other"),
    ];
    for (text, says) in cases {
        std::fs::write(&manifest, text).unwrap();
        let chosen = newest(&store).await;
        // The older one, though whole, does not stand in for it.
        assert_eq!(chosen.name, newer.artifact);
        let State::Damaged { message } = chosen.state else { panic!("{says}: {:?}", chosen.state) };
        assert!(message.contains(says) && message.contains(&newer.artifact), "{message}");
    }
}

#[tokio::test]
async fn an_artifact_is_chosen_by_name_at_random_or_because_it_is_the_newest() {
    let (folder, store) = store();
    let (older, newer) = (put(&store, 60, b"older").await, put(&store, 1, b"newer").await);
    let half = folder.path().join("app/20260101T000000Z-00000000.dump");
    std::fs::write(&half, "half").unwrap();
    std::fs::write(folder.path().join("app/somebody.dump"), "else").unwrap();
    let chosen = store.choose("app", &Choice::Newest).await.unwrap();
    assert_eq!(chosen.artifact.name, newer.artifact);
    assert_eq!(chosen.passed_over.len(), 1, "{:?}", chosen.passed_over);
    let file = older.artifact.strip_prefix("app/").unwrap();
    for name in [older.artifact.as_str(), file] {
        let chosen = store.choose("app", &name.parse().unwrap()).await.unwrap();
        assert_eq!(chosen.artifact.manifest(), Some(&older));
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        seen.insert(store.choose("app", &Choice::Random).await.unwrap().artifact.name);
    }
    assert_eq!(seen, [older.artifact, newer.artifact].into());
    let error = store.choose("app", &Choice::Named("none".into())).await.unwrap_err().to_string();
    assert!(error.contains("holds no artifact \"none\" of job \"app\""), "{error}");
    let error = store.choose("typo", &Choice::Newest).await.unwrap_err().to_string();
    assert!(error.contains("of job \"typo\", but has the jobs app"), "{error}");
    assert!(store.artifacts("../up").await.is_err());
}

#[tokio::test]
async fn artifacts_of_somebody_else_are_found_by_pattern_and_stored_time() {
    let (folder, store) = store();
    std::fs::create_dir_all(folder.path().join("nightly/deep")).unwrap();
    for (name, hours) in
        [("nightly/a.sql.gz", 5), ("nightly/b.sql.gz", 1), ("nightly/deep/c.sql.gz", 0), ("d.sql.gz", 0)]
    {
        std::fs::write(folder.path().join(name), name).unwrap();
        age(&folder.path().join(name), hours);
    }
    put(&store, 1, b"ours").await;
    let found = async |pattern| {
        store.foreign(pattern).await.unwrap().into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    assert_eq!(found("nightly/*.sql.gz").await, ["nightly/b.sql.gz", "nightly/a.sql.gz"]);
    assert_eq!(found("**/*.sql.gz").await.len(), 4);
    assert_eq!(found("app/*").await.len(), 1, "no manifest is an artifact");
    assert!(store.foreign("[").await.unwrap_err().to_string().contains("is no pattern"));
}

#[tokio::test]
async fn retention_removes_what_is_old_and_nothing_that_it_does_not_know() {
    let (folder, store) = store();
    let kept = [put(&store, 1, b"1").await, put(&store, 2, b"2").await].map(|one| one.artifact);
    let old = [put(&store, 3, b"3").await, put(&store, 4, b"4").await].map(|one| one.artifact);
    let app = folder.path().join("app");
    let half = |name: &str, hours| {
        std::fs::write(app.join(name), "half").unwrap();
        age(&app.join(name), hours);
    };
    half("20260101T000000Z-00000001.dump", 25);
    half("20260101T000000Z-00000002.dump", 23);
    half("20260101T000000Z-00000003.dump#1", 25);
    half("20260101T000000Z-00000004.dump#1", 23);
    half("somebody.dump", 9999);
    half("somebody.dump#1", 9999);
    half("20260101T000000Z-00000005.dump", 9999);
    half("20260101T000000Z-00000005.dump.manifest.json", 9999);
    let retained = store.retain("app", NonZeroUsize::new(2).unwrap()).await.unwrap();
    assert_eq!(retained.old, old);
    assert_eq!(
        retained.abandoned,
        ["app/20260101T000000Z-00000001.dump", "app/20260101T000000Z-00000003.dump#1"]
    );
    let mut left: Vec<_> = std::fs::read_dir(&app)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left.len(), 10, "{left:?}");
    store.retain("app", NonZeroUsize::MIN).await.unwrap();
    assert_eq!(newest(&store).await.name, kept[0]);
}
