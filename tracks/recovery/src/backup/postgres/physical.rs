//! A physical backup: `pg_basebackup`, the whole server as one packed tar with its own manifest.
//!
//! The WAL that makes it whole comes at its end, in the same stream: a source that writes much must keep that long what it
//! writes meanwhile (`wal_keep_size`), else the copy fails and says so.

use super::super::{BackupError, Magic};
use super::source::Source;
use super::{Made, Run};
use crate::libpq;
use crate::manifest::{Content, Form};
use crate::tool::{Command, Tool};

const MAGIC: Magic = Magic { bytes: &[0x28, 0xb5, 0x2f, 0xfd], what: "a tar packed by zstd" };

/// The first version of `pg_basebackup` that packs by zstd.
const PACKS: u32 = 15;

/// zstd's quickest level. Packing is done here, so that the source only sends.
const COMPRESSION: &str = "--compress=client-zstd:1";

/// Why its content is not told.
const NO_CONTENT: &str = "a base backup has no snapshot whose rows could be digested while it is taken; \
    its promise is its own manifest, checked by pg_verifybackup";

/// Copies the source's whole server.
pub(super) async fn base(source: &mut Source, run: &Run<'_>) -> Result<Made, BackupError> {
    if let Some(names) = source.tablespaces().await? {
        return Err(BackupError::Tablespaces { names });
    }
    let tool = Tool::postgres("pg_basebackup", source.major.max(PACKS)).await?;
    let source_bytes = source.bytes("SELECT sum(pg_database_size(oid))::bigint FROM pg_database").await?;
    // It will hold what is committed up to its end, which nobody tells: so much is certain.
    let snapshot_at = source.clock().await?;
    let command = Command::new(&tool, run.remaining()).args([
        "--pgdata=-",
        "--format=tar",
        "--wal-method=fetch",
        "--checkpoint=fast",
        "--no-password",
        COMPRESSION,
    ]);
    let command = libpq::environment(&source.config)
        .into_iter()
        .fold(command, |command, (name, value)| command.env(name, value));
    let interrupted = run.interrupted(source);
    let streamed = run.stream(command, MAGIC, interrupted).await?;
    let content = Content::No { reason: NO_CONTENT.to_owned() };
    Ok(Made { form: Form::BaseBackup, tool, streamed, content, snapshot_at, source_bytes })
}
