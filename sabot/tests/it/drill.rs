//! `sabot drill postgres` as its users meet it: exit codes, what is shown, and that nothing is left, however it ends.

use super::program::{Output, sabot};
use super::running::{Running, folders_of, gone, kill};
use sabot_sandbox::postgres::{Installation, Options, SUPERUSER, Server};
use serde_json::Value;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// A dump that takes a second to restore, made once; its folder is removed by the system.
fn dump() -> &'static str {
    static DUMP: OnceLock<(TempDir, String)> = OnceLock::new();
    let (_, path) = DUMP.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.dump").display().to_string();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(make(&path));
        (folder, path)
    });
    path
}

async fn make(path: &str) {
    let server = Server::start(Options::default()).await.unwrap();
    server.create_database("shop").await.unwrap();
    let rows = "CREATE TABLE t AS SELECT n, md5(n::text) AS text FROM generate_series(1, 200000) n; \
                CREATE INDEX ON t (text); CREATE INDEX ON t (n)";
    server.connect("shop").await.unwrap().batch_execute(rows).await.unwrap();
    let dumped = Command::new(server.installation().program("pg_dump"))
        .args(["--format=custom", "--file", path, "--host=127.0.0.1", "--username", SUPERUSER, "--port"])
        .args([&server.port().to_string(), "shop"])
        .env("PGPASSWORD", server.password())
        .status()
        .unwrap();
    assert!(dumped.success());
    server.stop().await;
}

const GOOD: &str = "SELECT count(*) = 200000 FROM t";

fn drill(args: &[&str]) -> Output {
    let mut all = vec!["drill", "postgres"];
    all.extend(args);
    sabot(&all)
}

/// The report at the end of JSON lines.
fn report(text: &str) -> Value {
    let last = text.lines().last().unwrap_or_default();
    let value: Value = serde_json::from_str(last).unwrap();
    assert_eq!(value["event"], "report", "{text}");
    value
}

#[test]
fn the_exit_code_says_what_came_of_it() {
    let file = dump();
    let good = drill(&["--file", file, "--smoke", GOOD]);
    assert_eq!(good.code, 0, "{}\n{}", good.text, good.errors);
    assert!(
        good.text.contains("outcome      passed") && good.text.contains("1 tables, 200000 rows"),
        "{}",
        good.text
    );
    assert!(good.errors.contains("accepted") && good.errors.contains("restore"), "{}", good.errors);
    let unknown = drill(&["--file", file]);
    assert_eq!(unknown.code, 2, "{}", unknown.text);
    let bad = drill(&["--file", file, "--smoke", "SELECT false", "--format", "json"]);
    assert_eq!((bad.code, &report(&bad.text)["problems"][0]["class"]), (1, &"smoke".into()), "{}", bad.text);
    let nowhere = drill(&["--file", "/nowhere"]);
    assert_eq!(nowhere.code, 1);
    assert!(nowhere.text.contains("[store] /nowhere"), "{}", nowhere.text);
}

#[test]
fn bad_usage_is_said_before_anything_starts() {
    for args in [
        &["--smoke", GOOD][..],
        &["--job", "shop"],
        &["--job", "shop", "--file", "x"],
        &["--file", "x", "--rto", "5"],
        &["--job", "shop", "--store", "/nowhere/at/all"],
        &["--file", "x", "--sandbox-url", "postgresql://x"],
    ] {
        let output = drill(args);
        assert_eq!(output.code, 3, "{args:?}: {}", output.errors);
    }
}

#[test]
fn a_failed_drill_leaves_nothing() {
    let mut running = Running::start(&["drill", "postgres", "--file", dump(), "--smoke", "SELECT false"]);
    let id = running.id();
    let (status, text) = running.end();
    assert_eq!(status.code(), Some(1), "{text}");
    assert_eq!(folders_of(id), Vec::<PathBuf>::new());
}

/// Starts a drill and returns when this phase has begun.
fn at(phase: &str) -> Running {
    let args = ["drill", "postgres", "--file", dump(), "--smoke", "SELECT pg_sleep(60)", "--format", "json"];
    let mut running = Running::start(&args);
    running.until(&["began", phase]);
    running
}

