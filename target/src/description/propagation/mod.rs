//! What a target promises about propagation, in its own names: what must reach a downstream system reaches it, or is
//! seen not to.
//!
//! Its audit rows stand in the audit log that [`Delivery::audit`](crate::Delivery::audit) describes, unless it has one of
//! its own.

mod defaults;
mod parts;

pub use parts::Part;

use crate::description::delivery::AuditLog;
use crate::description::forms::{duration, durations, pairs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The propagation of a target's changes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Propagation {
    /// The database that holds the queue, and with it the audit log.
    pub database: String,
    /// What it goes without: `trail` (audit rows), `metrics`, `dead_letters` (requests about them), `registry` (the command
    /// that says which kinds are handled), `bell` (a notification of an enqueue), `superseded` (a newer propagation
    /// supersedes an older one), `patience` (with kinds that a runner lacks), `redaction` (of stored errors). A check that
    /// cannot do without is skipped; others judge what there is.
    pub without: Vec<Part>,
    /// The queue: what is on its way.
    pub queue: Queue,
    /// Where the database says which kinds there are.
    pub declared: DeclaredKinds,
    /// The kinds.
    pub kinds: Vec<PropagationKind>,
    /// What propagations are about.
    pub subject: Subject,
    /// Changes that cause propagations.
    pub changes: Vec<Change>,
    /// The service that takes the changes.
    pub source: Source,
    /// What moves propagations.
    pub runner: Runner,
    /// Where they are moved to.
    pub downstream: Downstream,
    /// What the audit log says of each change of state.
    pub trail: Trail,
    /// The audit log, where it is another than that of `[delivery.audit]`, or nothing is said of delivery.
    pub audit: Option<AuditLog>,
    /// The propagations that have failed their last attempt.
    pub dead_letters: DeadLetters,
    /// Where the target itself says which kinds it handles.
    pub registry: Registry,
    /// What it counts.
    pub metrics: PropagationMetrics,
    /// Texts by which its statements are recognised on a PostgreSQL wire.
    pub marks: PropagationMarks,
}

/// The queue and its columns. Where it has no such column, those that may be missing are empty texts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// The table; with a schema before it where that is not on the search path: `shop.tasks`.
    pub table: String,
    /// The id, ascending.
    pub id: String,
    /// The kind.
    pub kind: String,
    /// The team.
    pub team_id: String,
    /// The tier that the team is to have; empty where there is no such column.
    pub target_tier: String,
    /// JSON; empty where there is no such column.
    pub payload: String,
    /// How many attempts have failed.
    pub attempts: String,
    /// When it is due; while somebody holds it, when that ends.
    pub next_attempt_at: String,
    /// When it was last attempted, or null.
    pub last_attempt_at: String,
    /// The last error, redacted; empty where there is no such column.
    pub last_error: String,
    /// When it was applied, or null.
    pub applied_at: String,
    /// When it died, or null.
    pub failed_at: String,
    /// When it was enqueued; empty where there is no such column.
    pub created_at: String,
    /// The trigger that wakes runners at an enqueue; empty where there is none.
    pub ring: String,
    /// Who holds it, or null; what has run out stays. Empty where there is no such column: then a row counts as held while
    /// it is due within a lease, so that every wait after a failure has to be longer than that.
    pub lease: String,
    /// How many leases ran out under it; empty where there is no such column.
    pub lost_leases: String,
    /// The most characters of the last error; 0 where there is no limit.
    pub error_limit: usize,
    /// Further columns that an insert has to fill: name and value as SQL.
    #[serde(with = "pairs")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub further: Vec<(String, String)>,
}

/// Where the database says which kinds there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DeclaredKinds {
    /// The values of this enum.
    Enum(String),
    /// The texts in this check constraint of the queue.
    Constraint(String),
    /// The rows of a table that the queue refers to.
    Table {
        /// The table.
        table: String,
        /// Its column with the kind.
        column: String,
    },
}

/// A kind of propagation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PropagationKind {
    /// Its name.
    pub kind: String,
    /// A payload such as the target writes, as JSON.
    #[serde(default = "nothing")]
    pub payload: String,
    /// A payload, as JSON, that its handler cannot read; empty where it reads nothing of it.
    #[serde(default)]
    pub unreadable: String,
    /// Whether only the newest of a team counts.
    pub superseded: bool,
}

/// A payload that says nothing.
fn nothing() -> String {
    "{}".into()
}

