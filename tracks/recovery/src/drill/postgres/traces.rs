//! What a drill leaves on the machine while it goes, so that its end can be judged.

use sabot_sandbox::postgres::{Held, MARK};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What a drill leaves on the machine while it goes.
#[derive(Debug, Default)]
pub(super) struct Traces(Mutex<Found>);

/// The same, for the last look.
#[derive(Debug, Default, Clone)]
pub(super) struct Found {
    pub(super) folder: Option<PathBuf>,
    id: String,
}

impl Traces {
    /// Notes a sandbox.
    pub(super) fn held(&self, held: &Held) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.folder = Some(held.folder().to_owned());
        held.id().clone_into(&mut found.id);
    }

    /// What was noted.
    pub(super) fn found(&self) -> Found {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Found {
    /// Processes that run from the sandbox's folder, or were started on its behalf.
    pub(super) fn processes(&self) -> Vec<String> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let mark = format!("{MARK}={}", self.id);
        let me = std::process::id();
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.filter(|pid| *pid != me && runs(*pid) && (is_in(*pid, folder) || is_marked(*pid, &mark)))
            .map(|pid| format!("{pid} ({})", name(pid)))
            .collect()
    }
}

/// One that has ended and only waits to be reaped does not run.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn is_in(pid: u32, folder: &Path) -> bool {
    // The kernel marks a folder that was removed: "/path (deleted)"; below it, the path begins the same.
    std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
}

fn is_marked(pid: u32, mark: &str) -> bool {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
}

fn name(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}
