//! Copying a template: a thousand small files and one large one of zeros, as fast as the machine creates files.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown, fchown};
use std::path::{Path, PathBuf};
use std::thread;

use crate::account::Account;

/// The unit that is read, and left out when it holds only zeros: a WAL segment fresh from `initdb` is mostly that.
const BLOCK: usize = 64 * 1024;

/// Compared as a whole: byte by byte, an unoptimised build takes longer than the disk.
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// More threads than this only wait for each other in the file system.
const MAX_THREADS: usize = 4;

/// Copies the tree `from` to `to`, which must not be there yet, and gives the copy to `account`. Only the owner may
/// read it, which is what PostgreSQL demands. It blocks.
pub(super) fn tree(from: &Path, to: &Path, account: Option<&Account>) -> io::Result<()> {
    let mut files = Vec::new();
    folders(from, to, account, &mut files)?;
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let share = files.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let copies: Vec<_> = files
            .chunks(share)
            .map(|files| scope.spawn(|| files.iter().try_for_each(|(from, to)| file(from, to, account))))
            .collect();
        copies.into_iter().try_for_each(|copy| {
            copy.join().unwrap_or_else(|_| Err(io::Error::other("a thread that copied files panicked")))
        })
    })
}

/// Makes the folders and lists the files.
fn folders(
    from: &Path,
    to: &Path,
    account: Option<&Account>,
    files: &mut Vec<(PathBuf, PathBuf)>,
) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    if let Some(account) = account {
        chown(to, Some(account.uid), Some(account.gid))?;
    }
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            folders(&entry.path(), &target, account, files)?;
        } else {
            files.push((entry.path(), target));
        }
    }
    Ok(())
}

fn file(from: &Path, to: &Path, account: Option<&Account>) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let mut block = [0; BLOCK];
    let mut end = 0;
    loop {
        let length = source.read(&mut block)?;
        let Some(read) = block.get(..length).filter(|read| !read.is_empty()) else { break };
        end += length as u64;
        if read == ZEROS {
            copy.seek(SeekFrom::Start(end))?;
        } else {
            copy.write_all(read)?;
        }
    }
    copy.set_len(end)?;
    account.map_or(Ok(()), |account| fchown(&copy, Some(account.uid), Some(account.gid)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_holds_the_same_bytes_zeros_at_the_end_included() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        std::fs::create_dir_all(from.join("base/1")).unwrap();
        let mut sparse = vec![0; BLOCK * 3];
        sparse[0] = 1;
        sparse[BLOCK * 2] = 2;
        let files = [("PG_VERSION", b"15\n".to_vec()), ("base/1/empty", Vec::new()), ("base/1/wal", sparse)];
        for (name, bytes) in &files {
            std::fs::write(from.join(name), bytes).unwrap();
        }
        let zeros = vec![0; BLOCK * 2];
        std::fs::write(from.join("zeros"), &zeros).unwrap();
        let to = folder.path().join("to");
        tree(&from, &to, None).unwrap();
        for (name, bytes) in files {
            assert_eq!(std::fs::read(to.join(name)).unwrap(), bytes, "{name}");
        }
        assert_eq!(std::fs::read(to.join("zeros")).unwrap(), zeros);
    }
}
