//! Whether what a description says fits together: every name leads somewhere, every program is there.

mod contract;
mod delivery;
mod delivery_parts;
mod propagation;
mod readiness;
mod recovery;
mod template;
mod whole;

use super::document::Document;
use super::mistake::{Mistake, remedy};
use super::tree::Tree;
use crate::Binaries;
use crate::description::{Service, Upstream};
use std::path::Path;
use std::time::Duration;

/// Everything that does not fit together in `document`; what was taken out of `tree` is passed over.
pub(super) fn validate(document: &Document, tree: &Tree<'_>, folder: &Path) -> Vec<Mistake> {
    let binaries = Binaries::described_in(folder);
    let mut validation = Validation { document, tree, binaries, mistakes: Vec::new() };
    validation.whole();
    if let Some(readiness) = &document.readiness {
        validation.readiness(readiness);
    }
    if let Some(delivery) = &document.delivery {
        validation.delivery(delivery);
    }
    if let Some(propagation) = &document.propagation {
        validation.propagation(propagation);
    }
    if let Some(recovery) = &document.recovery {
        validation.recovery(recovery);
    }
    if let Some(contract) = &document.contract {
        validation.contract(contract);
    }
    validation.mistakes
}

struct Validation<'a> {
    document: &'a Document,
    tree: &'a Tree<'a>,
    binaries: Binaries,
    mistakes: Vec<Mistake>,
}

impl<'a> Validation<'a> {
    fn wrong(&mut self, path: &[&str], what: impl Into<String>) {
        if !self.tree.is_unknown(path) {
            self.mistakes.push(self.tree.wrong(path, what.into()));
        }
    }

    fn unless(&mut self, good: bool, path: &[&str], what: impl FnOnce() -> String) {
        if !good {
            self.wrong(path, what());
        }
    }

    /// `name` is one of `known`, which are called `what`, and stand in `table`.
    fn known(&mut self, path: &[&str], (table, what): (&[&str], &str), name: &str, known: &[&str]) -> bool {
        let good = known.contains(&name);
        // Of what can't be read it can't be said that something is missing there.
        if !self.tree.is_unknown(&[table, &[name]].concat()) {
            self.unless(good, path, || format!("no {what} is called `{name}`; {}", remedy(name, known)));
        }
        good
    }

    fn service(&mut self, path: &[&str], name: &str) -> Option<&'a Service> {
        let services = &self.document.services;
        let names: Vec<_> = services.iter().map(|service| service.name.as_str()).collect();
        self.known(path, (&["services"], "service"), name, &names);
        services.iter().find(|service| service.name == name)
    }

    fn database(&mut self, path: &[&str], name: &str) {
        let names: Vec<_> = self.document.databases.iter().map(|database| database.name.as_str()).collect();
        self.known(path, (&["databases"], "database"), name, &names);
    }

    fn secret(&mut self, path: &[&str], name: &str) {
        let names: Vec<_> = self.document.secrets.iter().map(|(name, _)| name.as_str()).collect();
        self.known(path, (&["secrets"], "secret"), name, &names);
    }

    /// `name` is a wire of `service`; to a database where `to_database` says so, else by HTTP.
    fn wire(&mut self, path: &[&str], service: Option<&Service>, name: &str, to_database: bool) {
        let Some(service) = service else { return };
        let names: Vec<_> = service.wires.iter().map(|wire| wire.name.as_str()).collect();
        let what = format!("wire of `{}`", service.name);
        if !self.known(path, (&["services", &service.name, "wires"], &what), name, &names) {
            return;
        }
        let leads = |wire: &&crate::description::Wire| wire.name == name;
        let is_database =
            service.wires.iter().find(leads).is_some_and(|wire| matches!(wire.to, Upstream::Database(_)));
        let wanted = if to_database { "a database" } else { "a service or a stand-in, by HTTP" };
        self.unless(is_database == to_database, path, || {
            format!("the wire `{name}` of `{}` does not lead to {wanted}; name one that does", service.name)
        });
    }

    fn command(&mut self, path: &[&str], command: &[String]) {
        match command.first() {
            None => self.wrong(
                path,
                "the command is empty; give the program and its arguments, as [\"python3\", \"server.py\"]",
            ),
            Some(program) => {
                if let Err(error) = self.binaries.find(program) {
                    self.wrong(path, error.to_string());
                }
            }
        }
    }

    fn variable(&mut self, path: &[&str], name: &str) {
        let good = !name.is_empty() && !name.contains(['=', '\0', ' ']);
        self.unless(good, path, || {
            format!("`{name}` is no name of an environment variable; write one such as DATABASE_URL")
        });
    }

    fn url_path(&mut self, path: &[&str], text: &str) {
        self.unless(text.starts_with('/'), path, || {
            format!("the path `{text}` does not begin with `/`; write `/{text}`")
        });
    }

    fn pointer(&mut self, path: &[&str], text: &str) {
        let good = text.is_empty() || text.starts_with('/');
        self.unless(good, path, || format!("`{text}` is no JSON pointer; write one such as /to/0/email"));
    }

    /// `text` has `part` in it, which is filled in.
    fn holds(&mut self, path: &[&str], text: &str, part: &str) {
        self.unless(text.contains(part), path, || {
            format!("`{text}` lacks `{part}`; put it where that is to stand")
        });
    }

    fn said(&mut self, path: &[&str], text: &str) {
        self.unless(!text.is_empty(), path, || "this is empty; say what it is, or leave the key out".into());
    }

    fn json(&mut self, path: &[&str], text: &str) {
        if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
            self.wrong(
                path,
                format!("`{text}` is no JSON ({error}); write a value such as {{\"tier\":\"pro\"}}"),
            );
        }
    }

    /// The file or folder `name` is there.
    fn there(&mut self, path: &[&str], name: &str) {
        let there = self.binaries.folder().join(name).exists();
        self.unless(there, path, || {
            format!("`{name}` is not there; give its path relative to the folder of this file")
        });
    }

    fn lasting(&mut self, path: &[&str], duration: Duration) {
        self.unless(!duration.is_zero(), path, || "a time of zero; give one such as 500ms or 5m".into());
    }

    /// What stands twice in `names` is wrong at the place that `at` gives it.
    fn once(&mut self, names: &[String], at: impl Fn(usize) -> Vec<String>) {
        for (place, name) in names.iter().enumerate().filter(|(place, name)| names[..*place].contains(name)) {
            let path = at(place);
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            self.wrong(&path, format!("{name} stands here twice; leave one of them out"));
        }
    }
}
