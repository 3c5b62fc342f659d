//! The restored content: dumped again, and compared with what must be there.

use super::{ASK_LIMIT, LIMIT};
use crate::backup::mongo::REMEDY;
use crate::drill::course::{Course, Stopped, with_causes};
use crate::manifest::{Content, Database, Manifest, Objects, Table};
use crate::mongo::{ALGORITHM, Inventory, Reader};
use crate::report::{Class, Verified};
use crate::tool::{Command, Tool};
use bytes::BytesMut;
use sabot_sandbox::mongo::{Kind, Server};
use std::collections::BTreeMap;

/// How much is read at once, in bytes.
const BLOCK: usize = 256 * 1024;

/// How many of its last lines tell why the tool failed.
const LAST: usize = 5;

/// Verifies what was restored: against the manifest, and else against the archive itself, which says what was in it but
/// not what should have been.
pub(super) async fn verify(
    course: &Course,
    server: &Server,
    manifest: Option<&Manifest>,
    archive: &Inventory,
) -> Result<(), Stopped> {
    let lost = |error: String| {
        course.content(Verified::Differs);
        course.stop(Class::Content, "the restored server", error)
    };
    let restored = dump(server).await.map_err(lost)?;
    let (expected, vouched) = match manifest.map(|manifest| &manifest.content) {
        Some(Content::Yes { algorithm, databases }) if algorithm == ALGORITHM => (databases, Ok(())),
        Some(Content::Yes { algorithm, .. }) => {
            let reason = format!("its digests are of {algorithm:?}, which this program does not compute");
            (&archive.databases, Err(reason))
        }
        Some(Content::No { reason }) => (&archive.databases, Err(reason.clone())),
        None => (&archive.databases, Err("there is no manifest; it holds what the archive holds".to_owned())),
    };
    let (tables, rows) = (restored.collections(), restored.documents());
    let mut differences = compare(expected, &restored.databases, keeps_definitions(server, manifest));
    if vouched.is_err() && rows == 0 {
        differences
            .push(("the archive".to_owned(), "expected at least one document, observed none".to_owned()));
    }
    differences.extend(counts(server, &restored.databases).await);
    course.content(match vouched {
        _ if !differences.is_empty() => Verified::Differs,
        Ok(()) => Verified::Equal { tables, rows },
        Err(reason) => Verified::Counted { tables, rows, reason },
    });
    for (subject, message) in differences {
        course.problem(Class::Content, subject, message);
    }
    Ok(())
}

/// Definitions are compared between servers of one kind: another may write the same index in other words.
fn keeps_definitions(server: &Server, manifest: Option<&Manifest>) -> bool {
    let was_ferretdb =
        manifest.is_some_and(|manifest| manifest.tools.contains_key(&Kind::FerretDb.to_string()));
    server.is_real_mongod() != was_ferretdb
}

/// Dumps the restored server, and reads that as it comes.
async fn dump(server: &Server) -> Result<Inventory, String> {
    let tool = Tool::find("mongodump", REMEDY).await.map_err(|error| with_causes(&error))?;
    let command = Command::new(&tool, LIMIT).arg(format!("--uri={}", server.url())).arg("--archive");
    let mut running = command.start().await.map_err(|error| with_causes(&error))?;
    let (mut reader, mut buffer) = (Reader::default(), BytesMut::with_capacity(BLOCK));
    while running.read(&mut buffer).await.map_err(|error| with_causes(&error))? > 0 {
        reader.feed(&buffer).map_err(|error| format!("its dump cannot be read: {}", with_causes(&error)))?;
        buffer.clear();
        buffer.reserve(BLOCK);
    }
    let end = running.finish().await.map_err(|error| with_causes(&error))?;
    if !end.is_success() {
        return Err(format!("mongodump ended with {}: {}", end.exit, end.messages.tail(LAST)));
    }
    reader.finish().map_err(|error| format!("its dump cannot be read: {}", with_causes(&error)))
}

