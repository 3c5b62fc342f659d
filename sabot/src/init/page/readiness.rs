//! The table of readiness: as the answers have it, or what would have to be filled in.

use super::system::{Way, dependencies};
use super::text::{plain, quoted, slug};
use super::{EDIT, Page};
use crate::init::Seen;
use crate::init::ready::{Envelope, words};

impl Page<'_> {
    pub(super) fn readiness(&self, text: &mut String) {
        *text += "\n# ---- Readiness ----\n";
        let mut answered = self.services.iter().filter_map(|seen| Some((seen, seen.ready.as_ref()?)));
        let Some((seen, (path, envelope))) = answered.next() else {
            self.no_readiness(text);
            return;
        };
        let dependencies =
            envelope.dependencies.iter().map(|(name, _)| plain(name)).collect::<Vec<_>>().join(", ");
        *text += &format!(
            "# guessed: {} answers {path} with `{}`, what it depends on: {dependencies}.\n",
            seen.name,
            plain(&envelope.rows)
        );
        self.others(text, seen);
        *text += &format!("[readiness]\npath = {}\n", quoted(path));
        match seen.live {
            Some(live) => *text += &format!("live_path = {}\n", quoted(live)),
            None => *text += "# live_path = \"/livez\"  # not found: the path of liveness\n",
        }
        if let Some(commit) = &envelope.commit {
            *text += &format!("hex_exempt = [{}]\n", quoted(commit));
        }
        *text += "# unauthorised = \"auth_401\"  # what the error says of refused credentials; no answer showed it\n";
        let errors = envelope.errors.iter().filter(|error| is_word(error)).map(|error| quoted(error));
        let errors: Vec<_> = errors.collect();
        if !errors.is_empty() {
            *text += &format!("error_words = [{}]\n", errors.join(", "));
        }
        fields(text, envelope);
        for seen in self.services {
            matrix(text, seen);
        }
        *text += "\n# What can be turned by a setting can be proved; for instance, where a variable holds the cache periods:\n\
                  # [readiness.levers]\n# period = { env = \"CACHE\", form = \"{dependency}={value}\" }\n";
    }

    fn no_readiness(&self, text: &mut String) {
        if self.services.is_empty() {
            *text += "# not looked for: no running service was given, as with --service orders=http://127.0.0.1:8080\n";
        }
        for seen in self.services {
            let told = match (&seen.silent, &seen.ready) {
                (Some(why), _) => format!("{why} ({})", plain(&seen.url)),
                (None, _) if seen.bare.is_empty() => "none of the usual paths answered".to_owned(),
                (None, _) => {
                    let bare = seen.bare.iter().map(|(path, status)| format!("{path} ({status})"));
                    format!(
                        "answers without dependencies, which `form = \"status\"` describes: {}",
                        bare.collect::<Vec<_>>().join(", ")
                    )
                }
            };
            *text += &format!("# not found at {}: {told}\n", seen.name);
        }
        *text += "# A readiness that lists dependencies as JSON is described so:\n# [readiness]\n# path = \"/readyz\"\n\
                  # [[readiness.matrix]]\n# service = \"app\"\n# dependency = \"db\"\n# critical = true\n\
                  # reach = { postgres = { wire = \"db\", probe = \"SELECT 1\" } }\n";
    }

    /// What is judged by one path and one form, though services differ.
    fn others(&self, text: &mut String, first: &Seen) {
        let path = first.ready.as_ref().map(|(path, _)| *path);
        for seen in self.services.iter().filter(|seen| seen.name != first.name) {
            let other = seen.ready.as_ref().map(|(path, _)| *path);
            if other != path {
                let other = other.map_or("not at all".to_owned(), |other| format!("at {other}"));
                *text += &format!(
                    "# {} shows its dependencies {other}: all services are judged by one path.\n",
                    seen.name
                );
            }
        }
    }
}

/// A word that may be shown as it is: nothing in it could be a secret.
fn is_word(text: &str) -> bool {
    text.len() <= 24 && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// The names of fields, and the words of a status.
fn fields(text: &mut String, envelope: &Envelope) {
    let names = [
        ("overall", &envelope.overall),
        ("service", &envelope.service),
        ("commit", &envelope.commit),
        ("rows", &Some(envelope.rows.clone())),
        ("name", &envelope.name),
        ("status", &envelope.status),
        ("latency", &envelope.latency),
        ("error", &envelope.error),
        ("checked_at", &envelope.checked_at),
    ];
    *text += "\n[readiness.shape]\n";
    for (key, name) in names {
        match name {
            Some(name) => *text += &format!("{key} = {}\n", quoted(name)),
            None => {
                let open = if key == "overall" { EDIT } else { "#" };
                *text += &format!("{key} = \"\"  {open} not found in the answer\n");
            }
        }
    }
    let [ok, degraded, failed] = words(envelope);
    let seen = |word: &str| envelope.dependencies.iter().any(|(_, status)| status == word);
    let told = |word: &str| if seen(word) { "" } else { "  # guessed: no answer showed it" };
    *text += &format!(
        "\n[readiness.words]\nok = {}{}\ndegraded = {}{}\nfailed = {}{}\n",
        quoted(&ok),
        told(&ok),
        quoted(&degraded),
        told(&degraded),
        quoted(&failed),
        told(&failed)
    );
}

/// The dependencies of one service.
fn matrix(text: &mut String, seen: &Seen) {
    for (name, way) in dependencies(seen) {
        let (critical, why) = match way {
            Way::Postgres => (true, "its name is that of a database"),
            Way::Loop => (true, "its name is that of a loop of the service's own"),
            Way::Http => (false, "its name is that of something to be called"),
        };
        let reach = match way {
            Way::Postgres => "{ postgres = { wire = \"db\", probe = \"SELECT 1\" } }".to_owned(),
            Way::Loop => format!(
                "{{ loop = {{ wire = \"db\", statement = \"SKIP LOCKED\", stale_after = \"30s\" }} }}  {EDIT} a text of the statement by which it is known"
            ),
            Way::Http => format!("{{ http = {{ wire = {}, path = \"/\" }} }}", quoted(&slug(name))),
        };
        *text += &format!(
            "\n# guessed: {why}; `critical` says whether its failure takes the service out of rotation.\n\
             [[readiness.matrix]]\nservice = {}\ndependency = {}\ncritical = {critical}\nreach = {reach}\n\
             # period = \"10s\"  # how long a result counts as fresh\n# time_limit = \"2s\"  # the longest that a probe may take\n",
            quoted(&seen.name),
            quoted(name)
        );
    }
}