/// What propagations are about: a team with something that the downstream has of it. Made and taken away by SQL, past
/// the wires, so that a check has some of its own.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Subject {
    /// Makes a team: `$1 text` its name, `$2 text` its tier; returns its id as `bigint`.
    pub make_team: String,
    /// Makes what the downstream has of it, in the state in which it is propagated to: `$1 bigint` the team, `$2 text` a
    /// name; returns its id as `bigint`. The downstream itself is not told.
    pub make_resource: String,
    /// Asks for the tier of the team `$1 bigint`.
    pub tier_of: String,
    /// Takes the teams `$1 bigint[]` away with all that hangs on them, queue and audit log aside.
    pub clear: Vec<String>,
    /// The tiers, each lower than the next.
    pub tiers: Vec<String>,
}

/// A change that causes a propagation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What it is, for people.
    pub what: String,
    /// The kind of propagation that it causes.
    pub kind: String,
    /// The kind of its own audit row; empty where it has none.
    #[serde(default)]
    pub audited: String,
    /// The tier before it.
    pub from: String,
    /// The tier after it.
    pub to: String,
}

/// The service that takes the changes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Source {
    /// The service.
    pub service: String,
    /// Its wire to the database.
    pub database_wire: String,
    /// The lane's credential that is its bearer token.
    pub credential: String,
    /// The path to which a change of tier is posted, with `{team}` in it.
    pub path: String,
    /// The field of the JSON body with the new tier.
    pub tier: String,
}

/// What moves propagations.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Runner {
    /// The service in which it runs.
    pub service: String,
    /// Its wire to the database.
    pub database_wire: String,
    /// Its wire to the downstream.
    pub downstream_wire: String,
    /// How long after each failure it tries again; after the last of them the last again.
    #[serde(with = "durations")]
    #[schemars(with = "Vec<String>")]
    pub schedule: Vec<Duration>,
    /// After how many failures a propagation is dead.
    pub max_attempts: u32,
    /// How long a claim hides a row from other runners.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub lease: Duration,
    /// The same when nothing is set; `0s` where the service does not start without its settings: then nothing is judged
    /// of an instance at its defaults.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub default_lease: Duration,
    /// The longest that a dispatch may take.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub dispatch_limit: Duration,
    /// How often it looks for due rows.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub poll: Duration,
    /// How many dispatches it makes at once when nothing is set.
    pub concurrency: usize,
    /// How many rows it claims at once when nothing is set.
    pub batch: usize,
    /// The environment variables of all these.
    pub env: RunnerEnv,
}

/// Environment variables of a runner, each an empty text where there is no such setting. Durations read `100ms`, `2s`, `5m`,
/// `24h`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunnerEnv {
    /// Durations, joined by commas.
    pub schedule: String,
    /// A number.
    pub max_attempts: String,
    /// A duration.
    pub lease: String,
    /// A duration.
    pub dispatch_limit: String,
    /// A duration.
    pub poll: String,
    /// A duration: after how long without a tick the runner counts as stalled.
    pub stale_after: String,
    /// A number.
    pub concurrency: String,
    /// A number.
    pub batch: String,
    /// A duration: how long dispatches may go on when the service is told to stop.
    pub grace: String,
    /// A duration: how often the gauges follow the table.
    pub observe: String,
    /// A duration or `never`: how long applied rows are kept.
    pub keep_applied: String,
}

/// Where propagations are moved to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Downstream {
    /// The service.
    pub service: String,
    /// The method of a call.
    pub method: String,
    /// The path of a call, with `{resource}` in it.
    pub path: String,
    /// The field of the call's JSON body with the tier.
    pub tier: String,
    /// The header with the idempotency key.
    pub key_header: String,
    /// The key, with `{propagation}` and, where one propagation needs several calls, `{resource}` in it.
    pub key: String,
    /// The field of the JSON answer that says what became of it; empty where the status alone says so: then whatever
    /// answers 200 to 299 has done it.
    pub outcome: String,
    /// It was done.
    pub applied: String,
    /// It was left, for a reason.
    pub skipped: String,
    /// The field with the reason.
    pub reason: String,
    /// The reasons that are known to be harmless.
    pub harmless: Vec<String>,
}

impl Downstream {
    /// The path of the calls about `resource`.
    pub fn path_of(&self, resource: i64) -> String {
        self.path.replace("{resource}", &resource.to_string())
    }

    /// The beginning that the paths of all calls share.
    pub fn prefix(&self) -> &str {
        self.path.split("{resource}").next().unwrap_or_default()
    }

    /// The idempotency key of the call about `resource` for one propagation.
    pub fn key_of(&self, propagation: i64, resource: i64) -> String {
        let key = self.key.replace("{propagation}", &propagation.to_string());
        key.replace("{resource}", &resource.to_string())
    }

