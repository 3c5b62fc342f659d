//! What a store holds.

use super::{Artifact, Choice, Chosen, State, Store, StoreError, is_job, is_ours, manifest_name, name};
use crate::Manifest;
use crate::manifest::FORMAT;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use globset::GlobBuilder;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// How many manifests are read at once.
const AT_ONCE: usize = 8;

/// The largest manifest that is read, in bytes: one of a hundred thousand tables has a tenth of it.
const MAX_MANIFEST: u64 = 128 * 1024 * 1024;

impl Store {
    /// The names of the jobs that have a folder in the store, in their order.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn jobs(&self) -> Result<Vec<String>, StoreError> {
        let listed = self.limited("list", "", self.inner.list_with_delimiter(self.prefix_or_none())).await?;
        let names = listed.common_prefixes.iter().filter_map(|prefix| prefix.filename().map(str::to_owned));
        let mut jobs: Vec<_> = names.collect();
        jobs.sort_unstable();
        Ok(jobs)
    }

    /// Everything in a job's folder, newest first.
    ///
    /// # Errors
    /// When the store cannot be listed. A manifest that cannot be read is a state of its artifact, no error.
    pub async fn artifacts(&self, job: &str) -> Result<Vec<Artifact>, StoreError> {
        if !is_job(job) {
            return Err(StoreError::BadName { name: job.to_owned(), place: self.place.clone() });
        }
        let prefix = self.path(job)?;
        let listed = self.limited("list", job, self.inner.list_with_delimiter(Some(&prefix))).await;
        let objects = match listed {
            Ok(listed) => listed.objects,
            // A local folder that is not there; of a bucket it is merely empty.
            Err(error) if error.is_absence() => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut files: BTreeMap<String, ObjectMeta> =
            objects.into_iter().map(|meta| (self.name_of(&meta.location), meta)).collect();
        let manifests: Vec<String> =
            files.keys().filter(|name| name::artifact_of(name).is_some()).cloned().collect();
        let manifests: Vec<_> = manifests.iter().filter_map(|name| files.remove_entry(name)).collect();
        let reads =
            stream::iter(manifests).map(|(name, meta)| async move { self.manifest(&name, &meta).await });
        let read: Vec<_> = reads.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut read: BTreeMap<String, Read> = read.into_iter().collect();
        let mut artifacts: Vec<_> = files
            .into_iter()
            .map(|(name, meta)| {
                let state = state_of(&name, job, read.remove(&name));
                Artifact { bytes: meta.size, stored_at: time_of(&meta), state, name }
            })
            .collect();
        artifacts.extend(read.into_iter().map(|(name, read)| without_bytes(name, read)));
        newest_first(&mut artifacts);
        Ok(artifacts)
    }

    /// Which artifact of a job is meant. The newest is the newest with a manifest, readable or not: an older one that
    /// is whole never stands in for it. Half-written ones are passed over, and told.
    ///
    /// # Errors
    /// When there is none, or none of this name; and as [`artifacts`](Self::artifacts).
    pub async fn choose(&self, job: &str, choice: &Choice) -> Result<Chosen, StoreError> {
        let artifacts = self.artifacts(job).await?;
        let candidates: Vec<_> = artifacts.iter().filter(|artifact| artifact.is_candidate()).collect();
        let chosen = match choice {
            Choice::Named(name) => artifacts.iter().find(|artifact| is_named(artifact, job, name)),
            Choice::Newest => candidates.first().copied(),
            Choice::Random => candidates.get(random_below(candidates.len())?).copied(),
        };
        let Some(artifact) = chosen.cloned() else { return Err(self.nothing(job, choice, &artifacts).await) };
        let half = artifacts.into_iter().filter(|other| other.state == State::HalfWritten);
        let passed_over = half.filter(|other| other.stored_at > artifact.stored_at).collect();
        Ok(Chosen { artifact, passed_over })
    }

    /// Artifacts that somebody else made, whose name (within the store) matches this glob, newest first by the time at
    /// which they were stored. A `*` stays within its folder, `**` does not.
    ///
    /// # Errors
    /// When the pattern is none, or the store cannot be listed.
    pub async fn foreign(&self, pattern: &str) -> Result<Vec<Artifact>, StoreError> {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        let glob = glob.map_err(|source| StoreError::Pattern { pattern: pattern.to_owned(), source })?;
        let matcher = glob.compile_matcher();
        let listed = self.inner.list(self.prefix_or_none()).try_collect::<Vec<_>>();
        let listed = self.limited("list", pattern, listed).await?;
        let mut found: Vec<_> = listed
            .into_iter()
            .map(|meta| (self.name_of(&meta.location), meta))
            .filter(|(name, _)| matcher.is_match(name) && name::artifact_of(name).is_none())
            .map(|(name, meta)| Artifact {
                name,
                bytes: meta.size,
                stored_at: time_of(&meta),
                state: State::Foreign,
            })
            .collect();
        newest_first(&mut found);
        Ok(found)
    }

    fn prefix_or_none(&self) -> Option<&Path> {
        (!self.prefix.as_ref().is_empty()).then_some(&self.prefix)
    }

    /// The artifact's name, and what its manifest holds.
    async fn manifest(&self, name: &str, meta: &ObjectMeta) -> Result<(String, Read), StoreError> {
        let artifact = name::artifact_of(name).unwrap_or(name).to_owned();
        let damaged = |what: String| {
            let remedy = "no restore of this artifact can be verified; take a new backup";
            Err(format!("the manifest {name} in {} {what}; {remedy}", self.place))
        };
        let stored_at = time_of(meta);
        if meta.size > MAX_MANIFEST {
            let content = damaged(format!("has {} bytes, which no manifest has", meta.size));
            return Ok((artifact, Read { stored_at, content }));
        }
        let read = async { self.inner.get(&meta.location).await?.bytes().await };
        let text = self.limited("read", name, read).await?;
        let content = match serde_json::from_slice::<Manifest>(&text) {
            Err(error) => damaged(format!("is not readable ({error})")),
            Ok(manifest) if manifest.format != FORMAT => {
                damaged(format!("is of form {}, and only form {FORMAT} is known", manifest.format))
            }
            Ok(manifest) if manifest.artifact != artifact => {
                damaged(format!("is that of another artifact, {}", manifest.artifact))
            }
            Ok(manifest) => Ok(Box::new(manifest)),
        };
        Ok((artifact, Read { stored_at, content }))
    }

    async fn nothing(&self, job: &str, choice: &Choice, artifacts: &[Artifact]) -> StoreError {
        if let (Choice::Named(name), Some(newest)) = (choice, artifacts.first()) {
            return StoreError::NoSuch {
                place: self.place.clone(),
                name: name.clone(),
                job: job.to_owned(),
                newest: newest.name.clone(),
            };
        }
        let half = artifacts.iter().filter(|artifact| artifact.state == State::HalfWritten).count();
        let but = match (half, self.jobs().await) {
            (1.., _) => format!(", only {half} half-written"),
            (0, Ok(jobs)) if !jobs.is_empty() => format!(", but has the jobs {}", jobs.join(", ")),
            _ => String::new(),
        };
        StoreError::Empty { place: self.place.clone(), of: format!("of job {job:?}"), but }
    }
}

