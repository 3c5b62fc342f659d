//! The files of one job in a store: each artifact with its manifest beside it; and ways to spoil them.

use sabot_engine::{CannotTell, Context as _, Judgement};
use sabot_recovery::Manifest;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use time::macros::format_description;
use tokio::process::Command;
use tokio::time::timeout;

/// What a manifest's name ends with.
const MANIFEST: &str = ".manifest.json";

/// How long a tool may take over what is stored here.
const LIMIT: Duration = Duration::from_secs(30);

/// One artifact and its manifest.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) manifest: Manifest,
    manifest_path: PathBuf,
    pub(super) path: PathBuf,
}

/// The artifacts of `job`, newest first.
pub(super) fn artifacts(store: &Path, job: &str) -> Judgement<Vec<Stored>> {
    let folder = store.join(job);
    let entries = std::fs::read_dir(&folder).context(format!("reading the folder of the job {job}"))?;
    let mut found = Vec::new();
    for entry in entries {
        let manifest_path = entry.context(format!("reading the folder of the job {job}"))?.path();
        if manifest_path.to_string_lossy().ends_with(MANIFEST) {
            let text = std::fs::read(&manifest_path).context("reading a manifest")?;
            let manifest: Manifest = serde_json::from_slice(&text).context("reading a manifest")?;
            let path = store.join(&manifest.artifact);
            found.push(Stored { manifest, manifest_path, path });
        }
    }
    found.sort_by_key(|stored| std::cmp::Reverse(stored.manifest.snapshot_at));
    Ok(found)
}

/// The newest artifact of `job`.
pub(super) fn newest(store: &Path, job: &str) -> Judgement<Stored> {
    let none = || CannotTell::new(format!("the store holds no backup of the job `{job}`"));
    artifacts(store, job)?.into_iter().next().ok_or_else(none)
}

/// Copies one job's files into a store of its own at `to`, and returns the newest artifact there.
pub(super) fn copied(store: &Path, job: &str, to: &Path) -> Judgement<Stored> {
    let failed = || format!("copying the backups of {job}");
    if to.exists() {
        std::fs::remove_dir_all(to).context(failed())?;
    }
    std::fs::create_dir_all(to.join(job)).context(failed())?;
    for entry in std::fs::read_dir(store.join(job)).context(failed())? {
        let entry = entry.context(failed())?;
        std::fs::copy(entry.path(), to.join(job).join(entry.file_name())).context(failed())?;
    }
    newest(to, job)
}

impl Stored {
    /// Its bytes.
    pub(super) fn bytes(&self) -> Judgement<Vec<u8>> {
        std::fs::read(&self.path).context("reading an artifact")
    }

    /// Replaces its bytes, and leaves the manifest as it is.
    pub(super) fn put(&self, bytes: &[u8]) -> Judgement {
        std::fs::write(&self.path, bytes).context("writing an artifact")
    }

    /// Cuts it to `length` bytes.
    pub(super) fn cut(&self, length: usize) -> Judgement {
        let mut bytes = self.bytes()?;
        bytes.truncate(length);
        self.put(&bytes)
    }

    /// Flips one bit `at` this byte.
    pub(super) fn flip(&self, at: usize) -> Judgement {
        let mut bytes = self.bytes()?;
        let byte = bytes.get_mut(at).ok_or_else(|| CannotTell::new("the artifact is shorter than that"))?;
        *byte ^= 0x10;
        self.put(&bytes)
    }

    /// Changes the manifest.
    pub(super) fn amend(&mut self, change: impl FnOnce(&mut Manifest)) -> Judgement {
        change(&mut self.manifest);
        let text = serde_json::to_vec_pretty(&self.manifest).context("writing a manifest")?;
        std::fs::write(&self.manifest_path, text).context("writing a manifest")
    }

    /// Puts a copy beside it that says it was taken `earlier`.
    pub(super) fn duplicate(&self, earlier: time::Duration) -> Judgement<Self> {
        let moment = self.manifest.snapshot_at - earlier;
        let stamp = moment.format(format_description!("[year][month][day]T[hour][minute][second]Z"));
        let stamp = stamp.context("writing a time")?;
        let file = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // The name begins with the time of the backup, and ends after a random part with what it is.
        let (_, rest) =
            file.split_once('-').ok_or_else(|| CannotTell::new("an artifact has no time in its name"))?;
        let name = format!("{stamp}-{rest}");
        let mut copy = self.clone();
        copy.path = self.path.with_file_name(&name);
        copy.manifest_path = self.path.with_file_name(format!("{name}{MANIFEST}"));
        std::fs::copy(&self.path, &copy.path).context("copying an artifact")?;
        let job = self.manifest.job.clone();
        copy.amend(|manifest| {
            manifest.artifact = format!("{job}/{name}");
            (manifest.snapshot_at, manifest.started_at, manifest.ended_at) = (moment, moment, moment);
        })?;
        for path in [&copy.path, &copy.manifest_path] {
            let file = std::fs::File::options().write(true).open(path).context("dating a copy")?;
            file.set_modified(moment.into()).context("dating a copy")?;
        }
        Ok(copy)
    }

    /// Makes the manifest's size and hash those of the bytes as they are now, as if it had been stored so.
    pub(super) async fn rehash(&mut self) -> Judgement {
        let sha256 = sha256(&self.path).await?;
        let bytes = std::fs::metadata(&self.path).context("reading an artifact's size")?.len();
        self.amend(|manifest| {
            manifest.sha256 = sha256;
            manifest.bytes = bytes;
        })
    }

    /// Cuts the manifest in the middle.
    pub(super) fn spoil_manifest(&self) -> Judgement {
        let text = std::fs::read(&self.manifest_path).context("reading a manifest")?;
        std::fs::write(&self.manifest_path, &text[..text.len() / 2]).context("cutting a manifest")
    }

    /// Takes the manifest away.
    pub(super) fn lose_manifest(&self) -> Judgement {
        std::fs::remove_file(&self.manifest_path).context("removing a manifest")
    }

    /// Takes the artifact away.
    pub(super) fn lose(&self) -> Judgement {
        std::fs::remove_file(&self.path).context("removing an artifact")
    }
}

/// The hash of a file, by coreutils: not by the code that is judged.
async fn sha256(path: &Path) -> Judgement<String> {
    let mut command = Command::new("sha256sum");
    command.arg("--binary").arg(path).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(LIMIT, command.output()).await.context("hashing an artifact")?;
    let output = output.context("hashing an artifact with sha256sum")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let hash = said.split_whitespace().next().unwrap_or_default().trim_start_matches('\\').to_owned();
    if hash.len() == 64 { Ok(hash) } else { Err(CannotTell::new("sha256sum did not give a hash")) }
}