    /// The propagation that an idempotency key is of.
    pub fn propagation_of(&self, key: &str) -> Option<i64> {
        let before = self.key.split("{propagation}").next().unwrap_or_default();
        let rest = key.strip_prefix(before)?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end)?.parse().ok()
    }
}

/// What the audit log says of each change of state.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Trail {
    /// The downstream has it, or left it for a harmless reason.
    pub applied: String,
    /// It failed and will be tried again.
    pub retrying: String,
    /// It failed its last attempt.
    pub dead_lettered: String,
    /// It failed its last attempt because nobody handles its kind; the same as `dead_lettered` where deaths have one name.
    pub unknown_kind_dead_lettered: String,
    /// The downstream left it for a reason that is not known to be harmless; beside the row that says what follows. Empty
    /// where only that row is written.
    pub unexpected_skip: String,
    /// A dead letter is due again.
    pub replayed: String,
    /// A dead letter was deleted; the row holds it.
    pub discarded: String,
    /// The field of the payload with the propagation's id.
    pub id: String,
    /// The field of the payload with the reason of a harmless skip, null where it was applied.
    pub skipped: String,
    /// The field of the payload with the error.
    pub error: String,
}

/// The propagations that have failed their last attempt.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeadLetters {
    /// The service that shows them.
    pub service: String,
    /// The lane's credential that is its bearer token.
    pub credential: String,
    /// The path of the list; with a `/` and the id behind it that of one, which is deleted there to be discarded.
    pub path: String,
    /// What is posted to, to replay one, with `{id}` in it.
    pub replay: String,
    /// The parameter of the query with the id after which the list begins.
    pub after: String,
    /// The field of the answer with the list.
    pub list: String,
    /// The field with a dead letter's id.
    pub id: String,
    /// The field with its last error.
    pub error: String,
    /// The level of the log line that tells of a death.
    pub level: String,
}

impl DeadLetters {
    /// The path of one.
    pub fn path_of(&self, id: i64) -> String {
        format!("{}/{id}", self.path)
    }

    /// The path to which one's replay is posted.
    pub fn replay_of(&self, id: i64) -> String {
        self.replay.replace("{id}", &id.to_string())
    }
}

/// Where the target itself says which kinds it handles.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Registry {
    /// The command line that prints it as JSON; the program stands beside the services.
    pub command: Vec<String>,
    /// The list of kinds.
    pub kinds: String,
    /// A kind's name.
    pub kind: String,
}

/// What is counted, in Prometheus text.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PropagationMetrics {
    /// The path, on every service.
    pub path: String,
    /// Counter: attempts that have ended.
    pub attempts: String,
    /// Its label that says how.
    pub end: String,
    /// Counter: deaths.
    pub dead_letters: String,
    /// Its label with the reason.
    pub reason: String,
    /// The label of both with the kind.
    pub kind: String,
    /// Counter: completions that came after the lease had run out.
    pub late: String,
    /// Gauge: rows by state.
    pub depth: String,
    /// Gauge: the greatest age of a due row, in seconds.
    pub oldest: String,
    /// Gauge: rows that lose lease after lease.
    pub suspects: String,
}

/// Texts by which statements are recognised: any that occur in the one statement meant and in no other, letter by letter.
/// All but the claim's are empty where there is no such statement, or no such text in it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PropagationMarks {
    /// Takes due rows, such as `FOR UPDATE SKIP LOCKED`: the statement that locks them.
    pub claim: String,
    /// Writes down how dispatches ended.
    pub complete: String,
    /// Gives back what was not dispatched.
    pub release: String,
    /// Asks whether newer ones have superseded claimed rows; the same as `claim` where that asks by itself.
    pub supersede: String,
    /// Within the latter: what tells the newer one from the older.
    pub newer: String,
    /// Within it too: what tells an older one that is in flight.
    pub in_flight: String,
    /// Within the claim: what leaves the dead out.
    pub not_dead: String,
    /// Begins to listen for notifications.
    pub listen: String,
    /// Makes sure that the listening connection lives.
    pub probe: String,
    /// Takes or gives up the bell, by which an enqueue knows that somebody listens.
    pub bell: String,
    /// The text of the claim that keeps runners from waiting for each other.
    pub skip_locked: String,
    /// The text of the claim that locks rows, the former included.
    pub lock: String,
    /// Within the claim: what leaves kinds that have no handler to newer runners for a while.
    pub patience: String,
    /// Within the claim: its order.
    pub order: String,
    /// Within the completion: the conditions that let only the holder through, and only while his lease lives.
    pub fence: Vec<String>,
    /// What stands in their place when they are taken out, in their order: a condition that always holds, with the same
    /// parameters, such as `'' <>` for the beginning `held_by =` of one. Where nothing is given, `true`.
    pub unfenced: Vec<String>,
}
