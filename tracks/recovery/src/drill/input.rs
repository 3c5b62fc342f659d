//! The artifact: chosen, accepted, fetched with its hash checked.

use super::Source;
use super::course::{Course, Stopped, with_causes};
use crate::Manifest;
use crate::manifest::Engine;
use crate::report::{Class, Phase};
use crate::store::{Artifact, State, Store, StoreError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use time::OffsetDateTime;

/// How often the progress of a phase is said.
pub(crate) const SAID_EVERY: Duration = Duration::from_millis(500);

/// The artifact of one drill.
#[derive(Debug)]
pub struct Input {
    name: String,
    bytes: u64,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    Stored(Store, Box<Artifact>),
    File(PathBuf),
}

impl Input {
    /// Chooses the artifact and says that the drill is accepted.
    ///
    /// # Errors
    /// When there is none, or it is none that could be restored; noted.
    pub async fn choose(course: &Course, source: &Source, engine: Engine) -> Result<Self, Stopped> {
        let (input, snapshot_at) = match source {
            Source::File(path) => Self::file(course, path)?,
            Source::Job { store, job, choice } => {
                let chosen = store.choose(job, choice).await.map_err(|error| refused(course, job, &error))?;
                for other in &chosen.passed_over {
                    let message = "half-written: it is newer than the artifact drilled, and has no manifest";
                    course.problem(Class::Manifest, other.name.clone(), message);
                }
                Self::stored(store, chosen.artifact)
            }
            Source::Pattern { store, pattern } => {
                let found = store.foreign(pattern).await.map_err(|error| refused(course, pattern, &error))?;
                let newest = found.into_iter().next();
                let message = || format!("nothing in {} matches; correct the pattern", store.place());
                Self::stored(store, newest.ok_or_else(|| course.stop(Class::Store, pattern, message()))?)
            }
        };
        course.accept(&input.name, input.bytes, snapshot_at);
        input.is_restorable(course, engine)?;
        Ok(input)
    }

    fn stored(store: &Store, artifact: Artifact) -> (Self, Option<OffsetDateTime>) {
        let snapshot_at = artifact.snapshot_at();
        let (name, bytes) = (artifact.name.clone(), artifact.bytes);
        (Self { name, bytes, origin: Origin::Stored(store.clone(), Box::new(artifact)) }, Some(snapshot_at))
    }

    fn file(course: &Course, path: &Path) -> Result<(Self, Option<OffsetDateTime>), Stopped> {
        let name = path.display().to_string();
        let failed =
            |error: std::io::Error| course.stop(Class::Store, &name, format!("cannot be read: {error}"));
        let (bytes, modified) = size(path).map_err(failed)?;
        let origin = Origin::File(path.to_owned());
        Ok((Self { name: name.clone(), bytes, origin }, modified.map(OffsetDateTime::from)))
    }

    fn is_restorable(&self, course: &Course, engine: Engine) -> Result<(), Stopped> {
        let Origin::Stored(_, artifact) = &self.origin else { return Ok(()) };
        match &artifact.state {
            State::Whole(manifest) if manifest.engine != engine => {
                let message = format!("it is of {}; drill it with `sabot drill {0}`", manifest.engine);
                Err(course.stop(Class::Manifest, &self.name, message))
            }
            State::Whole(_) | State::Foreign => Ok(()),
            State::HalfWritten => {
                Err(course.stop(Class::Manifest, &self.name, "half-written: it has no manifest"))
            }
            State::Damaged { message } => Err(course.stop(Class::Manifest, &self.name, message)),
            State::Gone(_) => Err(course.stop(
                Class::Store,
                &self.name,
                "its manifest is there, the artifact itself is gone",
            )),
        }
    }

    /// Its name in the store, or its path.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its size in the store, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its manifest, if it is one of ours.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        match &self.origin {
            Origin::Stored(_, artifact) => artifact.manifest(),
            Origin::File(_) => None,
        }
    }

    /// Where it lies, if that is on this machine.
    #[must_use]
    pub fn local_path(&self) -> Option<PathBuf> {
        match &self.origin {
            Origin::Stored(store, artifact) => store.local_path(&artifact.name),
            Origin::File(path) => Some(path.clone()),
        }
    }

    /// Has it at hand, its hash checked: where it lies, or in `folder`.
    ///
    /// # Errors
    /// When it cannot be fetched, or is not what was stored; noted.
    pub async fn fetch(&self, course: &Course, folder: &Path) -> Result<PathBuf, Stopped> {
        let (store, artifact) = match &self.origin {
            Origin::File(path) => return Ok(path.clone()),
            Origin::Stored(store, artifact) => (store, artifact),
        };
        let so_far = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&so_far);
        let fetching = store.fetch(artifact, folder, move |bytes| counter.store(bytes, Ordering::Relaxed));
        let say = || course.progress(Phase::Fetch, so_far.load(Ordering::Relaxed), Some(self.bytes));
        match saying(say, fetching).await {
            Ok(fetched) => Ok(fetched.path),
            Err(error) => Err(refused(course, &self.name, &error)),
        }
    }
}

/// Carries out `work`; calls `say` twice a second meanwhile.
pub(crate) async fn saying<T>(say: impl Fn(), work: impl Future<Output = T>) -> T {
    let mut ticks = tokio::time::interval(SAID_EVERY);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => {
                say();
                return done;
            }
            _ = ticks.tick() => say(),
        }
    }
}

fn refused(course: &Course, subject: &str, error: &StoreError) -> Stopped {
    let class = if matches!(error, StoreError::Hash { .. }) { Class::Hash } else { Class::Store };
    course.stop(class, subject, with_causes(error))
}

/// Bytes of a file or folder, and when the newest of it was written.
fn size(path: &Path) -> std::io::Result<(u64, Option<std::time::SystemTime>)> {
    let meta = std::fs::metadata(path)?;
    if !meta.is_dir() {
        return Ok((meta.len(), meta.modified().ok()));
    }
    let (mut bytes, mut newest) = (0, None);
    for entry in std::fs::read_dir(path)? {
        let (more, modified) = size(&entry?.path())?;
        bytes += more;
        newest = newest.max(modified);
    }
    Ok((bytes, newest))
}