/// Asks the server itself how many documents each collection has: a second way to the same numbers.
async fn counts(server: &Server, databases: &[Database]) -> Vec<(String, String)> {
    let mut connection = match server.connect(ASK_LIMIT).await {
        Ok(connection) => connection,
        Err(error) => return vec![("the restored server".to_owned(), with_causes(&error))],
    };
    let mut differences = Vec::new();
    for table in databases.iter().flat_map(|database| &database.tables) {
        let (database, collection) = table.name.split_once('.').unwrap_or((&table.name, ""));
        let message = match connection.count(database, collection).await {
            Ok(count) if count == table.rows => continue,
            Ok(count) => format!("its dump holds {} documents, the server counts {count}", table.rows),
            Err(error) => with_causes(&error),
        };
        differences.push((table.name.clone(), message));
    }
    differences
}

/// Every difference between what should be there and what is.
fn compare(expected: &[Database], observed: &[Database], definitions: bool) -> Vec<(String, String)> {
    let tables =
        |databases| by_name(databases, |database: &Database| &database.tables, |table| table.name.clone());
    let mut differences = differing(tables(expected), tables(observed), table);
    if definitions {
        let name = |database: &Database, of: &Objects| format!("{}: {}", database.name, of.class);
        let objects = |databases: &[Database]| -> BTreeMap<String, Objects> {
            let all =
                databases.iter().flat_map(|database| database.objects.iter().map(move |of| (database, of)));
            all.map(|(database, of)| (name(database, of), of.clone())).collect()
        };
        differences.extend(differing(objects(expected), objects(observed), definition));
    }
    differences
}

fn by_name<T: Clone>(
    databases: &[Database],
    of: impl Fn(&Database) -> &Vec<T>,
    name: impl Fn(&T) -> String,
) -> BTreeMap<String, T> {
    databases.iter().flat_map(of).map(|one| (name(one), one.clone())).collect()
}

fn differing<T>(
    mut expected: BTreeMap<String, T>,
    observed: BTreeMap<String, T>,
    differ: impl Fn(Option<&T>, Option<&T>) -> Option<String>,
) -> Vec<(String, String)> {
    let mut differences = Vec::new();
    for (name, observed) in observed {
        let message = differ(expected.remove(&name).as_ref(), Some(&observed));
        differences.extend(message.map(|message| (name, message)));
    }
    for (name, missing) in expected {
        differences.extend(differ(Some(&missing), None).map(|message| (name, message)));
    }
    differences.sort_unstable();
    differences
}

fn table(expected: Option<&Table>, observed: Option<&Table>) -> Option<String> {
    match (expected, observed) {
        (Some(expected), None) => {
            Some(format!("expected {} documents, the collection is missing", expected.rows))
        }
        (None, Some(observed)) => {
            Some(format!("expected no such collection, observed {} documents", observed.rows))
        }
        (Some(expected), Some(observed)) if expected.rows != observed.rows => {
            Some(format!("expected {} documents, observed {}", expected.rows, observed.rows))
        }
        (Some(expected), Some(observed)) if expected.digest != observed.digest => Some(format!(
            "{} documents as expected, of other content: expected digest {}, observed {}",
            expected.rows, expected.digest, observed.digest
        )),
        _ => None,
    }
}

fn definition(expected: Option<&Objects>, observed: Option<&Objects>) -> Option<String> {
    let count = |of: Option<&Objects>| of.map_or(0, |of| of.count);
    let digest = |of: Option<&Objects>| of.filter(|of| of.count > 0).map(|of| of.digest.clone());
    if count(expected) != count(observed) {
        return Some(format!("expected {} definitions, observed {}", count(expected), count(observed)));
    }
    let differ = digest(expected) != digest(observed);
    differ.then(|| format!("{} definitions as expected, of other content", count(expected)))
}
