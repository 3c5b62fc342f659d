//! The label on every sandbox: whose it is and how long it may stay.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The file that carries the label, in the sandbox's folder.
pub const LABEL_FILE: &str = "sabot-sandbox.json";

/// What `sabot-sandbox.json` says. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Sixteen hexadecimal digits, also in the folder's name.
    pub id: String,
    /// What it is, such as `postgres 15.18`.
    pub kind: String,
    /// The process that holds it.
    pub owner: Owner,
    /// When it was made.
    pub created_at: u64,
    /// When it may be removed although its owner lives.
    pub ends_at: u64,
}

/// A process, told apart from a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Process id.
    pub pid: u32,
    /// When it was started, in clock ticks since boot (`/proc/PID/stat`, field 22).
    pub started: u64,
    /// Which boot of the machine that was.
    pub boot: String,
    /// Which numbering of processes the id belongs to: containers may share a folder, but not that.
    pub pid_namespace: String,
}

impl Label {
    /// A label for something made now by this process.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn new(id: &str, kind: &str, held_for: Duration) -> io::Result<Self> {
        let created_at = now();
        let ends_at = created_at.saturating_add(held_for.as_secs());
        Ok(Self { id: id.to_owned(), kind: kind.to_owned(), owner: Owner::this()?, created_at, ends_at })
    }

    /// Writes the label into `folder`, whole or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let draft = folder.join(".label");
        std::fs::write(&draft, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(draft, folder.join(LABEL_FILE))
    }

    /// Reads the label of `folder`.
    ///
    /// # Errors
    /// When there is none, or it is not one.
    pub fn read(folder: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(folder.join(LABEL_FILE))?)?)
    }

    /// Why the sandbox may be removed; `None` while it may not.
    #[must_use]
    pub fn expired(&self) -> Option<Expired> {
        if self.ends_at <= now() {
            return Some(Expired::Ended);
        }
        (self.owner.is_alive() == Some(false)).then_some(Expired::OwnerGone)
    }
}

/// Why a sandbox may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// Its owner is no more.
    OwnerGone,
    /// Its time has passed.
    Ended,
}

impl Owner {
    /// This process.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn this() -> io::Result<Self> {
        let pid = std::process::id();
        Ok(Self { pid, started: started(pid)?, boot: boot()?, pid_namespace: pid_namespace()? })
    }

    /// Whether it still runs; `None` when that cannot be seen from here (another container's process).
    #[must_use]
    pub fn is_alive(&self) -> Option<bool> {
        if boot().ok()? != self.boot {
            return Some(false);
        }
        if pid_namespace().ok()? != self.pid_namespace {
            return None;
        }
        match started(self.pid) {
            Ok(started) => Some(started == self.started),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(false),
            // `/proc/PID` may vanish between opening and reading: ESRCH.
            Err(error) if error.raw_os_error() == Some(3) => Some(false),
            Err(_) => None,
        }
    }
}

fn boot() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

fn pid_namespace() -> io::Result<String> {
    Ok(std::fs::read_link("/proc/self/ns/pid")?.to_string_lossy().into_owned())
}

fn started(pid: u32) -> io::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    start_field(&stat).ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat has no field 22")))
}

/// Field 22, counted from behind the program's name, which may hold spaces and brackets itself. A zombie is dead.
fn start_field(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?.parse().ok()?;
    Some(if matches!(state, "Z" | "X") { u64::MAX } else { started })
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive() {
        assert_eq!(Owner::this().unwrap().is_alive(), Some(true));
    }

    #[test]
    fn a_reused_process_number_is_not_its_former_owner() {
        let owner = Owner { started: 1, ..Owner::this().unwrap() };
        assert_eq!(owner.is_alive(), Some(false));
    }

    #[test]
    fn an_owner_of_an_earlier_boot_is_gone() {
        let owner = Owner { boot: "another".to_owned(), ..Owner::this().unwrap() };
        assert_eq!(owner.is_alive(), Some(false));
    }

    #[test]
    fn an_owner_in_another_container_is_left_alone_until_its_time_has_passed() {
        let mut label = Label::new("id", "postgres", Duration::from_secs(60)).unwrap();
        label.owner.pid_namespace = "pid:[1]".to_owned();
        label.owner.started = 1;
        assert_eq!(label.expired(), None);
        label.ends_at = 1;
        assert_eq!(label.expired(), Some(Expired::Ended));
    }

    #[test]
    fn a_program_name_with_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
        assert_eq!(start_field(stat), Some(4242));
        assert_eq!(start_field(&stat.replace(") S", ") Z")), Some(u64::MAX));
    }
}
