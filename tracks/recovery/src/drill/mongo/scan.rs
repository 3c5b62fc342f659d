//! The archive, read to its end before anything is restored.

use crate::drill::course::{Course, Stopped, with_causes};
use crate::mongo::{ArchiveError, Inventory, Reader};
use crate::report::Class;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// How much is read at once, in bytes.
const BLOCK: usize = 256 * 1024;

/// Reads all of it.
pub(super) async fn scan(course: &Course, name: &str, path: PathBuf) -> Result<Inventory, Stopped> {
    let read = course.blocking(move |over| read(&path, over)).await;
    match read {
        Ok(Ok(inventory)) => Ok(inventory),
        Ok(Err(error)) => Err(course.stop(class(&error), name, with_causes(&error))),
        Err(error) => Err(course.stop(Class::Store, name, format!("cannot be read: {error}"))),
    }
}

fn read(path: &Path, over: &AtomicBool) -> std::io::Result<Result<Inventory, ArchiveError>> {
    let (mut file, mut reader, mut block) = (File::open(path)?, Reader::default(), vec![0; BLOCK]);
    loop {
        if over.load(Ordering::Relaxed) {
            return Err(ErrorKind::Interrupted.into());
        }
        let size = match file.read(&mut block) {
            Ok(0) => return Ok(reader.finish()),
            Ok(size) => size,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if let Err(error) = reader.feed(block.get(..size).unwrap_or_default()) {
            return Ok(Err(error));
        }
    }
}

fn class(error: &ArchiveError) -> Class {
    match error {
        ArchiveError::Truncated { .. } => Class::Truncated,
        ArchiveError::Gzip { source, .. } if source.kind() == ErrorKind::UnexpectedEof => Class::Truncated,
        ArchiveError::NotAnArchive => Class::Preflight,
        _ => Class::Restore,
    }
}
