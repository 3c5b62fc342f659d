//! A running program: its output is read, it is never waited for without end, and it does not outlive its test.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// The longest that a program may say nothing, and that anything else here is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
    errors: File,
    seen: String,
    /// Told of each line; the watchdog stands down when it goes.
    watchdog: Option<Sender<()>>,
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_program(Path::new(env!("CARGO_BIN_EXE_sabot")), args, &[])
    }

    pub(crate) fn start_program(program: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let errors = tempfile::tempfile().unwrap();
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors.try_clone().unwrap())
            .env_remove("SABOT_LOG")
            .envs(env.iter().copied());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let watchdog = Some(watchdog(child.id()));
        Self { child, lines, errors, seen: String::new(), watchdog }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads on until a line holds each of `texts`.
    pub(crate) fn until(&mut self, texts: &[&str]) {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "it ended before it said {texts:?}:\n{}", self.seen);
            if texts.iter().all(|text| line.contains(text)) {
                return;
            }
        }
    }

    /// The next line; empty at the end.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        self.seen.push_str(&line);
        if let Some(watchdog) = &self.watchdog {
            // An error only says that the watchdog has done its work.
            watchdog.send(()).ok();
        }
        line
    }

    pub(crate) fn signal(&self, signal: &str) {
        kill(signal, self.child.id());
    }

    /// How it ended, with all of its output.
    pub(crate) fn end(&mut self) -> (ExitStatus, String) {
        while !self.line().is_empty() {}
        let status = self.child.wait().unwrap();
        self.watchdog = None;
        (status, self.seen.clone())
    }

    /// What it said on standard error, once it has ended.
    pub(crate) fn errors(&mut self) -> String {
        let mut errors = String::new();
        self.errors.rewind().unwrap();
        self.errors.read_to_string(&mut errors).unwrap();
        errors
    }

    /// Everything that it started, and what those started.
    pub(crate) fn descendants(&self) -> BTreeSet<u32> {
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

    /// Those of its descendants that run `program`: the program itself, not what holds its leash.
    pub(crate) fn processes_of(&self, program: &str) -> Vec<u32> {
        let runs = |pid: &u32| {
            let executable = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            executable.file_name().is_some_and(|name| name == program)
        };
        self.descendants().into_iter().filter(runs).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watchdog = None;
        // What it started hangs on its leash and goes with it. An error only says that it has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Kills a program that has said nothing for as long as [`PATIENCE`], so that a hang is a failure.
fn watchdog(pid: u32) -> Sender<()> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        loop {
            match told.recv_timeout(PATIENCE) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("process {pid} said nothing for {PATIENCE:?}: it is killed");
                    return kill("-KILL", pid);
                }
            }
        }
    });
    tell
}

pub(crate) fn kill(signal: &str, pid: u32) {
    let status = Command::new("kill").args([signal, &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill {signal} {pid}");
}

/// Looks until there is `something`; for what no event tells of.
pub(crate) fn look_for<T>(what: &str, mut something: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = something() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
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
pub(crate) fn folders_of(owner: u32) -> Vec<PathBuf> {
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

/// Fails unless every process of `started` and every folder of `owner` goes within [`PATIENCE`].
pub(crate) fn nothing_is_left(started: &BTreeSet<u32>, owner: u32) {
    assert!(started.len() > 6, "guardians, services and a server were running: {started:?}");
    gone(started, owner);
}

/// The same of whatever was started, be it little.
pub(crate) fn gone(started: &BTreeSet<u32>, owner: u32) {
    look_for(&format!("the end of {started:?} and of the folders of {owner}"), || {
        let alive: BTreeSet<_> = parents().into_iter().map(|(pid, _)| pid).collect();
        (started.is_disjoint(&alive) && folders_of(owner).is_empty()).then_some(())
    });
}
