//! Where the sequences stand in a dump.
//!
//! They take no part in transactions, so a snapshot does not hold them still, and the dump holds what each was when `pg_dump`
//! came to it. One that was the same before and after the dump was that; one that moved meanwhile is looked up in the dump.

use super::super::BackupError;
use super::Run;
use super::source::Source;
use crate::digest::postgres::sequences;
use crate::manifest::{Database, Table};
use crate::store::{StoreError, path_of};
use crate::tool::{Command, Tool};
use std::collections::BTreeMap;
use std::io::Write as _;

/// Where they stand now.
pub(super) async fn now(source: &Source, run: &Run<'_>) -> Result<Vec<Table>, BackupError> {
    Ok(sequences(&source.config, run.remaining()).await?)
}

/// Puts the values of the dump into the content that was told of the snapshot.
pub(super) async fn settle(
    source: &Source,
    run: &Run<'_>,
    before: Vec<Table>,
    mut database: Database,
) -> Result<Database, BackupError> {
    let after: BTreeMap<_, _> =
        now(source, run).await?.into_iter().map(|one| (one.name, one.digest)).collect();
    let (still, moved): (Vec<_>, Vec<_>) =
        before.into_iter().partition(|one| after.get(&one.name) == Some(&one.digest));
    let moved = if moved.is_empty() { moved } else { dumped(source, run, moved).await? };
    for one in still.into_iter().chain(moved) {
        if let Some(table) = database.tables.iter_mut().find(|table| table.name == one.name) {
            table.digest = one.digest;
        }
    }
    Ok(database)
}

/// What the dump sets these to. Only its table of contents is read, which stands at its beginning.
async fn dumped(source: &Source, run: &Run<'_>, moved: Vec<Table>) -> Result<Vec<Table>, BackupError> {
    let tool = Tool::postgres("pg_restore", source.major).await?;
    let head = run.request.store.head(&run.name).await?;
    let list = async |args: Vec<std::ffi::OsString>| {
        let (end, printed) =
            Command::new(&tool, run.remaining()).args(args).arg(head.path()).output().await?;
        match end.is_success() {
            true => Ok(printed),
            false => Err(BackupError::Failed {
                how: end.exit.to_string(),
                last: end.messages.tail(3),
                name: end.name,
            }),
        }
    };
    let contents = list(vec!["--list".into()]).await?;
    let entries: Vec<_> = contents.lines().filter(|line| line.contains(" SEQUENCE SET ")).collect();
    let failed = |source| {
        BackupError::Store(StoreError::File {
            doing: "write",
            path: "a list of sequences".to_owned(),
            source,
        })
    };
    let mut chosen = tempfile::tempfile().map_err(failed)?;
    chosen.write_all(entries.join("\n").as_bytes()).map_err(failed)?;
    let sql = list(vec!["--file=-".into(), "--use-list".into(), path_of(&chosen).into()]).await?;
    let set: BTreeMap<_, _> = sql.lines().filter_map(set_value).collect();
    moved
        .into_iter()
        .map(|one| match set.get(&one.name) {
            Some(digest) => Ok(Table { digest: digest.clone(), ..one }),
            None => Err(BackupError::Sequence { name: one.name }),
        })
        .collect()
}

/// Name and stand from `SELECT pg_catalog.setval('public.counter', 42, true);`.
fn set_value(line: &str) -> Option<(String, String)> {
    let call = line.strip_prefix("SELECT pg_catalog.setval('")?.strip_suffix(");")?;
    let (rest, called) = call.rsplit_once(", ")?;
    let (name, value) = rest.rsplit_once("', ")?;
    let called = if called == "true" { "called" } else { "not called" };
    Some((name.replace("''", "'"), format!("{value} {called}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dump_sets_a_sequence_to_is_read() {
        let read = |line| set_value(line).map(|(name, stand)| format!("{name} {stand}"));
        let plain = read("SELECT pg_catalog.setval('public.counter', 42, true);");
        assert_eq!(plain.as_deref(), Some("public.counter 42 called"));
        let odd = read(r#"SELECT pg_catalog.setval('"a, b"."it''s"', -1, false);"#);
        assert_eq!(odd.as_deref(), Some("\"a, b\".\"it's\" -1 not called"));
        assert_eq!(read("SELECT pg_catalog.set_config('search_path', '', false);"), None);
    }
}
