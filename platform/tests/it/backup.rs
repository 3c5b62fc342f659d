//! The worker's own backups: taken when due, once whatever the number of workers, and never half.

use std::collections::BTreeSet;
use std::path::Path;

use sabot_sandbox::leash::{Exit, Signal};
use sabot_sandbox::postgres::Fresh;
use serde_json::Value;
use tokio::time::{Duration, Instant, sleep};

use crate::database::{migrated, request_waits};
use crate::process::{PATIENCE, Process, TOKEN, WORKER, printed, run};

/// How often a backup is due in these tests, in seconds: longer than one takes on a busy machine.
const EVERY: i64 = 4;

async fn worker(database: &Fresh, store: &Path, settings: &[(&str, &str)]) -> Process {
    let (url, store, every) = (database.url(), store.display().to_string(), format!("{EVERY}s"));
    let own = [
        ("SABOT_DATABASE_URL", url.as_str()),
        ("SABOT_BACKUP_STORE", store.as_str()),
        ("SABOT_BACKUP_EVERY", every.as_str()),
    ];
    Process::start(WORKER, &[&own[..], settings].concat()).await
}

/// The manifests in the store, in the order of their names.
fn manifests(store: &Path) -> Vec<Value> {
    let entries = std::fs::read_dir(store.join("platform")).map(|entries| entries.flatten().collect());
    let entries: Vec<std::fs::DirEntry> = entries.unwrap_or_default();
    let mut names: Vec<_> = entries.iter().map(std::fs::DirEntry::path).collect();
    names.retain(|name| name.to_string_lossy().ends_with(".manifest.json"));
    names.sort();
    names.iter().map(|name| serde_json::from_slice(&std::fs::read(name).unwrap()).unwrap()).collect()
}

/// For which due time it was taken.
fn due(manifest: &Value) -> i64 {
    let format = &time::format_description::well_known::Rfc3339;
    let at = time::OffsetDateTime::parse(manifest["snapshot_at"].as_str().unwrap(), format).unwrap();
    at.unix_timestamp().div_euclid(EVERY)
}

/// Waits until the service's metrics hold this, or what begins so.
async fn metric(process: &Process, wanted: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = process.raw("/metrics").await;
        if text.lines().any(&wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "never in:\n{text}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn two_workers_take_one_backup_each_time_it_is_due_and_both_tell_its_age() {
    let (database, store) = (migrated().await, tempfile::tempdir().unwrap());
    let workers = [worker(&database, store.path(), &[]).await, worker(&database, store.path(), &[]).await];
    let deadline = Instant::now() + PATIENCE;
    while manifests(store.path()).len() < 4 {
        assert!(Instant::now() < deadline, "only {} backups", manifests(store.path()).len());
        sleep(Duration::from_millis(50)).await;
    }
    let taken = manifests(store.path());
    let dues: BTreeSet<_> = taken.iter().map(due).collect();
    assert_eq!(dues.len(), taken.len(), "twice for one due time: {dues:?}");
    assert_eq!(
        dues.last().unwrap() - dues.first().unwrap() + 1,
        i64::try_from(dues.len()).unwrap(),
        "one is missing"
    );
    assert_eq!(taken[0]["content"]["taken"], "yes");
    let (name, job) = ("backup_last_success_timestamp_seconds{", "job=\"platform\"");
    for worker in &workers {
        metric(worker, |line| line.starts_with(name) && line.contains(job) && !line.ends_with(" 0")).await;
    }
    let log = format!("{}{}", workers[0].log(), workers[1].log());
    assert!(log.contains("a backup was taken") && !log.contains("no backup was taken"), "{log}");
    assert!(!log.contains(&database.url()), "{log}");
}

#[tokio::test]
async fn a_signal_ends_a_running_backup_and_nothing_is_left_of_it() {
    let (database, store) = (migrated().await, tempfile::tempdir().unwrap());
    let holder = database.connect().await.unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE teams").await.unwrap();
    let worker = worker(&database, store.path(), &[]).await;
    request_waits(&database).await;
    let began = Instant::now();
    worker.signal(Signal::TERM);
    assert_eq!(worker.exited().await, Exit::Code(0));
    assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
    let left = std::fs::read_dir(store.path().join("platform")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_backup_that_fails_is_counted_and_told() {
    let (database, store) = (migrated().await, tempfile::tempdir().unwrap());
    let holder = database.connect().await.unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE teams").await.unwrap();
    let worker = worker(&database, store.path(), &[("SABOT_BACKUP_LIMIT", "1s")]).await;
    worker.logs("no backup was taken").await;
    metric(&worker, |line| line.starts_with("backup_failures_total{") && !line.ends_with(" 0")).await;
    metric(&worker, |line| line.starts_with("backup_last_attempt_timestamp_seconds{")).await;
    assert!(!worker.raw("/metrics").await.contains("\nbackup_last_success_timestamp_seconds{"));
    assert!(!worker.log().contains(&database.url()));
}

#[tokio::test]
async fn backup_settings_that_cannot_work_are_refused() {
    for (name, value, says) in [
        ("SABOT_BACKUP_AT", "25:00", "\"25:00\" is no time of day; give hours and minutes, such as 03:00"),
        ("SABOT_BACKUP_EVERY", "2", "--backup-every (SABOT_BACKUP_EVERY): \"2\" has no unit"),
        ("SABOT_BACKUP_JOB", "../up", "\"../up\" is no name of a job; use letters"),
        (
            "SABOT_BACKUP_KEEP",
            "0",
            "--backup-keep (SABOT_BACKUP_KEEP): \"0\" is no such number; give 1 or more",
        ),
        ("SABOT_BACKUP_LIMIT", "0s", "is zero"),
        ("SABOT_BACKUP_STORE", "gs://canary:canary@bucket", "its scheme is not known"),
    ] {
        let output = run(WORKER, &[], &[("SABOT_SERVICE_TOKEN", TOKEN), (name, value)]).await;
        let text = printed(&output);
        assert!(output.status.code() == Some(3) && text.contains(says), "{says}: {text}");
        assert!(!text.contains("canary"), "{text}");
    }
}
