//! Whole runs, however they end: nothing is left behind, and what went wrong is said.

use super::running::{Running, folders_of, kill, look_for, nothing_is_left};
use sabot_engine::{Outcome, Record};
use sabot_target::Target;
use std::collections::BTreeSet;
use std::path::Path;

fn platform() -> (Running, BTreeSet<u32>) {
    let mut running = Running::start(&["platform"]);
    running.until(&["Ctrl-C takes it down"]);
    let started = running.descendants();
    assert!(!folders_of(running.id()).is_empty(), "the server's folder is there while it runs");
    (running, started)
}

#[test]
fn after_an_interruption_nothing_is_left() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let (mut running, started) = platform();
        running.signal(signal);
        assert_eq!(running.end().0.code(), Some(code));
        nothing_is_left(&started, running.id());
    }
}

#[test]
fn after_a_kill_nothing_is_left() {
    let (mut running, started) = platform();
    running.signal("-KILL");
    running.end();
    nothing_is_left(&started, running.id());
}

#[test]
fn a_run_that_is_interrupted_says_what_it_did_not_verify() {
    let mut running = Running::start(&["run", "readiness.matrix", "readiness.latency", "--lanes", "1"]);
    running.until(&["readiness.matrix"]);
    let started = running.descendants();
    running.signal("-INT");
    let (status, text) = running.end();
    assert_eq!(status.code(), Some(130), "{text}");
    assert!(
        text.contains("readiness.latency: interrupted") && text.contains("interrupted by signal 2"),
        "{text}"
    );
    nothing_is_left(&started, running.id());
}

/// A sabotage that lasts: its check takes seconds, so that much can happen while it is on.
const LASTING: &str = "readiness.criticality/api-brevo-critical";

/// Starts a proof, its record going to `record`, and returns as soon as the check runs on a sabotaged target.
fn sabotaged(record: &Path) -> Running {
    let report = format!("json={}", record.display());
    let args = ["prove", "readiness.criticality", "--sabotage", LASTING, "--lanes", "1", "--report", &report];
    let mut running = Running::start(&args);
    running.until(&["sabotage", LASTING]);
    let lever = Target::embedded().readiness.levers.critical.unwrap();
    let (name, value) = lever.pull("api", &["brevo"], "true");
    let setting = format!("{name}={value}");
    let turned = |pid: &u32| {
        let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split('\0').any(|variable| variable == setting)
    };
    look_for("a check of a sabotaged target", || {
        // One is the lane's; the check starts further ones of every service.
        let on = running.processes_of("sabot-api").iter().filter(|pid| turned(pid)).count() > 1;
        (on && running.processes_of("sabot-worker").len() > 1).then_some(())
    });
    running
}

fn read(record: &Path) -> Record {
    serde_json::from_str(&std::fs::read_to_string(record).unwrap()).unwrap()
}

#[test]
fn a_proof_that_is_interrupted_leaves_no_sabotage() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("record.json");
    let mut running = sabotaged(&json);
    let started = running.descendants();
    running.signal("-TERM");
    let (status, text) = running.end();
    assert_eq!(status.code(), Some(143), "{text}");
    nothing_is_left(&started, running.id());
    let record = read(&json);
    assert_eq!(record.interrupted, Some(15));
    assert!(record.proofs.iter().all(|proof| proof.outcome != Outcome::Proved), "{:?}", record.proofs);
}

#[test]
fn a_service_killed_in_the_middle_of_a_proof_leaves_no_sabotage_and_the_proof_ends() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("record.json");
    let mut running = sabotaged(&json);
    let started = running.descendants();
    for worker in running.processes_of("sabot-worker") {
        kill("-KILL", worker);
    }
    let (status, text) = running.end();
    // What it showed depends on what the killed one was needed for at that moment; that it ends does not.
    assert!(matches!(status.code(), Some(0..=2)), "{text}");
    nothing_is_left(&started, running.id());
    assert!(read(&json).proofs.iter().any(|proof| proof.sabotage == LASTING), "{text}");
}

#[test]
fn postgresql_killed_in_the_middle_leaves_checks_unverified_and_the_run_ends() {
    let mut running = Running::start(&["run", "readiness.latency", "--lanes", "1"]);
    running.until(&["profile"]);
    let postmaster = postmaster(&running);
    let started = running.descendants();
    kill("-KILL", postmaster);
    let (status, text) = running.end();
    assert!(matches!(status.code(), Some(1 | 2)), "{text}");
    assert!(text.contains("1 checks: "), "{text}");
    nothing_is_left(&started, running.id());
}

/// Waits for the services of the run's first lane and returns its database server's process.
fn postmaster(running: &Running) -> u32 {
    let command_line =
        |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    look_for("the server and the services of a lane", || {
        let all = running.descendants();
        let server = all.iter().find(|pid| command_line(pid).contains("/postgres\0-D"));
        let up = !running.processes_of("sabot-worker").is_empty();
        server.copied().filter(|_| up)
    })
}

#[test]
fn two_runs_side_by_side_do_not_disturb_each_other() {
    let mut runs = [(); 2].map(|()| Running::start(&["run", "readiness.matrix", "readiness.envelope"]));
    for run in &mut runs {
        let (status, text) = run.end();
        assert_eq!(status.code(), Some(0), "{text}");
        assert!(text.contains("2 checks: 2 passed"), "{text}");
    }
}
