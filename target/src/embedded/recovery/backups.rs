//! The embedded platform's backups, described.

use crate::description::recovery::{BackupForm, Backups, DrillTerms, Job, Schedule};
use std::time::Duration;

/// The contract allows five minutes, and three for MongoDB; what is drilled here is small, and a check waits until the limit has passed.
const RTO: Duration = Duration::from_secs(15);

pub(super) fn backups() -> Backups {
    let terms = |smoke: &[&str]| {
        let smoke = smoke.iter().map(|query| String::from(*query)).collect();
        Some(DrillTerms { rto: RTO, smoke, ..DrillTerms::default() })
    };
    let smoke = [
        "SELECT count(*) = 2000 FROM teams",
        "SELECT count(*) = 40000 FROM members JOIN teams ON teams.id = members.team_id",
        "SELECT total > 0 FROM totals LIMIT 1",
    ];
    Backups {
        databases: vec![("records".into(), Some(include_str!("records.sql").into()))],
        collections: [("shop.orders", 2_000), ("shop.nothing_yet", 0), ("people.members", 500)]
            .map(|(name, count)| (String::from(name), count))
            .to_vec(),
        jobs: vec![
            Job {
                name: "records".into(),
                form: BackupForm::Logical,
                database: "records".into(),
                drill: terms(&smoke),
            },
            Job {
                name: "cluster".into(),
                form: BackupForm::Physical,
                database: "records".into(),
                drill: terms(&smoke),
            },
            Job {
                name: "documents".into(),
                form: BackupForm::Mongo,
                database: "shop".into(),
                drill: terms(&["shop.orders=2000", "people.members"]),
            },
        ],
        exempt: vec![("postgres".into(), "the server's own, empty but for what it ships".into())],
        schedule: Some(Schedule {
            service: "worker".into(),
            job: "platform".into(),
            database_wire: "platform_db".into(),
            store_env: "SABOT_BACKUP_STORE".into(),
            every_env: "SABOT_BACKUP_EVERY".into(),
            limit_env: "SABOT_BACKUP_LIMIT".into(),
            lock: "/* backup lock */".into(),
            locks: ("pg_try_advisory_lock($1)".into(), "$1 IS NOT NULL".into()),
        }),
        ..Backups::default()
    }
}