#[test]
fn after_a_signal_in_any_phase_nothing_is_left_and_the_report_says_so() {
    dump();
    for (phase, signal, code) in
        [("server", "-INT", 130), ("restore", "-TERM", 143), ("verify", "-INT", 130), ("smoke", "-TERM", 143)]
    {
        let mut running = at(phase);
        let started = running.descendants();
        running.signal(signal);
        let (status, text) = running.end();
        assert_eq!(status.code(), Some(code), "{phase}: {text}");
        let classes: Vec<_> =
            report(&text)["problems"].as_array().unwrap().iter().map(|one| one["class"].clone()).collect();
        assert_eq!(classes, ["interrupted"], "{phase}: {text}");
        gone(&started, running.id());
    }
}

#[test]
fn after_a_kill_in_any_phase_nothing_is_left() {
    dump();
    for phase in ["server", "restore", "smoke"] {
        let mut running = at(phase);
        assert!(!folders_of(running.id()).is_empty(), "{phase}: the sandbox is there");
        let started = running.descendants();
        running.signal("-KILL");
        running.end();
        gone(&started, running.id());
    }
}

/// Drills with a program of this name first on PATH, which any account may run.
fn with_stand_in(name: &str, script: &str, args: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let everybody = || Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), everybody()).unwrap();
    std::fs::write(folder.path().join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(folder.path().join(name), everybody()).unwrap();
    // What makes a folder a server's.
    std::os::unix::fs::symlink(bin().join("initdb"), folder.path().join("initdb")).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let program = Path::new(env!("CARGO_BIN_EXE_sabot"));
    let mut all = vec!["drill", "postgres", "--file", dump(), "--format", "json"];
    all.extend(args);
    let mut running = Running::start_program(program, &all, &[("PATH", &path)]);
    let (status, text) = running.end();
    (status.code(), text)
}

fn bin() -> PathBuf {
    Installation::find().unwrap().bin
}

#[test]
fn a_restore_tool_that_loses_rows_and_exits_with_0_is_found_without_a_manifest() {
    // It restores, and then takes a row away.
    let script = format!(
        "bin={}\n\"$bin/pg_restore\" \"$@\" || exit\n\
         case \"$*\" in *--dbname=*) \"$bin/psql\" -q -d shop -c 'DELETE FROM t WHERE n = 1' ;; esac",
        bin().display()
    );
    // The query in haste says nothing.
    let (code, text) = with_stand_in("pg_restore", &script, &["--smoke", "SELECT 1"]);
    assert_eq!(code, Some(1), "{text}");
    let report = report(&text);
    let problem = &report["problems"][0];
    assert_eq!(
        (&problem["class"], &problem["subject"]),
        (&"content".into(), &"shop: public.t".into()),
        "{text}"
    );
}

#[test]
fn a_restore_tool_that_drops_its_errors_is_found() {
    // It restores nothing at all into the server, says nothing, and exits with 0.
    let script =
        format!("case \"$*\" in *--dbname=*) exit 0 ;; esac\nexec {}/pg_restore \"$@\"", bin().display());
    let (code, text) = with_stand_in("pg_restore", &script, &["--smoke", "SELECT 1"]);
    assert_eq!((code, &report(&text)["problems"][0]["class"]), (Some(1), &"content".into()), "{text}");
}

#[test]
fn a_teardown_that_is_prevented_is_seen() {
    // A server that leaves a process behind which no stop reaches.
    let script = format!("[ \"$1\" = -D ] && setsid -f sleep 30\nexec {}/postgres \"$@\"", bin().display());
    let (code, text) = with_stand_in("postgres", &script, &["--smoke", GOOD]);
    assert_eq!(code, Some(1), "{text}");
    let report = report(&text);
    let problem = &report["problems"][0];
    assert_eq!(problem["class"], "teardown", "{text}");
    let message = problem["message"].as_str().unwrap();
    assert!(message.contains("(sleep)"), "{text}");
    let pid = message.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    kill("-KILL", pid);
}
