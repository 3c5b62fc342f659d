//! The estate of a lane: what is backed up, and the store with its backups. A throwaway source server holds it, so that
//! nothing of it outlives the run.

mod documents;

use crate::description::recovery::{BackupForm, Job};
use crate::{Binaries, Target, TargetError, command};
use sabot_sandbox::mongo;
use sabot_sandbox::postgres::{Options, Server};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::process::Command;

/// How long filling a database, or one backup, may take.
const LIMIT: Duration = Duration::from_secs(120);

/// What is handed on of our own environment: where programs, caches and temporary files are.
const PASSED: [&str; 6] =
    ["HOME", "XDG_CACHE_HOME", "SABOT_CACHE_DIR", "SABOT_POSTGRES_BIN", "TMPDIR", "USER"];

/// A source server, its databases, and the store with a backup of each job.
#[derive(Debug)]
pub struct Estate {
    source: Server,
    /// None where there is no server for MongoDB's protocol, or not the tools that back it up.
    documents: Option<mongo::Server>,
    program: PathBuf,
    taken: BTreeMap<String, Taken>,
}

/// When a backup was taken, by the clock of its source: between these two is the moment whose data it holds.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Just before it was begun.
    pub after: OffsetDateTime,
    /// When it had ended.
    pub before: OffsetDateTime,
}

impl Estate {
    /// Starts the source, fills it, and takes one backup of each job that can be taken of it.
    pub(crate) async fn found(target: &Target, binaries: &Binaries) -> Result<Self, TargetError> {
        let backups = &target.recovery.backups;
        let program = binaries.find(&backups.program)?;
        let options = Options::default().setting("wal_level", "replica").setting("max_wal_senders", "4");
        let source = Server::start(options).await?;
        let documents =
            if has_mongo() { Some(mongo::Server::start(mongo::Options::default()).await?) } else { None };
        let mut estate = Self { source, documents, program, taken: BTreeMap::new() };
        for folder in [estate.root(), estate.store(), estate.bin()] {
            std::fs::create_dir(&folder).map_err(TargetError::io("making a folder of the estate"))?;
        }
        for (database, fill) in &backups.databases {
            estate.source.create_database(database).await?;
            if let Some(fill) = fill {
                estate.fill(database, fill).await?;
            }
        }
        if let Some(documents) = &estate.documents {
            documents::fill(documents, &backups.collections).await?;
        }
        for job in &backups.jobs {
            if !estate.has(job) {
                continue;
            }
            let taken = estate.take(job).await?;
            estate.taken.insert(job.name.clone(), taken);
        }
        copy(&estate.store(), &estate.pristine()).map_err(TargetError::io("keeping the estate's backups"))?;
        Ok(estate)
    }

    /// The server that is backed up.
    pub const fn source(&self) -> &Server {
        &self.source
    }

    /// The server of MongoDB's protocol that is backed up; `None` where such a one cannot be had here.
    pub const fn documents(&self) -> Option<&mongo::Server> {
        self.documents.as_ref()
    }

    /// Whether what this job backs up is there.
    pub fn has(&self, job: &Job) -> bool {
        job.form != BackupForm::Mongo || self.documents.is_some()
    }

    /// The store with the backups.
    pub fn store(&self) -> PathBuf {
        self.root().join("store")
    }

    /// A folder first on the `PATH` of what is started here; empty at first.
    pub fn bin(&self) -> PathBuf {
        self.root().join("bin")
    }

