//! Whole runs, however they end: nothing is left behind, and what went wrong is said.

use super::program::sabot;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The longest that anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running program whose output is read, and which does not outlive its test.
struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    seen: String,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        Self::start_program(Path::new(env!("CARGO_BIN_EXE_sabot")), args)
    }

    fn start_program(program: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .env_remove("SABOT_LOG");
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines, seen: String::new() }
    }

    /// Reads on until a line holds `text`.
    fn until(&mut self, text: &str) {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended before it said `{text}`:\n{}", self.seen);
            self.seen.push_str(&line);
            if line.contains(text) {
                return;
            }
        }
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// The rest of its output and how it ended.
    fn end(&mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        self.seen.push_str(&rest);
        (self.child.wait().unwrap(), self.seen.clone())
    }

    /// Everything that it started, and what those started.
    fn descendants(&self) -> BTreeSet<u32> {
        let parents = parents();
        let mut found = BTreeSet::from([self.child.id()]);
        loop {
            let more: BTreeSet<_> =
                parents.iter().filter(|(_, parent)| found.contains(parent)).map(|(pid, _)| *pid).collect();
            if more.is_subset(&found) {
                found.remove(&self.child.id());
                return found;
            }
            found.extend(more);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What it started hangs on its leash and goes with it. An error only says that it has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Every process and its parent; what has ended in the meantime is left out, and so are zombies.
fn parents() -> Vec<(u32, u32)> {
    let processes = std::fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit(") ").next()?.split(' ');
        (fields.next()? != "Z").then_some(())?;
        Some((pid, fields.next()?.parse().ok()?))
    })
    .collect()
}

/// Sandbox folders that name `owner` in their label.
fn folders_of(owner: u32) -> Vec<PathBuf> {
    let places = [PathBuf::from("/dev/shm"), std::env::temp_dir()];
    let entries = places.iter().filter_map(|place| std::fs::read_dir(place).ok()).flatten();
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    folders
        .filter(|folder| {
            let label = std::fs::read_to_string(folder.join("sabot-sandbox.json")).unwrap_or_default();
            let label: serde_json::Value = serde_json::from_str(&label).unwrap_or_default();
            label["owner"]["pid"].as_u64() == Some(owner.into())
        })
        .collect()
}

/// Fails unless every process of `started` and every folder of `owner` goes within the patience of this file.
fn nothing_is_left(started: &BTreeSet<u32>, owner: u32) {
    assert!(started.len() > 6, "guardians, services and a server were running: {started:?}");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let alive: BTreeSet<_> = parents().into_iter().map(|(pid, _)| pid).collect();
        let left: Vec<_> = started.intersection(&alive).collect();
        let folders = folders_of(owner);
        if left.is_empty() && folders.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "left behind: processes {left:?}, folders {folders:?}");
        // There is no event for the end of a process that is not our child.
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn platform() -> (Running, BTreeSet<u32>) {
    let mut running = Running::start(&["platform"]);
    running.until("Ctrl-C takes it down");
    let started = running.descendants();
    assert!(!folders_of(running.child.id()).is_empty(), "the server's folder is there while it runs");
    (running, started)
}

#[test]
fn after_an_interruption_nothing_is_left() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let (mut running, started) = platform();
        running.signal(signal);
        assert_eq!(running.end().0.code(), Some(code));
        nothing_is_left(&started, running.child.id());
    }
}

#[test]
fn after_a_kill_nothing_is_left() {
    let (mut running, started) = platform();
    running.signal("-KILL");
    running.end();
    nothing_is_left(&started, running.child.id());
}

#[test]
fn a_run_that_is_interrupted_says_what_it_did_not_verify() {
    let mut running = Running::start(&["run", "readiness.matrix", "readiness.latency", "--lanes", "1"]);
    running.until("readiness.matrix");
    let started = running.descendants();
    running.signal("-INT");
    let (status, text) = running.end();
    assert_eq!(status.code(), Some(130), "{text}");
    assert!(
        text.contains("readiness.latency: interrupted") && text.contains("interrupted by signal 2"),
        "{text}"
    );
    nothing_is_left(&started, running.child.id());
}

#[test]
fn a_proof_that_is_interrupted_leaves_no_sabotage() {
    let args = ["prove", "readiness.matrix", "--sabotage", "*unconfigured*", "--lanes", "1"];
    let mut running = Running::start(&args);
    running.until("now each sabotage");
    let started = running.descendants();
    running.signal("-TERM");
    let (status, text) = running.end();
    assert_eq!(status.code(), Some(143), "{text}");
    nothing_is_left(&started, running.child.id());
}

#[test]
fn postgresql_killed_in_the_middle_leaves_checks_unverified_and_the_run_ends() {
    let mut running = Running::start(&["run", "readiness.matrix", "readiness.liveness", "--lanes", "1"]);
    running.until("profile");
    let postmaster = postmaster(&running);
    let started = running.descendants();
    let killed = Command::new("kill").args(["-KILL", &postmaster.to_string()]).status().unwrap();
    assert!(killed.success());
    let (status, text) = running.end();
    assert!(matches!(status.code(), Some(1 | 2)), "{text}");
    assert!(text.contains("2 checks: "), "{text}");
    nothing_is_left(&started, running.child.id());
}

/// Waits for the services of the run's first lane and returns its database server's process.
fn postmaster(running: &Running) -> u32 {
    let command_line =
        |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = running.descendants();
        let server = all.iter().find(|pid| command_line(pid).contains("/postgres\0-D"));
        let up = all.iter().filter(|pid| command_line(pid).contains("sabot-worker")).count() > 1;
        if let (Some(server), true) = (server, up) {
            return *server;
        }
        assert!(Instant::now() < deadline, "no lane was opened");
        std::thread::sleep(Duration::from_millis(10));
    }
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

#[test]
fn a_service_that_does_not_start_is_named_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let built = Path::new(env!("CARGO_BIN_EXE_sabot"));
    let program = folder.path().join("sabot");
    std::fs::copy(built, &program).unwrap();
    for service in ["sabot-api", "sabot-worker", "sabot-provisioner"] {
        // It says its version and migrates as the real one, and will not serve.
        let real = built.with_file_name(service);
        let refuses = "echo 'no memory for the frobnicator'; exit 1";
        let real = real.display();
        let script = format!("#!/bin/sh\n[ $# -gt 0 ] && exec {real} \"$@\"\n{refuses}\n");
        let path = folder.path().join(service);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let (status, text) = Running::start_program(&program, &["run", "readiness.matrix"]).end();
    assert_eq!(status.code(), Some(2), "{text}");
    assert!(text.contains("did not answer") && text.contains("no memory for the frobnicator"), "{text}");
}

#[test]
fn a_service_of_another_build_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("sabot");
    std::fs::copy(env!("CARGO_BIN_EXE_sabot"), &program).unwrap();
    let (status, text) = Running::start_program(&program, &["run", "readiness.matrix"]).end();
    assert_eq!(status.code(), Some(2), "{text}");
    assert!(text.contains("cargo build -p sabot-platform"), "{text}");
}

#[test]
fn a_report_is_the_record_and_holds_no_credential() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("record.json");
    let output = sabot(&["run", "readiness.matrix", "--report", &format!("json={}", json.display())]);
    assert_eq!(output.code, 0, "{}", output.text);
    let text = std::fs::read_to_string(&json).unwrap();
    let record: sabot_engine::Record = serde_json::from_str(&text).unwrap();
    assert_eq!((record.results.len(), record.version), (1, sabot_engine::VERSION));
    assert!(!text.contains("xkeysib-"), "{text}");
}
