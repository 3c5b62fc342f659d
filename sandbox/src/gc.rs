//! Removing what dead owners left.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::account::Account;
use crate::folder::{PREFIX, usual_places};
use crate::label::{Expired, Label};
use crate::{mongo, postgres};

/// One sandbox that [`gc`] removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Where it was.
    pub folder: PathBuf,
    /// What its label said.
    pub label: Label,
    /// Why it was removed.
    pub reason: Expired,
}

/// What became of the sandboxes that might go.
#[derive(Debug, Default)]
pub struct Collected {
    /// Those that are gone.
    pub removed: Vec<Removed>,
    /// Those that should be gone and are not.
    pub failed: Vec<(PathBuf, io::Error)>,
}

/// Removes every sandbox in the usual places (`/dev/shm`, the temporary folder, `/tmp`) whose owner is dead or whose
/// time has passed, with the processes that still run from it. Folders without a label, and those of other users,
/// are left alone; for root, the account that its servers run under is no other.
///
/// It blocks for some milliseconds per sandbox.
#[must_use]
pub fn gc() -> Collected {
    gc_in(&usual_places())
}

/// The same for these places.
#[must_use]
pub fn gc_in(places: &[PathBuf]) -> Collected {
    let mut collected = Collected::default();
    for folder in places.iter().flat_map(|place| sandboxes(place)) {
        let Ok(label) = Label::read(&folder) else { continue };
        let Some(reason) = label.expired() else { continue };
        match remove(&folder, &label) {
            Ok(()) => collected.removed.push(Removed { folder, label, reason }),
            Err(error) => collected.failed.push((folder, error)),
        }
    }
    collected
}

/// Folders that bear our name and are ours to remove.
fn sandboxes(place: &Path) -> Vec<PathBuf> {
    let me = rustix::process::geteuid();
    // Anybody may make a folder of that name in `/tmp`; root in particular must not act on a stranger's word.
    let servant = Account::unprivileged().map(|account| account.uid);
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        // Not through a link: metadata() of an entry does not follow it.
        .filter(|entry| {
            entry
                .metadata()
                .is_ok_and(|meta| meta.is_dir() && (meta.uid() == me.as_raw() || servant == Some(meta.uid())))
        })
        .map(|entry| entry.path())
        .collect()
}

fn remove(folder: &Path, label: &Label) -> io::Result<()> {
    let is_mongo = label.kind.starts_with(mongo::LABEL);
    epilogue(if is_mongo { mongo::SWEEP } else { postgres::SWEEP }, folder);
    // The guardian may be at the same work; what it has removed already is no error.
    let mut last = Ok(());
    for _ in 0..3 {
        last = std::fs::remove_dir_all(folder);
        if last.is_ok() || !folder.exists() {
            return Ok(());
        }
    }
    last
}

/// Runs a leash's epilogue.
pub(crate) fn epilogue(script: &str, folder: &Path) {
    let run = Command::new("/bin/sh")
        .args(["-c", script, "epilogue"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if let Err(error) = run {
        tracing::warn!(folder = %folder.display(), %error, "could not sweep a sandbox");
    }
}
