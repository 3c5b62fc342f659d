//! What is written beside each backup: where it comes from, and what must be in it once it is restored.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use time::OffsetDateTime;

/// The version of the manifest's form.
pub const FORMAT: u32 = 1;

/// What a manifest says. It is stored last: a dump of ours without one is half-written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The name of the artifact in its store, without the store's own prefix.
    pub artifact: String,
    /// The backup job that made it, such as `platform`.
    pub job: String,
    /// What kind of server it was taken from.
    pub engine: Engine,
    /// How it is written.
    pub form: Form,
    /// The version of the server, such as `15.18`.
    pub server_version: String,
    /// The versions of the programs that made it, by name.
    pub tools: BTreeMap<String, String>,
    /// The moment whose data it holds, by the clock of the server.
    #[serde(with = "time::serde::rfc3339")]
    pub snapshot_at: OffsetDateTime,
    /// When the backup began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// When its last byte was stored.
    #[serde(with = "time::serde::rfc3339")]
    pub ended_at: OffsetDateTime,
    /// Its size in the store, in bytes.
    pub bytes: u64,
    /// SHA-256 of it as stored, in lower-case hexadecimal.
    pub sha256: String,
    /// The size of the data on the source, in bytes: how much room a restore takes, about.
    pub source_bytes: u64,
    /// What must be in it.
    pub content: Content,
}

/// What kind of server a backup comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// A server that speaks MongoDB's protocol.
    Mongo,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Postgres => "postgres",
            Self::Mongo => "mongo",
        })
    }
}

/// How a backup is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `pg_dump --format=custom`.
    Custom,
    /// `pg_dump --format=directory`, packed as tar.
    Directory,
    /// SQL, of `pg_dump` or `pg_dumpall`.
    Plain,
    /// `pg_basebackup --format=tar`, all in one.
    BaseBackup,
    /// `mongodump --archive`.
    MongoArchive,
}

/// What must be in a backup once it is restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "taken")]
pub enum Content {
    /// Counted and digested when the backup was taken.
    Yes {
        /// How the digests were computed; compared only with digests computed the same way.
        algorithm: String,
        /// One for each database.
        databases: Vec<Database>,
    },
    /// It was not, so that a drill of this artifact leaves its content unverified.
    No {
        /// Why not.
        reason: String,
    },
}

/// The content of one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Its name on the source.
    pub name: String,
    /// What holds rows: tables, sequences, large objects, materialized views; or collections.
    pub tables: Vec<Table>,
    /// How many objects of each class there are (`index`, `constraint`, `trigger`, `function`, `view` …) with a digest
    /// of their definitions; empty where the engine has none.
    #[serde(default)]
    pub objects: Vec<Objects>,
    /// The extensions that it uses, each with its version.
    #[serde(default)]
    pub extensions: BTreeMap<String, String>,
}

/// Whatever holds rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Table {
    /// `schema.table`, quoted where SQL needs it; `database.collection`.
    pub name: String,
    /// How many rows.
    pub rows: u64,
    /// A digest of all rows that does not depend on their order.
    pub digest: String,
}

/// All objects of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objects {
    /// `index`, `constraint`, and so on.
    pub class: String,
    /// How many.
    pub count: u64,
    /// A digest of their definitions that does not depend on their order; compared within one major version.
    pub digest: String,
}
