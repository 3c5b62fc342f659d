//! The worker's own backups of the platform's database.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;
use sabot_recovery::store::{Store, is_job};
use time::Time;
use time::macros::format_description;

use super::duration::{FORM, parse_duration};
use super::problem::Problems;

/// The backups. Without a store none is taken.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Backups")]
pub struct BackupArgs {
    /// Where backups go: a folder, file:///folder or s3://bucket/prefix (with the usual AWS_* variables); without it none
    /// is taken
    #[arg(long, env = "SABOT_BACKUP_STORE", value_name = "STORE")]
    pub backup_store: Option<String>,
    /// The backup job: the folder in the store, and the label in metrics
    #[arg(long, env = "SABOT_BACKUP_JOB", value_name = "NAME", default_value = "platform")]
    pub backup_job: String,
    /// At what time of day (UTC) a backup is due
    #[arg(long, env = "SABOT_BACKUP_AT", value_name = "HH:MM", default_value = "03:00")]
    pub backup_at: String,
    /// How often a backup is due, counted from midnight (UTC) of 1 January 1970, in place of once a day
    #[arg(long, env = "SABOT_BACKUP_EVERY", value_name = "DURATION")]
    pub backup_every: Option<String>,
    /// How many backups are kept; older ones are removed once a newer one is there
    #[arg(long, env = "SABOT_BACKUP_KEEP", value_name = "N", default_value = "14")]
    pub backup_keep: String,
    /// How long one backup may take
    #[arg(long, env = "SABOT_BACKUP_LIMIT", value_name = "DURATION", default_value = "6h")]
    pub backup_limit: String,
}

/// When a backup is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Every day at this time (UTC).
    At(Time),
    /// At every multiple of this interval since the beginning of 1970 (UTC).
    Every(Duration),
}

/// The backups, checked.
#[derive(Debug, Clone)]
pub struct BackupSettings {
    /// Where they go.
    pub store: Store,
    /// Their job.
    pub job: String,
    /// When.
    pub due: Due,
    /// How many are kept.
    pub keep: NonZeroUsize,
    /// How long one may take.
    pub limit: Duration,
}

impl BackupArgs {
    /// Checks each flag. Nothing is taken without a store; the other flags are checked all the same.
    pub fn settle(&self, problems: &mut Problems) -> Option<BackupSettings> {
        let job = match is_job(&self.backup_job) {
            true => Ok(self.backup_job.clone()),
            false => Err(format!("{:?} is no name of a job", self.backup_job)),
        };
        let job = problems.take("backup-job", job, "use letters, digits, `.`, `_` and `-`");
        let due = self.due(problems);
        let keep =
            self.backup_keep.trim().parse().map_err(|_| format!("{:?} is no such number", self.backup_keep));
        let keep = problems.take("backup-keep", keep, "give 1 or more");
        let limit = problems.take("backup-limit", parse_duration(&self.backup_limit), FORM);
        let location = self.backup_store.as_deref().map(str::trim).filter(|location| !location.is_empty())?;
        let store = Store::open_or_create(location).map_err(|error| crate::logs::with_causes(&error));
        let store =
            problems.take("backup-store", store, "give a folder that this user may write, or a bucket");
        Some(BackupSettings { store: store?, job: job?, due: due?, keep: keep?, limit: limit? })
    }

    fn due(&self, problems: &mut Problems) -> Option<Due> {
        match self.backup_every.as_deref().map(str::trim).filter(|every| !every.is_empty()) {
            Some(every) => problems.take("backup-every", parse_duration(every), FORM).map(Due::Every),
            None => {
                let at = Time::parse(self.backup_at.trim(), format_description!("[hour]:[minute]"));
                let at = at.map_err(|_| format!("{:?} is no time of day", self.backup_at));
                problems.take("backup-at", at, "give hours and minutes, such as 03:00").map(Due::At)
            }
        }
    }
}
