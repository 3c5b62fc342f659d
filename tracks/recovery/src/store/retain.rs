//! Retention: what is old enough goes, and nothing else.

use super::{Artifact, State, Store, StoreError, is_ours, manifest_name};
use object_store::ObjectStoreExt as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;

/// How old a half-written artifact must be before it is taken for abandoned: a backup may take hours.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retained {
    /// Whole artifacts, beyond the number that is kept.
    pub old: Vec<String>,
    /// Half-written ones, older than a day.
    pub abandoned: Vec<String>,
}

impl Store {
    /// Keeps the newest `keep` whole artifacts of a job and removes the older ones; removes half-written ones older than
    /// a day. What it does not know (another name, a manifest that is damaged or without its artifact) stays.
    ///
    /// # Errors
    /// When the store cannot be listed, or does not remove.
    pub async fn retain(&self, job: &str, keep: NonZeroUsize) -> Result<Retained, StoreError> {
        let artifacts = self.artifacts(job).await?;
        let whole = artifacts.iter().filter(|one| matches!(one.state, State::Whole(_)) && is_ours(&one.name));
        let mut retained = Retained::default();
        for artifact in whole.skip(keep.get()) {
            // The manifest first: should the second removal not happen, what is left is half-written, not whole.
            self.remove(&manifest_name(&artifact.name)).await?;
            self.remove(&artifact.name).await?;
            retained.old.push(artifact.name.clone());
        }
        let now = OffsetDateTime::now_utc();
        let abandoned = |one: &&Artifact| one.state == State::HalfWritten && now - one.stored_at > ABANDONED;
        for artifact in artifacts.iter().filter(abandoned) {
            self.remove(&artifact.name).await?;
            retained.abandoned.push(artifact.name.clone());
        }
        retained.abandoned.extend(self.sweep(job)?);
        Ok(retained)
    }

    /// Removes what is stored under this name without a manifest; one with a manifest stays.
    pub(crate) async fn discard(&self, name: &str) -> Result<(), StoreError> {
        let manifest = self.path(&manifest_name(name))?;
        match self.limited("look for", name, self.inner.head(&manifest)).await {
            Err(error) if error.is_absence() => self.remove(name).await,
            found => found.map(drop),
        }
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name)?;
        match self.limited("remove", name, self.inner.delete(&path)).await {
            // Somebody was quicker; gone is gone.
            Err(error) if error.is_absence() => Ok(()),
            removed => removed,
        }
    }

    /// What a killed backup leaves in a local folder: `{name}#{number}`, which no listing shows. A bucket keeps the parts
    /// of one as well; to remove those is the business of its lifecycle rule `AbortIncompleteMultipartUpload`.
    fn sweep(&self, job: &str) -> Result<Vec<String>, StoreError> {
        let Some(folder) = self.local_path(job) else { return Ok(Vec::new()) };
        let failed =
            |doing, path: &Path, source| StoreError::File { doing, path: path.display().to_string(), source };
        let entries = std::fs::read_dir(&folder).map_err(|source| failed("list", &folder, source))?;
        let mut removed = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_staged(&name) && is_older(&entry, ABANDONED) {
                std::fs::remove_file(entry.path())
                    .map_err(|source| failed("remove", &entry.path(), source))?;
                removed.push(format!("{job}/{name}"));
            }
        }
        Ok(removed)
    }
}

fn is_staged(name: &str) -> bool {
    name.split_once('#').is_some_and(|(stem, number)| {
        let ours = is_ours(stem) || super::name::artifact_of(stem).is_some_and(is_ours);
        ours && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_older(entry: &std::fs::DirEntry, age: Duration) -> bool {
    let modified = entry.metadata().and_then(|meta| meta.modified());
    modified.is_ok_and(|modified| SystemTime::now().duration_since(modified).is_ok_and(|old| old > age))
}
