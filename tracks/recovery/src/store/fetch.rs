//! Having an artifact's bytes at hand, and knowing that they are those that were stored.

use super::{Artifact, Store, StoreError};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStoreExt as _};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::ops::Range;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How much is read at once from a local file, in bytes.
const BLOCK: usize = 1024 * 1024;

/// How much one request to a bucket fetches, in bytes: each then ends within its time limit, however large the whole is.
const PART: u64 = 8 * 1024 * 1024;

/// How many such requests are under way at once.
const AT_ONCE: usize = 4;

/// How much of an artifact holds all that stands at its beginning: the contents of a hundred thousand objects.
const HEAD: u64 = 64 * 1024 * 1024;

/// The beginning of an artifact. A copy goes with it.
#[derive(Debug)]
pub(crate) enum Head {
    There(PathBuf),
    /// It has no name: nothing is left of it, however this process ends.
    Copied(File),
}

impl Head {
    /// By which a child of this process opens it.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::There(path) => path.clone(),
            Self::Copied(copy) => path_of(copy),
        }
    }
}

/// By which a child of this process opens a file without a name.
pub(crate) fn path_of(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()))
}

/// An artifact at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it lies: in the store itself where that is a local folder, else in the folder that was given.
    pub path: PathBuf,
    /// Whether it is a copy, to be removed after use.
    pub copied: bool,
    /// Its size, in bytes.
    pub bytes: u64,
    /// SHA-256 of it, in lower-case hexadecimal.
    pub sha256: String,
}

impl Store {
    /// Fetches an artifact into `folder` and hashes it on the way; one in a local folder is hashed where it is.
    /// `progress` is told the bytes so far, again and again. Memory is bounded by 64 MiB.
    ///
    /// # Errors
    /// When the store, or the folder, cannot be used; and [`StoreError::Hash`] when size or hash are not those of the
    /// manifest. A copy is removed then.
    pub async fn fetch(
        &self,
        artifact: &Artifact,
        folder: &std::path::Path,
        progress: impl Fn(u64) + Send + 'static,
    ) -> Result<Fetched, StoreError> {
        if let Some(manifest) = artifact.manifest()
            && manifest.bytes != artifact.bytes
        {
            let what = format!("it has {} bytes, its manifest says {}", artifact.bytes, manifest.bytes);
            return Err(self.changed(artifact, what));
        }
        let fetched = match self.local_path(&artifact.name) {
            Some(path) => hash_file(path, progress).await?,
            None => self.download(artifact, folder, progress).await?,
        };
        if let Some(manifest) = artifact.manifest()
            && !manifest.sha256.eq_ignore_ascii_case(&fetched.sha256)
        {
            if fetched.copied {
                // The mismatch is the error to report.
                let _ = std::fs::remove_file(&fetched.path);
            }
            let what = format!("its SHA-256 is {}, its manifest says {}", fetched.sha256, manifest.sha256);
            return Err(self.changed(artifact, what));
        }
        Ok(fetched)
    }

    /// The beginning of an artifact as a file: in a local folder the artifact itself, else a copy of its first 64 MiB.
    ///
    /// # Errors
    /// When store or file cannot be used.
    pub(crate) async fn head(&self, name: &str) -> Result<Head, StoreError> {
        if let Some(path) = self.local_path(name) {
            return Ok(Head::There(path));
        }
        let location = self.path(name)?;
        let meta = self.limited("look at", name, self.inner.head(&location)).await?;
        let failed = |source| file_error("write", std::path::Path::new("a temporary file"), source);
        let mut copy = tempfile::tempfile().map_err(failed)?;
        let mut start = 0;
        while start < meta.size.min(HEAD) {
            let end = (start + PART).min(meta.size);
            let part = self.part(name, &location, start..end, meta.e_tag.clone()).await?;
            copy.write_all(&part).map_err(failed)?;
            start = end;
        }
        Ok(Head::Copied(copy))
    }

    fn changed(&self, artifact: &Artifact, what: String) -> StoreError {
        StoreError::Hash { name: artifact.name.clone(), place: self.place.clone(), what }
    }

