//! What is backed up, and how its drills are to go.

use crate::description::forms::{duration, pairs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The backups of a target.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backups {
    /// The program that takes and drills them, found as the services' programs are.
    pub program: String,
    /// Every database of the source server: its name, and the SQL that fills it on a throwaway source.
    #[serde(with = "pairs")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub databases: Vec<(String, Option<String>)>,
    /// Every collection of the source server of MongoDB's protocol, as `database.collection`, and how many documents a
    /// throwaway source gets into it.
    #[serde(with = "pairs")]
    #[schemars(with = "BTreeMap<String, i32>")]
    pub collections: Vec<(String, i32)>,
    /// The backup jobs.
    pub jobs: Vec<Job>,
    /// Databases that are not backed up, or jobs that are not drilled, each with its reason.
    #[serde(with = "pairs")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub exempt: Vec<(String, String)>,
    /// Who takes backups when they are due; left out where that is somebody else's, such as a cluster's.
    pub schedule: Option<Schedule>,
}

/// A service that takes backups of its own database on a schedule.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The service.
    pub service: String,
    /// Its job.
    pub job: String,
    /// Its wire to the database.
    pub database_wire: String,
    /// The setting that says where backups go; without it none is taken.
    pub store_env: String,
    /// The setting that says how often one is due, counted from the beginning of 1970.
    pub every_env: String,
    /// The setting that says how long one may take.
    pub limit_env: String,
    /// What the statement holds by which one worker keeps the others out.
    pub lock: String,
    /// The part of it that locks, and one in its place that only looks so.
    pub locks: (String, String),
}

/// One backup job.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Its name, the prefix of its artifacts in the store.
    pub name: String,
    /// What it takes, and how.
    pub form: BackupForm,
    /// Which database of the source; all of them for one that is physical, or of MongoDB's protocol.
    pub database: String,
    /// The drill of it; left out where nobody drills it.
    pub drill: Option<DrillTerms>,
}

/// How a backup is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BackupForm {
    /// A logical dump of one database of PostgreSQL.
    Logical,
    /// A base backup of the whole server.
    Physical,
    /// A dump of a server that speaks MongoDB's protocol.
    Mongo,
}

/// What a drill must keep.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DrillTerms {
    /// Recovery time: the longest from the acceptance to the last smoke query answered.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub rto: Duration,
    /// Recovery point: how old the restored data may be.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub rpo: Duration,
    /// Each must give a row whose first column is neither false nor null; for a server of MongoDB's protocol
    /// `database.collection`, which must hold something, or `database.collection=COUNT`, at least so much.
    pub smoke: Vec<String>,
}

impl Backups {
    /// The first job of this form.
    pub fn job(&self, form: BackupForm) -> Option<&Job> {
        self.jobs.iter().find(|job| job.form == form)
    }
}
