//! A logical backup: `pg_dump`, and at its side the content of the same snapshot.

use super::super::{BackupError, Magic};
use super::source::Source;
use super::{Made, Run, sequences};
use crate::digest::postgres::{ALGORITHM, DigestError, How, Views, content};
use crate::libpq;
use crate::manifest::{Content, Form};
use crate::tool::{Command, Tool};
use std::time::Duration;
use tokio::sync::oneshot;

const MAGIC: Magic = Magic { bytes: b"PGDMP", what: "a custom-format dump" };

/// gzip's quickest level: two thirds of the time of the default 6 for a twentieth more bytes.
const COMPRESSION: &str = "--compress=1";

/// Dumps the source's database.
pub(super) async fn dump(source: &mut Source, run: &Run<'_>) -> Result<Made, BackupError> {
    let tool = Tool::postgres("pg_dump", source.major).await?;
    let source_bytes = source.bytes("SELECT pg_database_size(current_database())").await?;
    // Sequences stand still in no snapshot: they are read before the dump, and once more after it.
    let before = run.unless_stopped(sequences::now(source, run)).await?;
    let (snapshot, snapshot_at) = source.snapshot().await?;
    let command = command(&tool, source, &snapshot, run.remaining());
    let config = source.config.clone();
    let how = how(snapshot, run.remaining());
    let (tell, told) = oneshot::channel();
    let digested = async {
        match content(&config, &how).await {
            Ok(database) => Ok(database),
            // The dump is what must end in order; it ends with this.
            Err(error) => {
                let _ended = tell.send(error);
                std::future::pending().await
            }
        }
    };
    let interrupted = interrupted(run.interrupted(source), told);
    let dumped = run.stream(command, MAGIC, interrupted);
    let (database, streamed) = tokio::try_join!(digested, dumped)?;
    let database = run.unless_stopped(sequences::settle(source, run, before, database)).await?;
    let content = Content::Yes { algorithm: ALGORITHM.to_owned(), databases: vec![database] };
    Ok(Made { form: Form::Custom, tool, streamed, content, snapshot_at, source_bytes })
}

/// What ends the dump: the run, or digests that failed.
async fn interrupted(
    run: impl Future<Output = BackupError>,
    told: oneshot::Receiver<DigestError>,
) -> BackupError {
    let failed = async {
        match told.await {
            Ok(error) => error.into(),
            // They came to their end.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        error = run => error,
        error = failed => error,
    }
}

fn command(tool: &Tool, source: &Source, snapshot: &str, limit: Duration) -> Command {
    let command = Command::new(tool, limit)
        .args(["--format=custom", COMPRESSION, "--no-password"])
        .arg(format!("--snapshot={snapshot}"));
    libpq::environment(&source.config)
        .into_iter()
        .fold(command, |command, (name, value)| command.env(name, value))
}

/// The source has other work: one connection, and half of the machine's processors for it. (They are taken for as many as
/// the source has.)
fn how(snapshot: String, limit: Duration) -> How {
    let cpus = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    let workers = u32::try_from(cpus / 2).unwrap_or(1);
    How { snapshot: Some(snapshot), views: Views::Refreshed, connections: 1, workers, limit }
}