    async fn download(
        &self,
        artifact: &Artifact,
        folder: &std::path::Path,
        progress: impl Fn(u64) + Send + 'static,
    ) -> Result<Fetched, StoreError> {
        let location = self.path(&artifact.name)?;
        let meta = self.limited("look at", &artifact.name, self.inner.head(&location)).await?;
        let file = location.filename().unwrap_or("artifact");
        let path = folder.join(file);
        let mut copy = Copy::create(path)?;
        let starts = (0..meta.size).step_by(usize::try_from(PART).unwrap_or(usize::MAX));
        let mut parts = stream::iter(starts)
            .map(|start| {
                self.part(&artifact.name, &location, start..(start + PART).min(meta.size), meta.e_tag.clone())
            })
            .buffered(AT_ONCE);
        while let Some(part) = parts.next().await {
            copy = copy.add(part?).await?;
            progress(copy.bytes);
        }
        if copy.bytes != artifact.bytes {
            let what = format!("{} bytes came, {} were listed", copy.bytes, artifact.bytes);
            return Err(self.changed(artifact, what));
        }
        Ok(copy.keep())
    }

    /// One part, of the very object that was looked at: one put in its place meanwhile is an error, not a mixture.
    async fn part(
        &self,
        name: &str,
        location: &Path,
        range: Range<u64>,
        e_tag: Option<String>,
    ) -> Result<Bytes, StoreError> {
        let options =
            GetOptions { range: Some(GetRange::Bounded(range)), if_match: e_tag, ..GetOptions::default() };
        let got = async { self.inner.get_opts(location, options).await?.bytes().await };
        self.limited("fetch", name, got).await
    }
}

/// A copy that is removed unless it is kept.
struct Copy {
    path: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
    kept: bool,
}

impl Copy {
    fn create(path: PathBuf) -> Result<Self, StoreError> {
        let file = File::create(&path).map_err(|source| file_error("write", &path, source))?;
        Ok(Self { path, file, hash: Sha256::new(), bytes: 0, kept: false })
    }

    /// Writes and hashes on a thread of its own: both take longer than a task may.
    async fn add(self, part: Bytes) -> Result<Self, StoreError> {
        blocking(move || {
            let mut this = self;
            this.hash.update(&part);
            this.file.write_all(&part).map_err(|source| file_error("write", &this.path, source))?;
            this.bytes += part.len() as u64;
            Ok(this)
        })
        .await
    }

    fn keep(mut self) -> Fetched {
        self.kept = true;
        let sha256 = hexadecimal(&std::mem::take(&mut self.hash).finalize());
        Fetched { path: self.path.clone(), copied: true, bytes: self.bytes, sha256 }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.kept {
            // Its folder is removed with the sandbox in any case.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Tells the thread that hashes when nobody waits for it any more.
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn hash_file(path: PathBuf, progress: impl Fn(u64) + Send + 'static) -> Result<Fetched, StoreError> {
    let stop = Abandoned(Arc::default());
    let stopped = Arc::clone(&stop.0);
    let fetched = blocking(move || {
        let mut file = File::open(&path).map_err(|source| file_error("read", &path, source))?;
        let (mut hash, mut bytes, mut block) = (Sha256::new(), 0, vec![0; BLOCK]);
        loop {
            let read = file.read(&mut block).map_err(|source| file_error("read", &path, source))?;
            if read == 0 || stopped.load(Ordering::Relaxed) {
                return Ok(Fetched { path, copied: false, bytes, sha256: hexadecimal(&hash.finalize()) });
            }
            hash.update(block.get(..read).unwrap_or_default());
            bytes += read as u64;
            progress(bytes);
        }
    });
    let fetched = fetched.await;
    drop(stop);
    fetched
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(StoreError::File { doing: "work on", path: "an artifact".to_owned(), source: error.into() })
    })
}

fn file_error(doing: &'static str, path: &std::path::Path, source: std::io::Error) -> StoreError {
    StoreError::File { doing, path: path.display().to_string(), source }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
