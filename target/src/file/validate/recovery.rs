//! Recovery: jobs, their drills, and the alerts on them.

use super::Validation;
use crate::description::Recovery;
use crate::description::recovery::{Alerts, BackupForm, Backups, Schedule};

impl Validation<'_> {
    pub(super) fn recovery(&mut self, recovery: &Recovery) {
        self.backups(&recovery.backups);
        self.alerts(&recovery.alerts);
    }

    fn backups(&mut self, backups: &Backups) {
        self.command(&["recovery", "backups", "program"], std::slice::from_ref(&backups.program));
        let databases: Vec<_> = backups.databases.iter().map(|(name, _)| name.as_str()).collect();
        for (place, job) in backups.jobs.iter().enumerate() {
            let place = place.to_string();
            let at = |key| ["recovery", "backups", "jobs", &place, key];
            self.said(&at("name"), &job.name);
            if job.form == BackupForm::Logical {
                let what = (&["recovery", "backups", "databases"][..], "database of the backups");
                self.known(&at("database"), what, &job.database, &databases);
            }
            if let Some(drill) = &job.drill {
                self.lasting(&at("drill"), drill.rto);
                self.lasting(&at("drill"), drill.rpo);
            }
        }
        let jobs = backups.jobs.iter().map(|job| format!("the job `{}`", job.name));
        self.once(&jobs.collect::<Vec<_>>(), |place| {
            ["recovery", "backups", "jobs", &place.to_string(), "name"].map(String::from).to_vec()
        });
        for (name, reason) in &backups.exempt {
            self.unless(!reason.trim().is_empty(), &["recovery", "backups", "exempt", name], || {
                "an exemption without a reason; say why".into()
            });
        }
        if let Some(schedule) = &backups.schedule {
            self.schedule(schedule);
        }
    }

    fn schedule(&mut self, schedule: &Schedule) {
        let at = |key| ["recovery", "backups", "schedule", key];
        let service = self.service(&at("service"), &schedule.service);
        self.wire(&at("database_wire"), service, &schedule.database_wire, true);
        for (key, variable) in [
            ("store_env", &schedule.store_env),
            ("every_env", &schedule.every_env),
            ("limit_env", &schedule.limit_env),
        ] {
            self.variable(&at(key), variable);
        }
    }

    fn alerts(&mut self, alerts: &Alerts) {
        for (key, files) in [("prometheus", &alerts.prometheus), ("newrelic", &alerts.newrelic)] {
            for file in files {
                self.there(&["recovery", "alerts", key], file);
            }
        }
        self.unless(
            alerts.warning.after < alerts.critical.after,
            &["recovery", "alerts", "warning", "after"],
            || "the warning does not come before the critical alert; let it be earlier".into(),
        );
        for (key, duration) in [
            ("evaluation_interval", alerts.evaluation_interval),
            ("aggregation_window", alerts.aggregation_window),
        ] {
            self.lasting(&["recovery", "alerts", key], duration);
        }
    }
}
