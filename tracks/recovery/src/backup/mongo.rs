//! Backups of MongoDB: `mongodump --archive --gzip`, streamed into the store, and read as it passes by.
//!
//! `mongodump` has no snapshot here: its manifest says what the archive itself holds, and its moment is the one at which
//! the dump began, so that its age is never told too low. Several at a time do one another no harm.

use super::{BackupError, Done, Magic, Request, Streamed, Taken, retain, stream};
use crate::Manifest;
use crate::manifest::{Content, Engine, FORMAT, Form};
use crate::mongo::{ALGORITHM, ArchiveError, Inventory, Reader, url};
use crate::store::{State, Suffix, artifact_name};
use crate::tool::{Command, Tool};
use sabot_sandbox::mongo::{Connection, Kind};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::sync::oneshot;
use tokio::time::Instant;

const MAGIC: Magic = Magic { bytes: &[0x1F, 0x8B], what: "a packed archive" };

/// What installs MongoDB's tools.
pub(crate) const REMEDY: &str = "install MongoDB's package mongodb-database-tools";

/// How long the source may take to say what it is.
const ASK_LIMIT: Duration = Duration::from_secs(10);

/// Takes a backup of the server, or the database, that this address names, and applies the request's retention.
/// `progress` is told the bytes so far.
///
/// # Errors
/// When anything fails, is stopped or is late; nothing is left then that would be taken for an artifact.
pub async fn backup(
    url: &str,
    request: &Request,
    progress: impl Fn(u64) + Send + Sync,
) -> Result<Done, BackupError> {
    if !url::is_address(url) {
        return Err(BackupError::MongoUrl);
    }
    if let Some(name) = already(request).await? {
        return Ok(Done::Already(name));
    }
    let (started_at, deadline) = (OffsetDateTime::now_utc(), Instant::now() + request.limit);
    let tool = Tool::find("mongodump", REMEDY).await?;
    let kind = kind_of(url).await;
    let name = artifact_name(&request.job, started_at, Suffix::ArchiveGz)?;
    let (streamed, inventory) = dump(&tool, url, request, &name, deadline, &progress).await?;
    let Streamed { stored, end } = streamed;
    let version = inventory.server_version;
    let manifest = Manifest {
        format: FORMAT,
        artifact: name,
        job: request.job.clone(),
        engine: Engine::Mongo,
        form: Form::MongoArchive,
        tools: BTreeMap::from([(tool.name, tool.version), (kind.to_string(), version.clone())]),
        server_version: version,
        snapshot_at: started_at,
        started_at,
        ended_at: OffsetDateTime::now_utc(),
        bytes: stored.bytes,
        sha256: stored.sha256,
        source_bytes: inventory.bytes,
        content: Content::Yes { algorithm: ALGORITHM.to_owned(), databases: inventory.databases },
    };
    request.store.put_manifest(&manifest).await?;
    let retained = retain(request).await;
    Ok(Done::Taken(Box::new(Taken { manifest, warnings: warnings(&end.messages.lines, url), retained })))
}

/// An artifact that makes this one needless.
async fn already(request: &Request) -> Result<Option<String>, BackupError> {
    let Some(due) = request.due else { return Ok(None) };
    let artifacts = request.store.artifacts(&request.job).await?;
    let whole =
        artifacts.into_iter().find(|one| matches!(one.state, State::Whole(_)) && one.snapshot_at() >= due);
    Ok(whole.map(|artifact| artifact.name))
}

/// What the source is. One that cannot be asked without a login or TLS counts as MongoDB's own: a drill then asks for no
/// less than that.
async fn kind_of(url: &str) -> Kind {
    let Some(address) = url::plain_address(url) else { return Kind::Mongod };
    let asked = async { Connection::open(&address, ASK_LIMIT).await?.build_info().await };
    match asked.await {
        Ok(build) if build.is_ferretdb => Kind::FerretDb,
        _ => Kind::Mongod,
    }
}

/// Dumps, and reads the archive as it passes by.
async fn dump(
    tool: &Tool,
    url: &str,
    request: &Request,
    name: &str,
    deadline: Instant,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<(Streamed, Inventory), BackupError> {
    let (command, _folder) = command(tool, url, deadline.saturating_duration_since(Instant::now()))?;
    let (tell, told) = oneshot::channel();
    let (mut reader, mut tell, mut bytes) = (Reader::default(), Some(tell), 0);
    let watch = |piece: &[u8]| {
        bytes += piece.len() as u64;
        progress(bytes);
        if tell.is_some()
            && let Err(error) = reader.feed(piece)
            && let Some(tell) = tell.take()
        {
            // Nobody listens any more once the dump has ended otherwise.
            let _ended = tell.send(error);
        }
    };
    let streamed =
        stream(command, &request.store, name, MAGIC, watch, interrupted(request, deadline, told)).await;
    let streamed = streamed.map_err(|error| without_secrets(error, url))?;
    Ok((streamed, reader.finish()?))
}

/// What ends the dump early: the caller, the time, an archive that cannot be read.
async fn interrupted(
    request: &Request,
    deadline: Instant,
    told: oneshot::Receiver<ArchiveError>,
) -> BackupError {
    let damaged = async {
        match told.await {
            Ok(error) => error.into(),
            // Its end has come; what it is worth is judged there.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = request.stop.cancelled() => BackupError::Stopped,
        () = tokio::time::sleep_until(deadline) => BackupError::Late { limit: request.limit },
        error = damaged => error,
    }
}

/// The address goes by a file that only its owner reads, and that is removed however this ends: on the command line
/// everybody could read the password.
fn command(tool: &Tool, url: &str, limit: Duration) -> Result<(Command, TempDir), BackupError> {
    let written = || {
        let folder = tempfile::Builder::new().prefix("sabot-mongo-").tempdir()?;
        let path = folder.path().join("config.yaml");
        let mut file = std::fs::File::options().create_new(true).write(true).mode(0o600).open(&path)?;
        // Every JSON text is one of YAML too.
        writeln!(file, "uri: {}", serde_json::Value::from(url))?;
        Ok((folder, path))
    };
    let (folder, path) = written().map_err(|source| BackupError::Config { source })?;
    let mut config = std::ffi::OsString::from("--config=");
    config.push(&path);
    let held = folder.path().to_owned();
    let command =
        Command::new(tool, limit).arg(config).args(["--archive", "--gzip"]).spec(|spec| spec.folder(held));
    Ok((command, folder))
}

fn without_secrets(error: BackupError, url: &str) -> BackupError {
    match error {
        BackupError::Failed { name, how, last } => {
            BackupError::Failed { name, how, last: url::redacted(&last, url) }
        }
        other => other,
    }
}

/// What it says that is more than how far it has come.
fn warnings(lines: &[String], url: &str) -> Vec<String> {
    let is_warning = |line: &&String| line.to_lowercase().contains("warn");
    lines.iter().filter(is_warning).map(|line| url::redacted(line, url)).collect()
}
