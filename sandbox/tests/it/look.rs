//! Looking at processes and folders from outside.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Far above what anything here takes: a busy machine must not turn a test red.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A folder in memory, where there is one, that a server's account may enter.
pub(crate) fn place() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let place = tempfile::Builder::new().prefix("sabot-it-").tempdir_in(parent).unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    place
}

/// Whether a process runs; one that is dead and only waits to be reaped does not.
pub(crate) fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| Some(!stat.rsplit_once(") ")?.1.starts_with(['Z', 'X'])))
        .unwrap_or(false)
}

/// Processes whose current folder lies in this one.
pub(crate) fn processes_in(folder: &Path) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| runs(*pid))
        .filter(|pid| {
            let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            // The kernel marks a folder that was removed: "/path (deleted)".
            cwd.starts_with(folder)
        })
        .collect()
}

/// The System V segments of this machine.
pub(crate) fn segments() -> Vec<u32> {
    let table = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    table.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)?.parse().ok()).collect()
}

/// The System V segment that a server says is its own.
pub(crate) fn segment_of(data: &Path) -> u32 {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
    text.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Waits for something that nobody announces.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The sandboxes in a place.
pub(crate) fn sandboxes(place: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).collect()
}
