//! Copying a template: a thousand small files and one large one of zeros, as fast as the machine creates files.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::account::Account;

/// The unit that is read, and left out when it holds only zeros: a WAL segment fresh from `initdb` is mostly that.
const BLOCK: usize = 64 * 1024;

/// Compared as a whole: byte by byte, an unoptimised build takes longer than the disk.
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// More threads than this only wait for each other in the file system.
const MAX_THREADS: usize = 4;

/// Copies the tree `from` to `to`, which must not be there yet, and gives the copy to `account`. Only the owner may
/// read it, which is what PostgreSQL demands.
///
/// Once this is dropped nothing is written any more: what would be, might come after the folder's removal.
pub(super) async fn tree(from: PathBuf, to: PathBuf, account: Option<Account>) -> io::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let (working, done) = channel::<()>();
    let _copying = Copying { stop: Arc::clone(&stop), done };
    let copied = tokio::task::spawn_blocking(move || {
        let _working = working;
        copy(&from, &to, account.as_ref(), &stop)
    });
    copied.await.map_err(io::Error::other).and_then(|copied| copied)
}

/// Stops the threads that copy, and waits for them: for the length of one file at most.
struct Copying {
    stop: Arc<AtomicBool>,
    done: Receiver<()>,
}

impl Drop for Copying {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Nothing is ever sent: it ends when the other end goes, with the work or without having begun it.
        let _ended = self.done.recv();
    }
}

fn copy(from: &Path, to: &Path, account: Option<&Account>, stop: &AtomicBool) -> io::Result<()> {
    let mut files = Vec::new();
    folders(from, to, account, &mut files)?;
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let share = files.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let copies: Vec<_> = files
            .chunks(share)
            .map(|files| {
                scope.spawn(|| {
                    files.iter().try_for_each(|(from, to)| unless(stop, || file(from, to, account)))
                })
            })
            .collect();
        copies.into_iter().try_for_each(|copy| {
            copy.join().unwrap_or_else(|_| Err(io::Error::other("a thread that copied files panicked")))
        })
    })
}

fn unless(stop: &AtomicBool, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    if stop.load(Ordering::Relaxed) {
        return Err(io::Error::other("nobody waits for the copy any more"));
    }
    work()
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

    #[tokio::test]
    async fn a_copy_holds_the_same_bytes_zeros_at_the_end_included() {
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
        tree(from, to.clone(), None).await.unwrap();
        for (name, bytes) in files {
            assert_eq!(std::fs::read(to.join(name)).unwrap(), bytes, "{name}");
        }
        assert_eq!(std::fs::read(to.join("zeros")).unwrap(), zeros);
    }
    #[tokio::test]
    async fn nothing_is_written_after_a_copy_was_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        std::fs::create_dir(&from).unwrap();
        for number in 0..2_000 {
            std::fs::write(from.join(number.to_string()), [1; 4096]).unwrap();
        }
        let to = folder.path().join("to");
        let mut copying = Box::pin(tree(from, to.clone(), None));
        // It has begun once it was asked for its end.
        assert!(at_once(&mut copying).await.is_none());
        while !to.exists() {
            tokio::task::yield_now().await;
        }
        drop(copying);
        let count = || std::fs::read_dir(&to).unwrap().count();
        let given_up = count();
        assert!(given_up < 2_000, "it was over before it could be given up");
        thread::sleep(std::time::Duration::from_millis(50));
        assert_eq!(count(), given_up);
    }

    /// Its result, if it is there at once.
    async fn at_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
        std::future::poll_fn(|context| match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
