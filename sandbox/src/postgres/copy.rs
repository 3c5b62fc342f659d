//! Copying a template.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown, fchown};
use std::path::Path;

use crate::account::Account;

/// Copies the tree `from` to `to`, which must not be there yet, and gives the copy to `account`. Only the owner may
/// read it, which is what PostgreSQL demands.
pub(super) fn tree(from: &Path, to: &Path, account: Option<&Account>) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    if let Some(account) = account {
        chown(to, Some(account.uid), Some(account.gid))?;
    }
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            tree(&entry.path(), &target, account)?;
        } else {
            file(&entry.path(), &target, account)?;
        }
    }
    Ok(())
}

fn file(from: &Path, to: &Path, account: Option<&Account>) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut copy)?;
    account.map_or(Ok(()), |account| fchown(&copy, Some(account.uid), Some(account.gid)))
}
