//! Writing an artifact: streamed, and under its name only once it is whole.

use super::fetch::hexadecimal;
use super::{Store, StoreError, manifest_name};
use crate::Manifest;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload, UploadPart};
use sha2::{Digest as _, Sha256};

/// The size of the first parts, in bytes. S3 takes 10,000 parts of at least 5 MiB.
const PART: usize = 8 * 1024 * 1024;

/// After so many parts they grow twofold: 10,000 of them hold about 570 GB, of at most 128 MiB each.
const GROW_AFTER: usize = 2_000;

/// How many parts are under way at once, besides the one that is being filled.
const AT_ONCE: usize = 2;

/// An artifact under way. Until [`finish`](Self::finish) nothing has its name; dropping it abandons it.
pub struct Upload {
    store: Store,
    name: String,
    inner: Option<Box<dyn MultipartUpload>>,
    buffer: BytesMut,
    flying: FuturesOrdered<UploadPart>,
    parts: usize,
    hash: Sha256,
    bytes: u64,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("name", &self.name).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its size, in bytes.
    pub bytes: u64,
    /// SHA-256 of it, in lower-case hexadecimal.
    pub sha256: String,
}

impl Store {
    /// Begins an artifact of this name.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn upload(&self, name: &str) -> Result<Upload, StoreError> {
        let path: Path = self.path(name)?;
        let inner = self.limited("begin", name, self.inner.put_multipart(&path)).await?;
        Ok(Upload {
            store: self.clone(),
            name: name.to_owned(),
            inner: Some(inner),
            buffer: BytesMut::with_capacity(PART),
            flying: FuturesOrdered::new(),
            parts: 0,
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// Writes the manifest of an artifact that is stored. From then on it counts.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn put_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let name = manifest_name(&manifest.artifact);
        let json = |source| StoreError::Json { name: manifest.artifact.clone(), source };
        let mut text = serde_json::to_vec_pretty(manifest).map_err(json)?;
        text.push(b'\n');
        let path = self.path(&name)?;
        self.limited("write", &name, self.inner.put(&path, PutPayload::from(text))).await.map(drop)
    }
}

impl Upload {
    /// Adds bytes. Waits while the store is behind, so that memory is bounded by three parts (24 MiB up to 16 GB).
    ///
    /// # Errors
    /// When the store does not take them.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(self.part_size() - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == self.part_size() {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// How many bytes were added so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Sends the rest, and gives the whole its name.
    ///
    /// # Errors
    /// When the store does not take it; nothing has the name then.
    pub async fn finish(mut self) -> Result<Stored, StoreError> {
        // Even an empty one has one part: without any, a bucket has nothing to make an object of.
        if !self.buffer.is_empty() || self.parts == 0 {
            self.send().await?;
        }
        while !self.flying.is_empty() {
            self.landed().await?;
        }
        if let Some(inner) = &mut self.inner {
            self.store.limited("complete", &self.name, inner.complete()).await?;
        }
        self.inner = None;
        let sha256 = hexadecimal(&std::mem::take(&mut self.hash).finalize());
        Ok(Stored { bytes: self.bytes, sha256 })
    }

    /// Removes what was sent.
    ///
    /// # Errors
    /// When the store does not do so. A bucket then keeps the parts until its own rule for abandoned ones removes them.
    pub async fn abort(mut self) -> Result<(), StoreError> {
        self.flying.clear();
        match self.inner.take() {
            Some(mut inner) => self.store.limited("abandon", &self.name, inner.abort()).await,
            None => Ok(()),
        }
    }

    fn part_size(&self) -> usize {
        PART << (self.parts / GROW_AFTER).min(4)
    }

    async fn send(&mut self) -> Result<(), StoreError> {
        while self.flying.len() >= AT_ONCE {
            self.landed().await?;
        }
        let part: Bytes = std::mem::take(&mut self.buffer).freeze();
        if let Some(inner) = &mut self.inner {
            self.flying.push_back(inner.put_part(PutPayload::from(part)));
        }
        self.parts += 1;
        self.buffer.reserve(self.part_size());
        Ok(())
    }

    /// Waits for the oldest part.
    async fn landed(&mut self) -> Result<(), StoreError> {
        let next = async { self.flying.next().await.unwrap_or(Ok(())) };
        self.store.limited("write", &self.name, next).await
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (Some(mut inner), Ok(runtime)) = (self.inner.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        self.flying.clear();
        let name = std::mem::take(&mut self.name);
        runtime.spawn(async move {
            if let Err(error) = inner.abort().await {
                tracing::warn!(%error, name, "an abandoned upload could not be removed");
            }
        });
    }
}
