//! Readiness: the matrix, the names of the envelope, the settings that can be turned.

use super::Validation;
use crate::description::{Lever, Reach, Readiness, Row};

impl Validation<'_> {
    pub(super) fn readiness(&mut self, readiness: &Readiness) {
        self.url_path(&["readiness", "path"], &readiness.path);
        self.url_path(&["readiness", "live_path"], &readiness.live_path);
        self.lasting(&["readiness", "p95"], readiness.p95);
        self.lasting(&["readiness", "cold"], readiness.cold);
        self.unless(readiness.servable_periods > 0, &["readiness", "servable_periods"], || {
            "a result may be served for no period at all; give 1 or more".into()
        });
        self.said(&["readiness", "unauthorised"], &readiness.unauthorised);
        self.names(readiness);
        self.unless(!readiness.matrix.is_empty(), &["readiness", "matrix"], || {
            "no dependency is declared; add a [[readiness.matrix]] for each that a service shows".into()
        });
        for (place, row) in readiness.matrix.iter().enumerate() {
            self.row(&place.to_string(), row);
        }
        let rows = readiness.matrix.iter().map(|row| format!("`{}` of `{}`", row.dependency, row.service));
        self.once(&rows.collect::<Vec<_>>(), |place| {
            ["readiness", "matrix", &place.to_string(), "dependency"].map(String::from).to_vec()
        });
        self.levers(readiness);
    }

    /// Fields of one object, and the words of one field, are told apart.
    fn names(&mut self, readiness: &Readiness) {
        let (shape, words) = (&readiness.shape, &readiness.words);
        if readiness.form.is_some() {
            self.unless(!self.tree.is_given(&["readiness", "shape"]), &["readiness", "shape"], || {
                "the form brings the names of its fields; leave this table out, or leave out `form`".into()
            });
        }
        let envelope = [
            ("overall", &shape.overall),
            ("service", &shape.service),
            ("commit", &shape.commit),
            ("rows", &shape.rows),
        ];
        let row = [
            ("name", &shape.name),
            ("status", &shape.status),
            ("latency", &shape.latency),
            ("error", &shape.error),
            ("checked_at", &shape.checked_at),
        ];
        if !shape.rows.is_empty() {
            self.said(&["readiness", "shape", "overall"], &shape.overall);
            self.said(&["readiness", "shape", "status"], &shape.status);
        }
        self.said(&["readiness", "words", "ok"], &words.ok);
        self.said(&["readiness", "words", "failed"], &words.failed);
        let status = [("ok", &words.ok), ("degraded", &words.degraded), ("failed", &words.failed)];
        for (table, names) in [("shape", &envelope[..]), ("shape", &row[..]), ("words", &status[..])] {
            for (place, (key, name)) in names.iter().enumerate().filter(|(_, (_, name))| !name.is_empty()) {
                if let Some((other, _)) = names[..place].iter().find(|(_, other)| other == name) {
                    let what =
                        format!("`{name}` is the name of `{other}` already; no two may be called the same");
                    self.wrong(&["readiness", table, key], what);
                }
            }
        }
    }

    fn row(&mut self, place: &str, row: &Row) {
        let at = |key| ["readiness", "matrix", place, key];
        let service = self.service(&at("service"), &row.service);
        self.said(&at("dependency"), &row.dependency);
        self.lasting(&at("period"), row.period);
        self.lasting(&at("time_limit"), row.time_limit);
        let to = |kind, key| ["readiness", "matrix", place, "reach", kind, key];
        match &row.reach {
            Reach::Http { wire, path } => {
                self.wire(&to("http", "wire"), service, wire, false);
                self.url_path(&to("http", "path"), path);
            }
            Reach::Postgres { wire, probe } => {
                self.wire(&to("postgres", "wire"), service, wire, true);
                self.said(&to("postgres", "probe"), probe);
            }
            Reach::Loop { wire, statement, stale_after } => {
                self.wire(&to("loop", "wire"), service, wire, true);
                self.said(&to("loop", "statement"), statement);
                self.lasting(&to("loop", "stale_after"), *stale_after);
            }
        }
    }

    fn levers(&mut self, readiness: &Readiness) {
        let levers = &readiness.levers;
        let all = [
            ("critical", &levers.critical),
            ("period", &levers.period),
            ("time_limit", &levers.time_limit),
            ("commit", &levers.commit),
        ];
        for (key, lever) in all {
            if let Some(lever) = lever {
                self.lever(key, lever, key != "commit");
            }
        }
        if let Some(lever) = &levers.schema {
            self.database(&["readiness", "levers", "schema", "database"], &lever.database);
            for (key, text) in [("change", &lever.change), ("look", &lever.look), ("undo", &lever.undo)] {
                self.said(&["readiness", "levers", "schema", key], text);
            }
        }
        let dependencies: Vec<_> = readiness.matrix.iter().map(|row| row.dependency.as_str()).collect();
        for (dependency, variables) in &levers.off {
            let path = ["readiness", "levers", "off", dependency];
            let what = (&["readiness", "matrix"][..], "dependency of the matrix");
            self.known(&path, what, dependency, &dependencies);
            self.unless(!variables.is_empty(), &path, || {
                "no variable is named; give those that switch the dependency off when they are empty".into()
            });
            for variable in variables {
                self.variable(&path, variable);
            }
        }
    }

    fn lever(&mut self, key: &str, lever: &Lever, of_dependency: bool) {
        let at = |field| ["readiness", "levers", key, field];
        self.variable(&at("env"), &lever.env);
        self.holds(&at("form"), &lever.form, "{value}");
        if of_dependency {
            self.holds(&at("form"), &lever.form, "{dependency}");
        }
        for (service, _, _) in &lever.base {
            self.service(&at("base"), service);
        }
    }
}
