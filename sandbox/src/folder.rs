//! Where sandboxes lie: in memory when there is room, else in the temporary folder.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::account::Account;
use crate::label::Label;
use crate::random;

/// What the name of every sandbox's folder begins with.
pub(crate) const PREFIX: &str = "sabot-sandbox-";

/// Memory that looks like a folder.
pub(crate) const MEMORY: &str = "/dev/shm";

/// The room that [`Place::Auto`] asks of memory: a server with its WAL limit, and a few databases.
const ROOM: u64 = 512 * 1024 * 1024;

/// Where a sandbox's data lie.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Place {
    /// In `/dev/shm` when at least 512 MiB are free there, else on disk.
    #[default]
    Auto,
    /// In `/dev/shm`, come what may.
    Memory,
    /// In the temporary folder (`TMPDIR`, else `/tmp`).
    Disk,
    /// In this folder.
    Folder(PathBuf),
}

impl Place {
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Memory => PathBuf::from(MEMORY),
            Self::Auto if room(Path::new(MEMORY)) >= ROOM => PathBuf::from(MEMORY),
            Self::Auto | Self::Disk => std::env::temp_dir(),
            Self::Folder(folder) => folder.clone(),
        }
    }
}

/// The folders where sandboxes are looked for when nobody says where they are.
#[must_use]
pub fn usual_places() -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from(MEMORY), std::env::temp_dir(), PathBuf::from("/tmp")];
    places.sort();
    places.dedup();
    places
}

/// Free bytes in the file system of `folder`; none when it cannot be written.
pub(crate) fn room(folder: &Path) -> u64 {
    let writable = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok();
    let free = rustix::fs::statvfs(folder).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    if writable { free } else { 0 }
}

/// A labelled folder, readable by its owner and the server's account alone.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) id: String,
    pub(crate) path: PathBuf,
}

impl Folder {
    pub(crate) fn create(
        place: &Place,
        kind: &str,
        held_for: Duration,
        account: Option<&Account>,
    ) -> io::Result<Self> {
        let id = random::hex(8)?;
        let path = place.path().join(format!("{PREFIX}{id}"));
        let label = Label::new(&id, kind, held_for)?;
        DirBuilder::new().mode(0o700).create(&path)?;
        let labelled = label.write(&path).and_then(|()| give(&path, account));
        if let Err(error) = labelled {
            // Unlabelled, nobody else would ever remove it.
            discard(&path);
            return Err(error);
        }
        Ok(Self { id, path })
    }
}

/// Removes a folder that nothing holds yet; the error that led here is the one to report.
pub(crate) fn discard(path: &Path) {
    let _ = std::fs::remove_dir_all(path);
}

/// Makes a folder with mode 0700 for the server's account.
pub(crate) fn make(path: &Path, account: Option<&Account>) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    give(path, account)
}

/// Writes a file that only the server's account and its owner read.
pub(crate) fn write(path: &Path, text: &str, account: Option<&Account>) -> io::Result<()> {
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    give(path, account)
}

fn give(path: &Path, account: Option<&Account>) -> io::Result<()> {
    account.map_or(Ok(()), |account| chown(path, Some(account.uid), Some(account.gid)))
}
