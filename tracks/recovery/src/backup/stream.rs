//! What a program writes, streamed into a store.

use super::BackupError;
use crate::store::{Store, Stored, Upload};
use crate::tool::{Command, End, Running};
use bytes::BytesMut;
use futures_util::FutureExt as _;
use std::future::Future;

/// How much is read at once, in bytes.
const BLOCK: usize = 256 * 1024;

/// How many of its last lines tell why a program failed.
const LAST: usize = 10;

/// What a backup of some form begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Magic {
    /// Its first bytes.
    pub bytes: &'static [u8],
    /// What it is called.
    pub what: &'static str,
}

/// A stream that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Streamed {
    /// What was stored.
    pub stored: Stored,
    /// How the program ended: well.
    pub end: End,
}

/// Runs a program and streams what it writes into the store, under `name` once all is there and the program has ended
/// well. `watch` is told each piece. When `interrupted` is done first, program and upload are ended with its error.
///
/// # Errors
/// When the program cannot be run, fails or writes something else; when the store fails; and what `interrupted` says.
pub async fn stream(
    command: Command,
    store: &Store,
    name: &str,
    magic: Magic,
    mut watch: impl FnMut(&[u8]) + Send,
    interrupted: impl Future<Output = BackupError>,
) -> Result<Streamed, BackupError> {
    let mut upload = store.upload(name).await?;
    let mut running = match command.start().await {
        Ok(running) => running,
        Err(error) => return Err(abandon(upload, error.into()).await),
    };
    let mut first = Vec::new();
    tokio::pin!(interrupted);
    let pumped = tokio::select! {
        biased;
        error = &mut interrupted => Err(error),
        pumped = pump(&mut running, &mut upload, magic, &mut first, &mut watch) => pumped,
    };
    if let Err(error) = pumped {
        let messages = running.stop().await;
        tracing::debug!(last = messages.tail(LAST), "a backup program was stopped");
        return Err(abandon(upload, error).await);
    }
    let end = match ended(running, magic, &first, upload.bytes()).await {
        Ok(end) => end,
        Err(error) => return Err(abandon(upload, error).await),
    };
    // The last pieces may have interrupted it as well: then it gets no name.
    if let Some(error) = interrupted.now_or_never() {
        return Err(abandon(upload, error).await);
    }
    Ok(Streamed { stored: upload.finish().await?, end })
}

async fn pump(
    running: &mut Running,
    upload: &mut Upload,
    magic: Magic,
    first: &mut Vec<u8>,
    watch: &mut (impl FnMut(&[u8]) + Send),
) -> Result<(), BackupError> {
    let mut buffer = BytesMut::with_capacity(BLOCK);
    while running.read(&mut buffer).await? > 0 {
        let missing = magic.bytes.len().saturating_sub(first.len()).min(buffer.len());
        first.extend_from_slice(buffer.get(..missing).unwrap_or_default());
        watch(&buffer);
        upload.write(&buffer).await?;
        buffer.clear();
        buffer.reserve(BLOCK);
    }
    Ok(())
}

/// The end of its output is not yet its end: only its exit code says that all was written.
async fn ended(running: Running, magic: Magic, first: &[u8], bytes: u64) -> Result<End, BackupError> {
    let end = running.finish().await?;
    if !end.is_success() {
        return Err(BackupError::Failed {
            how: end.exit.to_string(),
            last: end.messages.tail(LAST),
            name: end.name,
        });
    }
    if first != magic.bytes {
        return Err(BackupError::NoBackup { name: end.name, bytes, what: magic.what });
    }
    Ok(end)
}

/// Removes what was sent; what led here is the error to report.
async fn abandon(upload: Upload, error: BackupError) -> BackupError {
    if let Err(second) = upload.abort().await {
        tracing::warn!(error = %second, "what was sent of a backup could not be removed");
    }
    error
}
