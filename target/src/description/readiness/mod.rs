//! What a target promises about readiness, in its own names.

mod defaults;
mod form;

pub use form::Form;

use crate::description::forms::{duration, pairs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The readiness of a target's services.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Readiness {
    /// The path of deep readiness.
    pub path: String,
    /// The path of liveness.
    pub live_path: String,
    /// A form of answer that many know, which brings `shape` and, where they are not given, `words`.
    pub form: Option<Form>,
    /// The names of the envelope's fields; empty is what it does not show.
    pub shape: Shape,
    /// The words that a status may be.
    pub words: Words,
    /// The `last_error` that stands for refused credentials.
    pub unauthorised: String,
    /// Further words that a `last_error` may be. A report shows these as they are; of any other text it tells only the
    /// length, since it might hold a secret.
    pub error_words: Vec<String>,
    /// Every dependency that a service declares.
    pub matrix: Vec<Row>,
    /// The 95th percentile's limit: cold with all well, and warm with one dependency hanging.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub p95: Duration,
    /// The limit of a cold answer with everything hanging.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub cold: Duration,
    /// How many periods a result may be old and still be served at once.
    pub servable_periods: u32,
    /// Extra fields whose values may hold long runs of hex digits, such as a commit id.
    pub hex_exempt: Vec<String>,
    /// Legitimate settings through which the service's behaviour can be turned.
    pub levers: Levers,
}

/// The names of the envelope's fields.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shape {
    /// The overall status; empty where the HTTP status says it all.
    pub overall: String,
    /// The service's name.
    pub service: String,
    /// The commit it was built from.
    pub commit: String,
    /// The dependencies; empty where none are shown.
    pub rows: String,
    /// A dependency's name; empty where the dependencies are a map by their names.
    pub name: String,
    /// Its status.
    pub status: String,
    /// How long the last probe took, in milliseconds.
    pub latency: String,
    /// What went wrong, or null.
    pub error: String,
    /// When it was last probed, RFC 3339 in UTC.
    pub checked_at: String,
}

/// The words that a status may be.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Words {
    /// All is well.
    pub ok: String,
    /// Not well, and the service stays in rotation; empty where there is no such word, and such a dependency has no part
    /// in readiness.
    pub degraded: String,
    /// Not well; where the dependency is critical, the service goes out of rotation.
    pub failed: String,
}

impl Readiness {
    /// Whether `row` can be seen in an answer: where there is no word for a harmless failure, only what takes the service
    /// out of rotation is part of readiness.
    pub fn shows(&self, row: &Row) -> bool {
        !self.shape.rows.is_empty() && (row.critical || !self.words.degraded.is_empty())
    }
}

/// One row of the criticality matrix.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The service.
    pub service: String,
    /// The dependency, as its row is named.
    pub dependency: String,
    /// Whether its failure takes the service out of rotation.
    pub critical: bool,
    /// How long a result counts as fresh.
    #[serde(with = "duration", default = "defaults::period")]
    #[schemars(with = "String")]
    pub period: Duration,
    /// The longest that a probe may take.
    #[serde(with = "duration", default = "defaults::time_limit")]
    #[schemars(with = "String")]
    pub time_limit: Duration,
    /// How a judge reaches it.
    pub reach: Reach,
}

impl Row {
    /// The longest until an answer must show that the dependency has changed: a result that is still served, the
    /// probe after it, and for a loop the time in which it may be silent.
    pub fn shows_within(&self, servable_periods: u32) -> Duration {
        let silent = match &self.reach {
            Reach::Loop { stale_after, .. } => *stale_after,
            Reach::Http { .. } | Reach::Postgres { .. } => Duration::ZERO,
        };
        self.period * servable_periods + self.time_limit + silent
    }
}

/// How a dependency is reached from outside.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reach {
    /// By HTTP over this wire, probed at this path.
    Http {
        /// The service's wire.
        wire: String,
        /// The path that the probe asks for.
        path: String,
    },
    /// By the PostgreSQL protocol over this wire.
    Postgres {
        /// The service's wire.
        wire: String,
        /// Text by which the probe's statement is recognised.
        probe: String,
    },
    /// By statements of the service's own loop, which a PostgreSQL wire can hold.
    Loop {
        /// The service's wire.
        wire: String,
        /// Text by which the loop's statement is recognised.
        statement: String,
        /// How long after its last tick the loop counts as stalled.
        #[serde(with = "duration")]
        #[schemars(with = "String")]
        stale_after: Duration,
    },
}

impl Reach {
    /// The wire that it is reached over.
    pub fn wire(&self) -> &str {
        match self {
            Self::Http { wire, .. } | Self::Postgres { wire, .. } | Self::Loop { wire, .. } => wire,
        }
    }
}

/// A legitimate setting: an environment variable, and the form of its value.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lever {
    /// The environment variable.
    pub env: String,
    /// One entry of the value, in which `{dependency}` and `{value}` are filled in; entries are joined by commas.
    #[serde(default = "defaults::form")]
    pub form: String,
    /// Entries that are there anyway and stay: service, dependency and value.
    #[serde(default)]
    pub base: Vec<(String, String, String)>,
}

impl Lever {
    /// The variable, and the value that turns `dependencies` of `service` to `value` and leaves the rest as it is.
    pub fn pull(&self, service: &str, dependencies: &[&str], value: &str) -> (String, String) {
        let stays = self
            .base
            .iter()
            .filter(|(of, dependency, _)| of == service && !dependencies.contains(&dependency.as_str()));
        let stays = stays.map(|(_, dependency, value)| (dependency.as_str(), value.as_str()));
        let entries = stays.chain(dependencies.iter().map(|dependency| (*dependency, value)));
        let fill = |(dependency, value): (&str, &str)| {
            self.form.replace("{dependency}", dependency).replace("{value}", value)
        };
        (self.env.clone(), entries.map(fill).collect::<Vec<_>>().join(","))
    }
}

/// A change of schema that stands for a mistake, and how it is looked at and undone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemaLever {
    /// The database.
    pub database: String,
    /// The statements that change it.
    pub change: String,
    /// A query of one row and one boolean: whether the change is there.
    pub look: String,
    /// The statements that change it back.
    pub undo: String,
}

/// Settings of a service that an operator may turn; where one is lacking, what hangs on it can't be put on.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Levers {
    /// Whether a dependency is critical: `true` or `false`.
    pub critical: Option<Lever>,
    /// A dependency's cache period: `500ms`, `10s`.
    pub period: Option<Lever>,
    /// A dependency's time limit, likewise.
    pub time_limit: Option<Lever>,
    /// The commit id that the service shows.
    pub commit: Option<Lever>,
    /// Takes away what a migration made.
    pub schema: Option<SchemaLever>,
    /// The variables that switch a dependency off when they are left empty, by dependency.
    #[serde(with = "pairs")]
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    pub off: Vec<(String, Vec<String>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulling_a_lever_leaves_other_entries_as_they_are() {
        let base = vec![("api".into(), "brevo".into(), "1s".into())];
        let lever = Lever { env: "CACHE_FOR".into(), form: "{dependency}={value}".into(), base };
        assert_eq!(lever.pull("api", &["db"], "1ms").1, "brevo=1s,db=1ms");
        assert_eq!(lever.pull("api", &["brevo", "db"], "1ms").1, "brevo=1ms,db=1ms");
        assert_eq!(lever.pull("worker", &["db"], "1ms").1, "db=1ms");
    }
}