/// What was read of a manifest.
struct Read {
    stored_at: OffsetDateTime,
    content: Result<Box<Manifest>, String>,
}

fn state_of(name: &str, job: &str, read: Option<Read>) -> State {
    match read.map(|read| read.content) {
        None if is_ours(name) => State::HalfWritten,
        None => State::Foreign,
        Some(Err(message)) => State::Damaged { message },
        Some(Ok(manifest)) if manifest.job != job => State::Damaged {
            message: format!("the manifest {} names another job, {}", manifest_name(name), manifest.job),
        },
        Some(Ok(manifest)) => State::Whole(manifest),
    }
}

/// A manifest whose artifact is not there.
fn without_bytes(name: String, read: Read) -> Artifact {
    let state = match read.content {
        Ok(manifest) => State::Gone(manifest),
        Err(message) => State::Damaged { message },
    };
    Artifact { name, bytes: 0, stored_at: read.stored_at, state }
}

fn newest_first(artifacts: &mut [Artifact]) {
    artifacts
        .sort_by(|a, b| b.snapshot_at().cmp(&a.snapshot_at()).then_with(|| b.stored_at.cmp(&a.stored_at)));
}

fn is_named(artifact: &Artifact, job: &str, name: &str) -> bool {
    artifact.name == name
        || artifact.name.strip_prefix(job).and_then(|rest| rest.strip_prefix('/')) == Some(name)
}

fn random_below(count: usize) -> Result<usize, StoreError> {
    let number = usize::try_from(getrandom::u32()?).unwrap_or_default();
    Ok(number.checked_rem(count).unwrap_or_default())
}

fn time_of(meta: &ObjectMeta) -> OffsetDateTime {
    // A store's clock that is out of all range counts as the beginning of time: as old as can be.
    OffsetDateTime::from_unix_timestamp_nanos(
        i128::from(meta.last_modified.timestamp()) * 1_000_000_000
            + i128::from(meta.last_modified.timestamp_subsec_nanos()),
    )
    .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
