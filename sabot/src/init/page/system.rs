//! Databases, services, their wires and what answers for their upstreams.

use super::text::{plain, quoted, slug, variable};
use super::{EDIT, Page};
use crate::init::table::likeness;
use crate::init::{Place, Schema, Seen};

/// How a dependency is likely to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Postgres,
    Loop,
    Http,
}

impl Way {
    /// By what the dependency is called.
    pub(super) fn to(dependency: &str) -> Self {
        let database =
            ["db", "database", "postgres", "postgresql", "pg", "sql", "datasource", "datastore", "store"];
        let own = ["queue", "runner", "worker", "loop", "scheduler", "consumer", "poller", "outbox", "jobs"];
        if likeness(dependency, &database) > 0 {
            Self::Postgres
        } else if likeness(dependency, &own) > 0 {
            Self::Loop
        } else {
            Self::Http
        }
    }
}

/// The dependencies that a service shows in a form that can be described.
pub(super) fn dependencies(seen: &Seen) -> impl Iterator<Item = (&str, Way)> {
    seen.ready
        .iter()
        .flat_map(|(_, envelope)| &envelope.dependencies)
        .map(|(name, _)| (name.as_str(), Way::to(name)))
}

impl Page<'_> {
    pub(super) fn has_database_row(&self) -> bool {
        self.services.iter().flat_map(dependencies).any(|(_, way)| way != Way::Http)
    }

    pub(super) fn databases(&self, text: &mut String) {
        let Some(name) = self.database_name() else {
            *text += "\n# No database was looked at. One of yours goes here:\n# [databases.main]\n\
                      # migrate = [\"./migrate\"]\n# migrate_env = \"DATABASE_URL\"\n";
            return;
        };
        *text += &format!("\n[databases.{name}]\n");
        let missing = match self.database.as_ref().map(|looked| looked.schema) {
            Some(Schema::Sql(_)) => None,
            Some(Schema::Missing(why)) => Some(format!("its schema was not written: {}", plain(why))),
            None => Some("no database was looked at, and a dependency looks like one".to_owned()),
        };
        if let Some(missing) = missing {
            *text += &format!(
                "# {missing}\nmigrate = [\"./migrate\"]  {EDIT} the command that brings its schema up\n"
            );
        } else {
            let psql = format!("psql -qX -v ON_ERROR_STOP=1 -f {} \"$DATABASE_URL\"", Place::schema_name());
            *text += "# A throwaway copy from the schema that was read. No row was: what the services must find there, such as\n\
                      # rows of lookup tables, goes to the end of that file. Your own migration does as well.\n";
            *text += &format!("migrate = [\"sh\", \"-c\", {}]\n", quoted(&psql));
        }
        *text += "migrate_env = \"DATABASE_URL\"\n";
    }

    pub(super) fn each_service(&self, text: &mut String) {
        for (place, name) in self.service_names().iter().enumerate() {
            self.service(text, name, self.services.get(place));
        }
        let mut stand_ins: Vec<_> = self
            .services
            .iter()
            .flat_map(dependencies)
            .filter(|(_, way)| *way == Way::Http)
            .map(|(name, _)| slug(name))
            .collect();
        stand_ins.sort_unstable();
        stand_ins.dedup();
        for name in stand_ins {
            *text += &format!(
                "\n# Sabot answers for it: each path that a service asks for, with what it would say.\n[stand_ins.{name}]\n"
            );
            *text += &format!(
                "answers = [{{ path = \"/\", status = 200, body = \"{{}}\" }}]  {EDIT} the paths, those that its probe asks for too\n"
            );
        }
    }

    fn service(&self, text: &mut String, name: &str, seen: Option<&Seen>) {
        *text += &format!("\n[services.{name}]\n");
        *text += &format!(
            "command = [\"./start-{name}\"]  {EDIT} the program that starts it, and its arguments; they run in this folder\n"
        );
        *text += "# guessed: most services are told their port so. `{address}` stands for 127.0.0.1 and the port.\n";
        *text += "listen_env = \"PORT\"\nlisten_form = \"{port}\"\n";
        match seen.and_then(|seen| seen.live) {
            Some(path) => {
                *text += &format!("# guessed: it answered 200 there.\nalive_path = {}\n", quoted(path))
            }
            None => {
                let why = match seen {
                    Some(Seen { silent: Some(why), .. }) => {
                        format!("{why} ({})", plain(seen.map_or("", |seen| &seen.url)))
                    }
                    Some(_) => "none of the usual paths answered 200".to_owned(),
                    None => "no address was given, as with --service NAME=URL".to_owned(),
                };
                *text += &format!(
                    "# not found: {why}. A path that answers 200 as soon as it runs:\n# alive_path = \"/livez\"\n"
                );
            }
        }
        self.connections(text, name, seen);
    }

    fn connections(&self, text: &mut String, name: &str, seen: Option<&Seen>) {
        let database = self.database_name();
        let mut http: Vec<_> = seen
            .into_iter()
            .flat_map(dependencies)
            .filter(|(_, way)| *way == Way::Http)
            .map(|(name, _)| name)
            .collect();
        http.sort_unstable();
        http.dedup();
        *text += &format!(
            "\n# All that it gets, beside PATH and HOME: whatever else it needs goes here too.\n[services.{name}.env]\n"
        );
        if database.is_some() {
            *text += &format!(
                "DATABASE_URL = \"{{wire:db}}\"  {EDIT} the variable that tells it its database, where that is another\n"
            );
        }
        for name in &http {
            let (wire, variable) = (slug(name), variable(name));
            *text += &format!(
                "{variable} = \"{{wire:{wire}}}\"  {EDIT} the variable that tells it where `{}` is\n",
                plain(name)
            );
        }
        if database.is_none() && http.is_empty() {
            return;
        }
        *text += &format!("\n[services.{name}.wires]\n");
        if let Some(database) = database {
            *text += &format!("db = {{ database = {} }}\n", quoted(&database));
        }
        for name in http {
            let wire = slug(name);
            *text += &format!("{wire} = {{ stand_in = {} }}\n", quoted(&wire));
        }
    }
}
