//! The restored content, compared with the manifest, or counted where there is nothing to compare with.

use super::LIMIT;
use super::count;
use super::ready::Ready;
use super::stand::Stand;
use crate::digest::postgres::{ALGORITHM, How, content};
use crate::drill::course::{Course, Stopped, with_causes};
use crate::manifest::{Content, Database, Manifest, Objects, Table};
use crate::report::{Class, Verified};
use crate::tool::major_of;
use std::collections::BTreeMap;

/// Verifies what was restored; `database` is the one that a dump of one was restored into.
pub(super) async fn verify(
    course: &Course,
    stand: &Stand,
    manifest: Option<&Manifest>,
    database: Option<&str>,
    ready: Option<&Ready>,
) -> Result<(), Stopped> {
    let reason = match manifest.map(|manifest| (manifest, &manifest.content)) {
        Some((manifest, Content::Yes { algorithm, databases })) if algorithm == ALGORITHM => {
            return equal(course, stand, manifest, databases, database).await;
        }
        Some((_, Content::Yes { algorithm, .. })) => {
            format!("its digests are of {algorithm:?}, which this program does not compute")
        }
        Some((_, Content::No { reason })) => reason.clone(),
        None => "there is no manifest".to_owned(),
    };
    count::count(course, stand, ready, database, reason).await
}

/// Digests every database of the manifest and compares.
async fn equal(
    course: &Course,
    stand: &Stand,
    manifest: &Manifest,
    databases: &[Database],
    restored_as: Option<&str>,
) -> Result<(), Stopped> {
    let same_major = major_of(&manifest.server_version) == Some(stand.major);
    let (mut tables, mut rows, mut differences) = (0, 0, Vec::new());
    for expected in databases {
        let name = restored_as.unwrap_or(&expected.name);
        let observed = content(&stand.config(name), &How::fast(LIMIT)).await;
        let observed = observed.map_err(|error| {
            course.content(Verified::Differs);
            course.stop(Class::Content, format!("database {}", expected.name), with_causes(&error))
        })?;
        tables += observed.tables.len() as u64;
        rows += observed.tables.iter().map(|table| table.rows).sum::<u64>();
        differences.extend(compare(expected, &observed, same_major));
    }
    if databases.is_empty() {
        differences.push(("the manifest".to_owned(), "it names no database".to_owned()));
    }
    let equal = differences.is_empty();
    course.content(if equal { Verified::Equal { tables, rows } } else { Verified::Differs });
    for (subject, message) in differences {
        course.problem(Class::Content, subject, message);
    }
    Ok(())
}

/// Every difference between what should be there and what is: its subject, and what was expected and observed.
fn compare(expected: &Database, observed: &Database, same_major: bool) -> Vec<(String, String)> {
    let mut differences = Vec::new();
    let mut tables: BTreeMap<&str, (Option<&Table>, Option<&Table>)> = BTreeMap::new();
    for table in &expected.tables {
        tables.entry(&table.name).or_default().0 = Some(table);
    }
    for table in &observed.tables {
        tables.entry(&table.name).or_default().1 = Some(table);
    }
    for (name, pair) in tables {
        let message = match pair {
            (Some(expected), None) => format!("expected {} rows, the table is missing", expected.rows),
            (None, Some(observed)) => {
                format!("expected no such table, observed one of {} rows", observed.rows)
            }
            (Some(expected), Some(observed)) if expected.rows != observed.rows => {
                format!("expected {} rows, observed {}", expected.rows, observed.rows)
            }
            (Some(expected), Some(observed)) if expected.digest != observed.digest => format!(
                "{} rows as expected, of other content: expected digest {}, observed {}",
                expected.rows, expected.digest, observed.digest
            ),
            _ => continue,
        };
        differences.push((format!("{}: {name}", expected.name), message));
    }
    differences.extend(extensions(expected, observed, same_major));
    if same_major {
        differences.extend(objects(expected, observed));
    }
    differences
}

