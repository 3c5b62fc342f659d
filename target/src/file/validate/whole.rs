//! Databases, services, their wires, stand-ins and secrets.

use super::Validation;
use crate::description::{Database, Service, StandIn, Upstream};

/// A credential under so many characters can't be told from ordinary text, so nobody could say whether it leaked.
const SHORTEST_SECRET: usize = 12;

impl Validation<'_> {
    pub(super) fn whole(&mut self) {
        let document = self.document;
        self.said(&["target", "name"], &document.target.name);
        self.unless(!document.services.is_empty(), &["services"], || {
            "no service is described; add one, such as [services.api] with command = [\"python3\", \"server.py\"]".into()
        });
        for database in &document.databases {
            self.one_database(database);
        }
        for service in &document.services {
            self.one_service(service);
        }
        for (name, shape) in &document.secrets {
            let good = shape.contains('#') && shape.chars().count() >= SHORTEST_SECRET;
            self.unless(good, &["secrets", name], || {
                format!(
                    "`{shape}` is no shape of a secret: it takes {SHORTEST_SECRET} characters or more, and `#` where a \
                     random hex digit is to stand, such as tok_################"
                )
            });
        }
        self.stand_ins();
    }

    /// What names a database, a wire or a folder is made of.
    fn name(&mut self, path: &[&str], name: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let good = !name.is_empty() && name.len() <= 40 && name.chars().all(plain);
        self.unless(good, path, || {
            format!("`{name}` is no name; take up to 40 letters, digits, `_` and `-`")
        });
    }

    fn one_database(&mut self, database: &Database) {
        let path = ["databases", database.name.as_str()];
        self.name(&path, &database.name);
        match &database.migrate {
            Some(migrate) => {
                self.command(&[path[0], path[1], "migrate"], migrate);
                let path = [path[0], path[1], "migrate_env"];
                self.unless(!database.migrate_env.is_empty(), &path, || {
                    "the migration is not told which database; name the environment variable with its address, such as \
                     migrate_env = \"DATABASE_URL\""
                        .into()
                });
            }
            None => self.unless(database.migrate_env.is_empty(), &[path[0], path[1], "migrate_env"], || {
                "there is no migration that could be told; add `migrate`, or leave this out".into()
            }),
        }
        if !database.migrate_env.is_empty() {
            self.variable(&[path[0], path[1], "migrate_env"], &database.migrate_env);
        }
    }

    fn one_service(&mut self, service: &Service) {
        let at = ["services", service.name.as_str()];
        self.name(&at, &service.name);
        self.command(&[at[0], at[1], "command"], &service.command);
        self.url_path(&[at[0], at[1], "alive_path"], &service.alive_path);
        self.lasting(&[at[0], at[1], "start_limit"], service.start_limit);
        let listens = [at[0], at[1], "listen_env"];
        if service.listen_env.is_empty() {
            self.wrong(
                &listens,
                "nothing tells the service where to listen; name its environment variable, such as PORT",
            );
        } else {
            self.variable(&listens, &service.listen_env);
        }
        let form = &service.listen_form;
        self.unless(
            form.contains("{address}") || form.contains("{port}"),
            &[at[0], at[1], "listen_form"],
            || format!("`{form}` tells no port; put `{{address}}` or `{{port}}` in it"),
        );
        for (name, value) in &service.env {
            let path = [at[0], at[1], "env", name];
            self.variable(&path, name);
            self.template(&path, value, Some(&service.wires));
            self.unless(*name != service.listen_env, &path, || {
                "this is the variable that tells where to listen, which Sabot sets; leave it out".into()
            });
        }
        self.wires(service);
    }

    fn wires(&mut self, service: &Service) {
        for wire in &service.wires {
            let path = ["services", service.name.as_str(), "wires", wire.name.as_str()];
            self.name(&path, &wire.name);
            match &wire.to {
                Upstream::Database(name) => self.database(&path, name),
                Upstream::Service(name) => drop(self.service(&path, name)),
                Upstream::StandIn(name) => {
                    let stand_ins = &self.document.stand_ins;
                    let names: Vec<_> = stand_ins.iter().map(|(name, _)| name.as_str()).collect();
                    self.known(&path, (&["stand_ins"], "stand-in"), name, &names);
                }
            }
            let template = format!("{{wire:{}}}", wire.name);
            let is_given = service.env.iter().any(|(_, value)| value.contains(&template));
            let unknown = self.tree.is_unknown(&["services", &service.name, "env"]);
            self.unless(is_given || unknown || misnames_a_wire(service), &path, || {
                format!("the service is never told this wire's address; put `{template}` into its env, or leave the wire out")
            });
        }
    }

    fn stand_ins(&mut self) {
        let mut simulators = 0;
        for (name, stand_in) in &self.document.stand_ins {
            let at = ["stand_ins", name.as_str()];
            self.name(&at, name);
            match stand_in {
                StandIn::Answers(answers) => {
                    for (place, answer) in answers.iter().enumerate() {
                        let place = place.to_string();
                        let at = [at[0], at[1], "answers", &place];
                        self.url_path(&[at[0], at[1], at[2], at[3], "path"], &answer.path);
                        let status = answer.status;
                        self.unless(
                            (200..=599).contains(&status),
                            &[at[0], at[1], at[2], at[3], "status"],
                            || format!("{status} is no status of an answer; take one from 200 to 599"),
                        );
                        if !answer.body.is_empty() {
                            self.json(&[at[0], at[1], at[2], at[3], "body"], &answer.body);
                        }
                    }
                }
                StandIn::Brevo(account) => {
                    simulators += 1;
                    self.unless(simulators == 1, &at, || {
                        "a second simulator of Brevo; a target has at most one account".into()
                    });
                    self.secret(&[at[0], at[1], "brevo", "key"], &account.key);
                    self.service(&[at[0], at[1], "brevo", "service"], &account.service);
                    self.url_path(&[at[0], at[1], "brevo", "path"], &account.path);
                    self.template(&[at[0], at[1], "brevo", "path"], &account.path, None);
                }
            }
        }
    }
}

/// Whether a value names a wire that there is not, by which another one may be meant.
fn misnames_a_wire(service: &Service) -> bool {
    let named = |value: &str| -> Vec<String> {
        let rests = value.split("{wire:").skip(1);
        rests.filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect()
    };
    let mut all = service.env.iter().flat_map(|(_, value)| named(value));
    all.any(|name| !service.wires.iter().any(|wire| wire.name == name))
}
