//! What an archive holds.

use super::digest::Digest;
use crate::manifest::{Database, Objects, Table};
use std::collections::BTreeMap;

/// What an archive that was read to its end holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The version of the server it was taken from; of FerretDB the one that it takes the part of.
    pub server_version: String,
    /// The version of `mongodump`.
    pub tool_version: String,
    /// How large it is, unpacked, in bytes.
    pub bytes: u64,
    /// Its databases, without what a server keeps about itself (`admin`, `config`, `local`, `system.…`): a restore
    /// into another server never makes that equal.
    pub databases: Vec<Database>,
}

impl Inventory {
    /// How many collections it holds.
    #[must_use]
    pub fn collections(&self) -> u64 {
        self.databases.iter().map(|database| database.tables.len() as u64).sum()
    }

    /// How many documents it holds.
    #[must_use]
    pub fn documents(&self) -> u64 {
        self.databases.iter().flat_map(|database| &database.tables).map(|table| table.rows).sum()
    }
}

/// An inventory under way.
#[derive(Debug, Default)]
pub(super) struct Tally {
    databases: BTreeMap<String, Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    tables: Vec<Table>,
    indexes: Digest,
    collections: Digest,
}

impl Tally {
    /// Adds all documents of a collection.
    pub(super) fn documents(&mut self, database: &str, collection: &str, digest: &Digest) {
        if is_content(database, collection) {
            let name = format!("{database}.{collection}");
            let table = Table { name, rows: digest.count, digest: digest.hexadecimal() };
            self.databases.entry(database.to_owned()).or_default().tables.push(table);
        }
    }

    /// Adds what is defined: the collection itself, and its indexes.
    pub(super) fn definitions(
        &mut self,
        database: &str,
        collection: &str,
        metadata: &super::metadata::Metadata,
    ) {
        if !is_content(database, collection) {
            return;
        }
        let entries = self.databases.entry(database.to_owned()).or_default();
        // Tools that do not say of what kind a collection is mean an ordinary one.
        let kind = metadata.kind.as_deref().unwrap_or("collection");
        let options = if metadata.options.is_empty() { "{}" } else { &metadata.options };
        entries.collections.add(format!("{collection}\0{kind}\0{options}").as_bytes());
        for index in &metadata.indexes {
            entries.indexes.add(format!("{collection}\0{index}").as_bytes());
        }
    }

    pub(super) fn finish(self) -> Vec<Database> {
        let objects = |class: &str, digest: &Digest| Objects {
            class: class.to_owned(),
            count: digest.count,
            digest: digest.hexadecimal(),
        };
        let database = |(name, mut entries): (String, Entries)| {
            entries.tables.sort_unstable();
            let objects =
                vec![objects("collection", &entries.collections), objects("index", &entries.indexes)];
            Database { name, tables: entries.tables, objects, extensions: BTreeMap::new() }
        };
        self.databases.into_iter().map(database).collect()
    }
}

/// Whether a collection is somebody's data. (The buckets of a time series are, and so are stored scripts.)
fn is_content(database: &str, collection: &str) -> bool {
    let is_own = matches!(database, "" | "admin" | "config" | "local");
    let is_data = |rest: &str| rest.starts_with("buckets.") || rest == "js";
    !is_own && collection.strip_prefix("system.").is_none_or(is_data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_keeps_about_itself_is_no_content() {
        let content = ["shop.shoes", "shop.system.buckets.weather", "shop.system.js", "shop.systematic"];
        let other =
            ["admin.system.users", "config.chunks", "local.oplog.rs", ".oplog", "shop.system.profile"];
        let is =
            |name: &&str| name.split_once('.').is_some_and(|(database, rest)| is_content(database, rest));
        assert!(content.iter().all(is) && !other.iter().any(is));
    }
}