/// Extensions that are missing, new, or, within one major version, of another version.
fn extensions(expected: &Database, observed: &Database, same_major: bool) -> Vec<(String, String)> {
    let names: std::collections::BTreeSet<_> =
        expected.extensions.keys().chain(observed.extensions.keys()).collect();
    let differ = |name: &&&String| {
        let (wanted, found) = (expected.extensions.get(**name), observed.extensions.get(**name));
        wanted.is_some() != found.is_some() || same_major && wanted != found
    };
    let say =
        |version: Option<&String>| version.map_or("none".to_owned(), |version| format!("version {version}"));
    let message = |name: &String| {
        format!(
            "expected {}, observed {}",
            say(expected.extensions.get(name)),
            say(observed.extensions.get(name))
        )
    };
    names
        .iter()
        .filter(differ)
        .map(|name| (format!("{}: extension {name}", expected.name), message(name)))
        .collect()
}

/// Classes of objects whose number or definitions differ.
fn objects(expected: &Database, observed: &Database) -> Vec<(String, String)> {
    let by_class = |database: &Database| -> BTreeMap<String, Objects> {
        database.objects.iter().map(|objects| (objects.class.clone(), objects.clone())).collect()
    };
    let (wanted, found) = (by_class(expected), by_class(observed));
    let classes: std::collections::BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
    let count = |objects: Option<&Objects>| objects.map_or(0, |objects| objects.count);
    let mut differences = Vec::new();
    for class in classes {
        let (wanted, found) = (wanted.get(class), found.get(class));
        let message = match (count(wanted), count(found)) {
            (expected, observed) if expected != observed => {
                format!("expected {expected}, observed {observed}")
            }
            (number, _) if number > 0 && wanted != found => {
                format!("{number} as expected, of other definitions")
            }
            _ => continue,
        };
        differences.push((format!("{}: objects of class {class}", expected.name), message));
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Database {
        let table = |name: &str, rows, digest: &str| Table { name: name.into(), rows, digest: digest.into() };
        let objects = Objects { class: "index".into(), count: 2, digest: "i".into() };
        Database {
            name: "a".into(),
            tables: vec![table("public.s", 1, "1"), table("public.t", 3, "2")],
            objects: vec![objects],
            extensions: BTreeMap::from([("pg_trgm".into(), "1.6".into())]),
        }
    }

    fn differences(change: impl FnOnce(&mut Database)) -> Vec<String> {
        let mut observed = database();
        change(&mut observed);
        compare(&database(), &observed, true)
            .into_iter()
            .map(|(subject, message)| format!("{subject}: {message}"))
            .collect()
    }

    #[test]
    fn every_kind_of_difference_is_named_with_expected_and_observed() {
        assert_eq!(differences(|_| {}), Vec::<String>::new());
        assert_eq!(differences(|d| d.tables[1].rows = 2), ["a: public.t: expected 3 rows, observed 2"]);
        assert!(
            differences(|d| d.tables[1].digest = "x".into())[0].contains("expected digest 2, observed x")
        );
        assert_eq!(
            differences(|d| drop(d.tables.remove(0))),
            ["a: public.s: expected 1 rows, the table is missing"]
        );
        let new = differences(|d| d.tables[0].name = "public.z".into());
        assert_eq!(new[1], "a: public.z: expected no such table, observed one of 1 rows");
        assert_eq!(
            differences(|d| d.objects[0].count = 1),
            ["a: objects of class index: expected 2, observed 1"]
        );
        assert_eq!(differences(|d| d.objects.clear()), ["a: objects of class index: expected 2, observed 0"]);
        assert!(differences(|d| d.objects[0].digest = "x".into())[0].contains("other definitions"));
        assert_eq!(
            differences(|d| d.extensions.clear()),
            ["a: extension pg_trgm: expected version 1.6, observed none"]
        );
    }

    #[test]
    fn another_major_version_has_its_own_definitions_and_versions() {
        let mut observed = database();
        observed.objects.clear();
        observed.extensions.insert("pg_trgm".into(), "1.7".into());
        assert!(compare(&database(), &observed, false).is_empty());
        observed.extensions.clear();
        assert_eq!(compare(&database(), &observed, false).len(), 1);
    }
}
