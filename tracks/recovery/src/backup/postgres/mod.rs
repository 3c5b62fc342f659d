//! Backups of PostgreSQL.
//!
//! *Logical* (`pg_dump`, custom format): one database. The counts and digests in its manifest are computed by the server in
//! the very snapshot that is dumped, while it is dumped. *Physical* (`pg_basebackup`): the whole server. It has no such
//! snapshot, so that its manifest holds no content.
//!
//! Only one backup of a database runs for a job at a time, wherever it was started: it holds an advisory lock on the source,
//! a session's, whose key is [`lock_key`].

mod logical;
mod physical;
mod sequences;
mod source;

pub use source::lock_key;

use super::{BackupError, Done, Request, Taken, retain};
use crate::Manifest;
use crate::manifest::{Content, Engine, FORMAT, Form};
use crate::store::{Artifact, State, Stored, Suffix, artifact_name};
use source::Source;
use std::collections::BTreeMap;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_postgres::Config;

/// How the backup is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// One database, by `pg_dump`.
    #[default]
    Logical,
    /// The whole server, by `pg_basebackup`.
    Physical,
}

/// Takes a backup of what `source` names, and applies the request's retention. `progress` is told the bytes so far.
///
/// # Errors
/// When another backup of the same database and job runs, and when anything fails, is stopped or is late; nothing is left
/// then that would be taken for an artifact.
pub async fn backup(
    source: &Config,
    kind: Kind,
    request: &Request,
    progress: impl Fn(u64) + Send + Sync,
) -> Result<Done, BackupError> {
    let started_at = OffsetDateTime::now_utc();
    let deadline = Instant::now() + request.limit;
    let prepared = prepare(source, request);
    let prepared = tokio::select! {
        biased;
        () = request.stop.cancelled() => Err(BackupError::Stopped),
        () = tokio::time::sleep_until(deadline) => Err(BackupError::Late { limit: request.limit }),
        prepared = prepared => prepared,
    };
    let (mut source, already) = prepared?;
    if let Some(name) = already {
        return Ok(Done::Already(name));
    }
    let run = Run { request, deadline, progress: &progress };
    let made = match kind {
        Kind::Logical => logical::dump(&mut source, &run).await,
        Kind::Physical => physical::base(&mut source, &run).await,
    }?;
    let Made { name, form, stored, content, tools, warnings, snapshot_at, source_bytes } = made;
    let manifest = Manifest {
        format: FORMAT,
        artifact: name,
        job: request.job.clone(),
        engine: Engine::Postgres,
        form,
        server_version: source.version.clone(),
        tools,
        snapshot_at,
        started_at,
        ended_at: OffsetDateTime::now_utc(),
        bytes: stored.bytes,
        sha256: stored.sha256,
        source_bytes,
        content,
    };
    request.store.put_manifest(&manifest).await?;
    // The lock is held until here, so that whoever comes next sees the artifact.
    let retained = retain(request).await;
    Ok(Done::Taken(Box::new(Taken { manifest, warnings, retained })))
}

/// Connects, takes the lock, and looks whether there is anything left to do.
async fn prepare(config: &Config, request: &Request) -> Result<(Source, Option<String>), BackupError> {
    let source = Source::open(config, &request.job).await?;
    let Some(due) = request.due else { return Ok((source, None)) };
    let whole = |one: &Artifact| matches!(one.state, State::Whole(_)) && one.snapshot_at() >= due;
    let already = request.store.artifacts(&request.job).await?.into_iter().find(whole);
    Ok((source, already.map(|artifact| artifact.name)))
}

/// What a run goes by.
struct Run<'a> {
    request: &'a Request,
    deadline: Instant,
    progress: &'a (dyn Fn(u64) + Send + Sync),
}

impl Run<'_> {
    fn artifact(&self, suffix: Suffix) -> Result<String, BackupError> {
        Ok(artifact_name(&self.request.job, OffsetDateTime::now_utc(), suffix)?)
    }

    /// How much time is left.
    fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Tells the bytes so far.
    fn watch(&self) -> impl FnMut(&[u8]) + Send + use<'_> {
        let mut bytes = 0;
        move |piece| {
            bytes += piece.len() as u64;
            (self.progress)(bytes);
        }
    }

    /// Done as soon as the run cannot go on.
    async fn interrupted(&self, source: &mut Source) -> BackupError {
        tokio::select! {
            biased;
            () = self.request.stop.cancelled() => BackupError::Stopped,
            () = tokio::time::sleep_until(self.deadline) => BackupError::Late { limit: self.request.limit },
            () = source.lost() => BackupError::Lost,
        }
    }
}

/// What a kind of backup made, stored under its name.
struct Made {
    name: String,
    form: Form,
    stored: Stored,
    content: Content,
    tools: BTreeMap<String, String>,
    warnings: Vec<String>,
    snapshot_at: OffsetDateTime,
    source_bytes: u64,
}
