//! Feeding `psql`: the text of a dump, unpacked on the way, through a named pipe in the sandbox's folder.

use super::form;
use super::unpack::{Unpacking, Watched, pump};
use crate::drill::course::Course;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How often it is looked whether `psql` has opened the pipe: nothing announces that.
const LOOK: Duration = Duration::from_millis(2);

/// A named pipe and what goes into it.
#[derive(Debug)]
pub(super) struct Feed {
    from: PathBuf,
    fifo: PathBuf,
    bytes: Arc<AtomicU64>,
    /// Set once nobody will read any more.
    unread: Arc<AtomicBool>,
}

impl Feed {
    /// Makes the pipe.
    pub(super) fn new(from: &Path, folder: &Path) -> io::Result<Self> {
        let fifo = folder.join("dump.sql");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )?;
        Ok(Self { from: from.to_owned(), fifo, bytes: Arc::default(), unread: Arc::default() })
    }

    /// Its path.
    pub(super) fn fifo(&self) -> &Path {
        &self.fifo
    }

    /// How many bytes went in so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Feeds whoever reads, until `reading` has ended; gives its end, and whether all could be fed.
    pub(super) async fn until<T>(
        &self,
        course: &Course,
        reading: impl Future<Output = T>,
    ) -> (T, io::Result<()>) {
        let (from, fifo) = (self.from.clone(), self.fifo.clone());
        let (bytes, unread) = (Arc::clone(&self.bytes), Arc::clone(&self.unread));
        let feeding = course.blocking(move |over| {
            let Some(mut pipe) = open(&fifo, &unread, over)? else { return Ok(()) };
            let mut text = Watched { inner: form::open(&from)?, of: &Unpacking { over, bytes: &bytes } };
            match pump(&mut text, |block| pipe.write_all(block)) {
                // The reader has ended; why, its own words say.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                pumped => pumped,
            }
        });
        let read = async {
            let read = reading.await;
            self.unread.store(true, Ordering::SeqCst);
            read
        };
        tokio::join!(read, feeding)
    }
}

/// Opens the pipe once somebody reads it; `None` if nobody ever will.
fn open(fifo: &Path, unread: &AtomicBool, over: &AtomicBool) -> io::Result<Option<File>> {
    let pipe = loop {
        if unread.load(Ordering::SeqCst) || over.load(Ordering::SeqCst) {
            return Ok(None);
        }
        match rustix::fs::open(fifo, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
            Ok(pipe) => break pipe,
            Err(rustix::io::Errno::NXIO) => std::thread::sleep(LOOK),
            Err(error) => return Err(error.into()),
        }
    };
    // From here on a write waits for the reader, and fails once there is none.
    rustix::fs::fcntl_setfl(&pipe, OFlags::empty())?;
    Ok(Some(File::from(pipe)))
}