    /// A folder of its own for who asks, gone with the estate.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn scratch(&self, name: &str) -> Result<PathBuf, TargetError> {
        let folder = self.root().join(name);
        std::fs::create_dir_all(&folder).map_err(TargetError::io(format!("making {}", folder.display())))?;
        Ok(folder)
    }

    /// When the backup of this job was taken.
    ///
    /// # Errors
    /// [`TargetError::NoSuch`] when there is no such job.
    pub fn taken(&self, job: &str) -> Result<Taken, TargetError> {
        let none = || TargetError::NoSuch { what: "a backup job", name: job.to_owned() };
        self.taken.get(job).copied().ok_or_else(none)
    }

    /// Takes a further backup of a job.
    ///
    /// # Errors
    /// [`TargetError::Command`] with what the program said.
    pub async fn take(&self, job: &Job) -> Result<Taken, TargetError> {
        let after = self.now().await?;
        let engine = if job.form == BackupForm::Mongo { "mongo" } else { "postgres" };
        let mut command = self.command();
        command.args(["backup", engine, "--job", &job.name, "--store"]).arg(self.store());
        if job.form == BackupForm::Physical {
            command.arg("--physical");
        }
        match (&self.documents, job.form) {
            (Some(documents), BackupForm::Mongo) => command.args(["--url", &documents.url()]),
            _ => command.env("DATABASE_URL", self.source.url(&job.database)),
        };
        let told = format!("{} backup {engine} --job {}", self.program.display(), job.name);
        command::run(&mut command, &told, LIMIT).await?;
        Ok(Taken { after, before: self.now().await? })
    }

    /// The program that takes and drills backups, with nothing in its environment but what it takes to find programs,
    /// caches and temporary files; the estate's [`bin`](Self::bin) is first on its `PATH`.
    pub fn command(&self) -> Command {
        let stand_in = self.program.file_name().map(|name| self.bin().join(name));
        let program = stand_in.filter(|path| path.is_file()).unwrap_or_else(|| self.program.clone());
        let mut command = Command::new(program);
        command.env_clear().env("PATH", self.path()).stdin(Stdio::null()).kill_on_drop(true);
        for name in PASSED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// The program itself, whatever stands in its place.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Puts the store back as it was, and takes every stand-in off the `PATH`.
    ///
    /// # Errors
    /// When a file cannot be written or removed.
    pub fn reset(&self) -> Result<(), TargetError> {
        let failed = || TargetError::io("putting the estate back");
        for folder in [self.store(), self.bin()] {
            std::fs::remove_dir_all(folder).map_err(failed())?;
        }
        std::fs::create_dir(self.bin()).map_err(failed())?;
        copy(&self.pristine(), &self.store()).map_err(failed())
    }

    pub(crate) async fn stop(self) {
        if let Some(documents) = self.documents {
            documents.stop().await;
        }
        self.source.stop().await;
    }

    /// Within the sandbox of the source: whatever removes that removes this.
    fn root(&self) -> PathBuf {
        self.source.folder().join("estate")
    }

    fn pristine(&self) -> PathBuf {
        self.root().join("pristine")
    }

    fn path(&self) -> OsString {
        let mut path = self.bin().into_os_string();
        if let Some(ours) = std::env::var_os("PATH") {
            path.push(":");
            path.push(ours);
        }
        path
    }

    async fn now(&self) -> Result<OffsetDateTime, TargetError> {
        let client = self.source.connect("postgres").await?;
        Ok(client.query_one("SELECT clock_timestamp()", &[]).await?.try_get(0)?)
    }

    async fn fill(&self, database: &str, sql: &str) -> Result<(), TargetError> {
        let client = self.source.connect(database).await?;
        let filled = tokio::time::timeout(LIMIT, client.batch_execute(sql)).await;
        let late = TargetError::Command {
            command: format!("filling the database {database}"),
            reason: format!("did not end within {LIMIT:?}"),
            log: String::new(),
        };
        Ok(filled.map_err(|_| late)??)
    }
}

/// Whether a server of MongoDB's protocol can be started, dumped and restored here.
fn has_mongo() -> bool {
    mongo::Installation::find().is_ok()
        && ["mongodump", "mongorestore"].iter().all(|name| mongo::tool(name).is_some())
}

/// Copies a folder with all that is in it; files keep their times, by which foreign artifacts are dated.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&path, &target)?;
        } else {
            std::fs::copy(&path, &target)?;
            let times = std::fs::FileTimes::new().set_modified(entry.metadata()?.modified()?);
            std::fs::File::options().write(true).open(&target)?.set_times(times)?;
        }
    }
    Ok(())
}
