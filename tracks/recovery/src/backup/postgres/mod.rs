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

use super::{BackupError, Done, Magic, Request, Streamed, Taken, retain, stream};
use crate::Manifest;
use crate::manifest::{Content, Engine, FORMAT, Form};
use crate::store::{Artifact, State, Suffix, artifact_name};
use crate::tool::{Command, Tool};
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
    let suffix = match kind {
        Kind::Logical => Suffix::Dump,
        Kind::Physical => Suffix::BaseTarZst,
    };
    let name = artifact_name(&request.job, OffsetDateTime::now_utc(), suffix)?;
    let run = Run { request, name, started_at, deadline, progress: &progress };
    let (manifest, warnings) = match make(&mut source, kind, &run).await {
        Ok(made) => made,
        Err(error) => {
            // It may be whole without being counted on; what went wrong is the error to report.
            let _removed = request.store.discard(&run.name).await;
            return Err(error);
        }
    };
    // The lock is held until here, so that whoever comes next sees the artifact.
    let retained = retain(request).await;
    Ok(Done::Taken(Box::new(Taken { manifest, warnings, retained })))
}

/// Makes artifact and manifest; gives the latter, and what the program said.
async fn make(
    source: &mut Source,
    kind: Kind,
    run: &Run<'_>,
) -> Result<(Manifest, Vec<String>), BackupError> {
    let made = match kind {
        Kind::Logical => logical::dump(source, run).await,
        Kind::Physical => physical::base(source, run).await,
    }?;
    let Streamed { stored, end } = made.streamed;
    let manifest = Manifest {
        format: FORMAT,
        artifact: run.name.clone(),
        job: run.request.job.clone(),
        engine: Engine::Postgres,
        form: made.form,
        server_version: source.version.clone(),
        tools: BTreeMap::from([(made.tool.name, made.tool.version)]),
        snapshot_at: made.snapshot_at,
        started_at: run.started_at,
        ended_at: OffsetDateTime::now_utc(),
        bytes: stored.bytes,
        sha256: stored.sha256,
        source_bytes: made.source_bytes,
        content: made.content,
    };
    run.request.store.put_manifest(&manifest).await?;
    Ok((manifest, end.messages.lines))
}

/// Connects, takes the lock, and looks whether there is anything left to do.
async fn prepare(config: &Config, request: &Request) -> Result<(Source, Option<String>), BackupError> {
    let source = Source::open(config, &request.job).await?;
    let Some(due) = request.due else { return Ok((source, None)) };
    // One dated in the future would keep all others from being taken.
    let since_then = due..=source.clock().await?;
    let whole =
        |one: &Artifact| matches!(one.state, State::Whole(_)) && since_then.contains(&one.snapshot_at());
    let already = request.store.artifacts(&request.job).await?.into_iter().find(whole);
    Ok((source, already.map(|artifact| artifact.name)))
}

/// What a run goes by.
struct Run<'a> {
    request: &'a Request,
    /// Of the artifact.
    name: String,
    started_at: OffsetDateTime,
    deadline: Instant,
    progress: &'a (dyn Fn(u64) + Send + Sync),
}

impl Run<'_> {
    /// How much time is left.
    fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Streams what this writes into the store, unless the run has to end before.
    async fn stream(
        &self,
        command: Command,
        magic: Magic,
        interrupted: impl Future<Output = BackupError>,
    ) -> Result<Streamed, BackupError> {
        let mut bytes = 0;
        let watch = |piece: &[u8]| {
            bytes += piece.len() as u64;
            (self.progress)(bytes);
        };
        stream(command, &self.request.store, &self.name, magic, watch, interrupted).await
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

    /// Does this, unless the run is stopped before.
    async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T, BackupError>>,
    ) -> Result<T, BackupError> {
        tokio::select! {
            biased;
            () = self.request.stop.cancelled() => Err(BackupError::Stopped),
            done = work => done,
        }
    }
}

/// What a kind of backup made, stored under the run's name.
struct Made {
    form: Form,
    tool: Tool,
    streamed: Streamed,
    content: Content,
    snapshot_at: OffsetDateTime,
    source_bytes: u64,
}
