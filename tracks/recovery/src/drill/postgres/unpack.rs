//! Unpacking: tar files into folders, packed archives into files.

use super::form;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How much is copied between two looks at whether the drill is over.
const BLOCK: usize = 256 * 1024;

/// Something to unpack into files. It is stopped by a flag, and counts its bytes.
pub(super) struct Unpacking<'a> {
    pub(super) over: &'a AtomicBool,
    pub(super) bytes: &'a AtomicU64,
}

impl Unpacking<'_> {
    /// Unpacks a tar file, packed or not, into a folder, which is made. Only files and folders are: a link would lead
    /// out of it.
    pub(super) fn tar(&self, from: &Path, to: &Path) -> io::Result<()> {
        if !to.is_dir() {
            DirBuilder::new().mode(0o700).create(to)?;
        }
        let mut archive = tar::Archive::new(Watched { inner: form::open(from)?, of: self });
        archive.set_preserve_mtime(false);
        archive.set_overwrite(true);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.into_owned();
            let kind = entry.header().entry_type();
            if !kind.is_file() && !kind.is_dir() && !kind.is_gnu_sparse() && !kind.is_pax_global_extensions()
            {
                let what = format!(
                    "{} is a link or a device: tablespaces and links lead out of the sandbox",
                    path.display()
                );
                return Err(io::Error::new(io::ErrorKind::Unsupported, what));
            }
            if !entry.unpack_in(to)? {
                let what = format!("{} lies outside of the archive's folder", path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        // What is packed is checked by its own checksum only at its end.
        io::copy(&mut archive.into_inner(), &mut io::sink())?;
        Ok(())
    }

    /// Copies a folder of files and folders.
    pub(super) fn folder(&self, from: &Path, to: &Path) -> io::Result<()> {
        if !to.is_dir() {
            DirBuilder::new().mode(0o700).create(to)?;
        }
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
            if kind.is_dir() {
                self.folder(&entry.path(), &target)?;
            } else if kind.is_file() {
                self.file(Box::new(File::open(entry.path())?), &target)?;
            } else {
                let what = format!(
                    "{} is a link or a device: tablespaces and links lead out of the sandbox",
                    entry.path().display()
                );
                return Err(io::Error::new(io::ErrorKind::Unsupported, what));
            }
        }
        Ok(())
    }

    /// Writes the unpacked bytes of a file to another.
    pub(super) fn expand(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.file(form::open(from)?, to)
    }

    fn file(&self, from: Box<dyn Read + Send>, to: &Path) -> io::Result<()> {
        let mut file = File::create(to)?;
        pump(&mut Watched { inner: from, of: self }, |block| file.write_all(block))
    }
}

/// The folder in which an unpacked archive of a dump has its table of contents.
pub(super) fn contents_folder(unpacked: &Path) -> io::Result<PathBuf> {
    if unpacked.join("toc.dat").is_file() {
        return Ok(unpacked.to_owned());
    }
    let inner = std::fs::read_dir(unpacked)?.flatten().map(|entry| entry.path());
    inner
        .into_iter()
        .find(|path| path.join("toc.dat").is_file())
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Hands every block to `each`.
pub(super) fn pump(from: &mut dyn Read, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    loop {
        match from.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(read) => each(block.get(..read).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A reader that counts, and ends with an error once the drill is over.
pub(super) struct Watched<'a, R> {
    pub(super) inner: R,
    pub(super) of: &'a Unpacking<'a>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.of.over.load(Ordering::Relaxed) {
            return Err(io::Error::other("the drill was stopped"));
        }
        let read = self.inner.read(into)?;
        self.of.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
