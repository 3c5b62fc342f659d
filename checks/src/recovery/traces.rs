//! What a drill has on this machine: processes, sandbox folders, listening ports; and what of it is left.

use sabot_sandbox::{Label, usual_places};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{read, read_dir, read_link, read_to_string};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// How often it is looked whether something has gone: nothing tells of the end of somebody else's process.
const LOOK: Duration = Duration::from_millis(20);

/// Processes, folders and ports that belong to one drill.
#[derive(Debug, Clone, Default)]
pub(super) struct Traces {
    drill: u32,
    mark: String,
    /// By number and start, so that a later one with the same number is not taken for it.
    processes: BTreeMap<(u32, u64), String>,
    folders: BTreeSet<PathBuf>,
    /// Listening sockets by their inode, each with its port.
    ports: BTreeMap<u64, u16>,
}

impl Traces {
    /// Everything that is there now: `drill` and what descends from it, what has `mark` in its environment, the sandboxes
    /// of which it is the owner, and what any of them listens on.
    pub(super) fn of(drill: u32, mark: &str) -> Self {
        let mut traces = Self { drill, mark: mark.to_owned(), ..Self::default() };
        traces.look();
        traces
    }

    /// Adds what is there now.
    pub(super) fn look(&mut self) {
        let all = processes();
        let mut own: BTreeSet<u32> = self.processes.keys().map(|(pid, _)| *pid).chain([self.drill]).collect();
        own.extend(all.iter().filter(|process| process.has(&self.mark)).map(|process| process.pid));
        // Children come after their parents only by chance.
        while let Some(child) =
            all.iter().find(|process| own.contains(&process.parent) && !own.contains(&process.pid))
        {
            own.insert(child.pid);
        }
        let listening = listening();
        for process in all.iter().filter(|process| own.contains(&process.pid)) {
            self.processes.insert((process.pid, process.started), process.command());
            let sockets = process.sockets().into_iter();
            self.ports.extend(sockets.filter_map(|inode| Some((inode, *listening.get(&inode)?))));
        }
        self.folders.extend(sandboxes(self.drill));
    }

    /// How many processes, folders and ports there were.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        (self.processes.len(), self.folders.len(), self.ports.len())
    }

    /// What is still there once `within` has passed; empty as soon as nothing is.
    pub(super) async fn left(mut self, within: Duration) -> Vec<String> {
        let deadline = Instant::now() + within;
        loop {
            let left = self.left_now();
            if left.is_empty() || Instant::now() >= deadline {
                return left;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn left_now(&mut self) -> Vec<String> {
        // What was started since, and is marked, counts too.
        self.look();
        let all = processes();
        let alive: BTreeSet<_> = all.iter().map(|process| (process.pid, process.started)).collect();
        let listening = listening();
        let processes = self.processes.iter().filter(|(key, _)| alive.contains(key));
        let processes = processes.map(|((pid, _), command)| format!("the process {pid}: {command}"));
        let folders = self.folders.iter().filter(|folder| folder.exists());
        let folders = folders.map(|folder| format!("the folder {}", folder.display()));
        let ports = self.ports.iter().filter(|(inode, _)| listening.contains_key(inode));
        let ports = ports.map(|(_, port)| format!("a listener on port {port}"));
        processes.chain(folders).chain(ports).collect()
    }
}

/// One process as `/proc` shows it.
struct Process {
    pid: u32,
    parent: u32,
    started: u64,
}

impl Process {
    /// Zombies count as gone: they only wait for their parent to look.
    fn of(pid: u32) -> Option<Self> {
        let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // Behind the program's name, which may hold spaces and brackets itself.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let started = fields.nth(17)?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some(Self { pid, parent, started })
    }

    fn has(&self, mark: &str) -> bool {
        let environment = read(format!("/proc/{}/environ", self.pid)).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    }

    fn command(&self) -> String {
        let line = read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        words.join(" ").chars().take(120).collect::<String>().trim_end().to_owned()
    }

    /// The inodes of its sockets.
    fn sockets(&self) -> Vec<u64> {
        let Ok(files) = read_dir(format!("/proc/{}/fd", self.pid)) else { return Vec::new() };
        let targets = files.flatten().filter_map(|file| read_link(file.path()).ok());
        let inode =
            |target: PathBuf| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
        targets.filter_map(inode).collect()
    }
}

fn processes() -> Vec<Process> {
    let Ok(entries) = read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::of).collect()
}

/// Every listening TCP socket: its inode and port.
fn listening() -> BTreeMap<u64, u16> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| read_to_string(table).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    let listener = |line: &str| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        // 0A is LISTEN.
        let (local, inode) = (fields.get(1)?, fields.get(9)?);
        let port = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
        (*fields.get(3)? == "0A").then_some((inode.parse().ok()?, port))
    };
    lines.filter_map(listener).collect()
}

/// The sandboxes whose owner is this process.
fn sandboxes(owner: u32) -> Vec<PathBuf> {
    let folders = usual_places().into_iter().filter_map(|place| read_dir(place).ok()).flatten().flatten();
    let owned = |folder: &PathBuf| Label::read(folder).is_ok_and(|label| label.owner.pid == owner);
    folders.map(|entry| entry.path()).filter(owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[tokio::test]
    async fn what_is_left_is_named_until_it_has_gone() {
        let mark = format!("SABOT_TRACE=test-{}", std::process::id());
        let (name, value) = mark.split_once('=').unwrap();
        let mut child =
            Command::new("sleep").arg("60").env(name, value).stdin(Stdio::null()).spawn().unwrap();
        // Its environment is ours until it has become the other program.
        let mut traces = Traces::of(u32::MAX, &mark);
        while traces.counts().0 == 0 {
            tokio::time::sleep(LOOK).await;
            traces.look();
        }
        let left = traces.clone().left(Duration::ZERO).await;
        assert!(matches!(left.as_slice(), [one] if one.contains("sleep 60")), "{left:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(traces.left(Duration::from_secs(5)).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_listener_is_left_as_long_as_it_listens() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listening().values().any(|listening| *listening == port));
        drop(listener);
        assert!(!listening().values().any(|listening| *listening == port));
    }
}
