//! What a target promises about delivery, in its own names: email out, delivery events in, one ledger.

mod defaults;
mod part;
mod webhook;

pub use part::Part;
pub use webhook::{Answers, Webhook};

use crate::description::forms::{duration, pairs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The delivery of a target's email.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// The parts that it does without: `forwarder` (what sends email for rows of the audit log), `cursor` (how far that has
    /// read), `audit`, `events` (it stores none), `overdue`, `metrics`, `declared` (it has no list of the events that it
    /// handles), `batch` (it takes no arrays), `event_limit`, `retry_after` (its answers do not say when to come again),
    /// `lock` (its statements need none). Checks that are about such a part are skipped; others judge what there is.
    pub without: Vec<Part>,
    /// The email provider, as the ledger and the event store name it.
    pub provider: String,
    /// The database that holds ledger, events, audit log and cursor.
    pub database: String,
    /// Where the provider's events come in.
    pub webhook: Webhook,
    /// What the webhook answers.
    pub answers: Answers,
    /// How the provider writes an event.
    pub payload: Payload,
    /// Every event that is documented to reach the ledger.
    pub documented: Vec<Documented>,
    /// Some of the provider's events that are no concern of the ledger.
    pub undocumented: Vec<String>,
    /// Classifications that events give, the one that decides a tie first.
    pub severity: Vec<String>,
    /// Classifications that no event gives.
    pub standing: Standing,
    /// The ledger: what became of each email.
    pub ledger: Ledger,
    /// The stored events.
    pub events: EventStore,
    /// The audit log, from which email goes out.
    pub audit: AuditLog,
    /// How far the forwarder has read it.
    pub cursor: Cursor,
    /// Where the target itself says which events it handles.
    pub declared: Declared,
    /// What sends the email.
    pub forwarder: Forwarder,
    /// Messages that were accepted and never heard of again.
    pub overdue: Overdue,
    /// What it counts.
    pub metrics: Metrics,
    /// Texts by which its statements are recognised on a PostgreSQL wire.
    pub marks: Marks,
}

/// How the provider writes an event, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Payload {
    /// The field with the event's name.
    pub event: String,
    /// The field with the message's id.
    pub message_id: String,
    /// The forms in which the id is written there, with `{id}` in them; the first is the one that is stored.
    pub id_forms: Vec<String>,
    /// A message id as the provider makes them, with `{n}` where they differ.
    pub id_shape: String,
    /// The field with the recipient's address.
    pub recipient: String,
    /// The fields with the event's time since 1970, the one that is believed first; seconds or milliseconds.
    pub times: Vec<String>,
    /// The field with the link that was followed, where there is one.
    pub link: String,
    /// The field with the provider's reason, free text.
    pub reason: String,
    /// The fields that carry back what a request has at [`Forwarder::reference`].
    pub references: Vec<String>,
    /// Further fields that events have: name and value as JSON.
    #[serde(with = "pairs")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub further: Vec<(String, String)>,
}

/// An event that is documented to reach the ledger.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Documented {
    /// Its normalised name.
    pub event: String,
    /// What it makes of the ledger row.
    pub classification: String,
    /// Whether it stamps the time of delivery.
    pub stamps: bool,
    /// The spellings in which it comes; the normalised name is one of them.
    pub spellings: Vec<String>,
}

/// Classifications that no event gives.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Standing {
    /// The provider's API took the message; ranks below every event.
    pub accepted: String,
    /// It never went out and never will.
    pub dropped: String,
}

/// The ledger and its columns.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ledger {
    /// The table.
    pub table: String,
    /// The audit row that caused the email: the primary key. Without an audit log whatever unique `bigint` key a row has:
    /// rows that Sabot makes have keys below zero. Empty where the database itself gives the key.
    pub audit_id: String,
    /// When the provider took it. Empty where there is no such column.
    pub sent_at: String,
    /// The provider. Empty where there is no such column.
    pub provider: String,
    /// The provider's message id, without brackets.
    pub provider_id: String,
    /// The masked address. Empty where there is no such column.
    pub recipient: String,
    /// The kind of the audit row. Empty where there is no such column.
    pub template_kind: String,
    /// What became of it.
    pub classification: String,
    /// When it was delivered, or null.
    pub delivered_at: String,
    /// Further columns that a new row must fill: name and SQL expression, such as `1` or `'order'`.
    #[serde(with = "pairs")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub further: Vec<(String, String)>,
}

/// The stored events and their columns.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventStore {
    /// The table.
    pub table: String,
    /// The provider. Empty where there is no such column.
    pub provider: String,
    /// The provider's message id, without brackets.
    pub provider_id: String,
    /// A digest of the recipient's address. Empty where there is no such column.
    pub recipient_digest: String,
    /// The normalised event.
    pub event: String,
    /// Its own time.
    pub event_time: String,
    /// The link that was followed, or empty. Empty here where there is no such column.
    pub link: String,
    /// The event as it came. Empty where there is no such column.
    pub raw: String,
    /// When it was stored. Empty where there is no such column.
    pub received_at: String,
    /// The constraint by which an event is stored once. Empty where it has no name.
    pub once: String,
}

/// The audit log and its columns.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditLog {
    /// The table.
    pub table: String,
    /// The id, ascending.
    pub id: String,
    /// The kind.
    pub kind: String,
    /// The team.
    pub team_id: String,
    /// Who did it.
    pub actor: String,
    /// A sentence.
    pub summary: String,
    /// JSON.
    pub payload: String,
    /// When.
    pub created_at: String,
    /// The field of the payload with the address that an emailing kind goes to.
    pub recipient: String,
    /// The kind of a refused call of the webhook.
    pub refused: String,
}

/// How far the forwarder has read the audit log: one row.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cursor {
    /// The table.
    pub table: String,
    /// The column with the reader's name.
    pub name: String,
    /// The column with the id up to which all is done.
    pub position: String,
    /// The forwarder's name there.
    pub row: String,
}

/// Where the target itself says which events it handles.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Declared {
    /// The path on the webhook's service, asked with a bearer token.
    pub path: String,
    /// The lane's credential that is that token.
    pub credential: String,
    /// The list of events.
    pub events: String,
    /// An event's normalised name.
    pub event: String,
    /// What it makes of the ledger row.
    pub classification: String,
    /// Whether it stamps the time of delivery.
    pub stamps: String,
    /// Its spellings.
    pub spellings: String,
    /// The classifications, the one that decides a tie first.
    pub severity: String,
    /// The list of kinds, in the forwarder's registry alone.
    pub kinds: String,
    /// A kind's name.
    pub kind: String,
    /// Whether it emails.
    pub emails: String,
    /// Whether somebody renders it.
    pub renderer: String,
}

/// What sends the email.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Forwarder {
    /// The service in which it runs.
    pub service: String,
    /// Its wire to the database.
    pub database_wire: String,
    /// Its wire to the provider.
    pub provider_wire: String,
    /// The path at which the provider takes a message.
    pub send_path: String,
    /// Where the provider's answer has the message's id: a JSON pointer.
    pub answered_id: String,
    /// Where a request has its idempotency key: a JSON pointer.
    pub idempotency_key: String,
    /// Where a request has what its events carry back, a list of texts: a JSON pointer.
    pub reference: String,
    /// Where a request has its recipient: a JSON pointer.
    pub recipient: String,
    /// Who is about to send what.
    pub claims: Claims,
    /// How often it looks for work.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub poll: Duration,
    /// How long a claim hides a row from other forwarders.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub lease: Duration,
    /// The longest that a send may take.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub send_limit: Duration,
    /// The environment variables of the three.
    pub poll_env: String,
    /// See [`lease`](Self::lease).
    pub lease_env: String,
    /// See [`send_limit`](Self::send_limit).
    pub send_limit_env: String,
    /// The environment variable with the retry schedule, durations joined by commas.
    pub retry_env: String,
    /// The command line that prints its registry of events and kinds as JSON; the program stands beside the services.
    pub registry: Vec<String>,
    /// Some kinds of audit rows.
    pub kinds: Vec<AuditKind>,
}

/// Who is about to send what: a row for each audit row that is being sent, or is to be tried again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Claims {
    /// The table.
    pub table: String,
    /// The audit row.
    pub audit_id: String,
    /// Until when it is hidden from other forwarders.
    pub due_at: String,
}

/// A kind of audit row.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditKind {
    /// The kind.
    pub kind: String,
    /// Whether it is declared to send an email.
    pub emails: bool,
    /// A payload such as the target writes, as JSON, without the recipient.
    pub payload: String,
}

/// Messages that were accepted and never heard of again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Overdue {
    /// The path of their list, on the webhook's service, asked with a bearer token.
    pub path: String,
    /// The lane's credential that is that token.
    pub credential: String,
    /// The list.
    pub messages: String,
    /// The audit row's id in an entry.
    pub audit_id: String,
    /// The masked address in an entry.
    pub recipient: String,
    /// After how long a message counts.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub after: Duration,
    /// The environment variable with that time.
    pub after_env: String,
}

/// What is counted, in Prometheus text.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// The path, on every service.
    pub path: String,
    /// Gauge: messages accepted and never heard of again.
    pub overdue: String,
    /// Gauge: messages of the last day by classification.
    pub messages: String,
    /// Its label.
    pub classification: String,
    /// Counter: answers that asked the provider to come again.
    pub unavailable: String,
    /// Counter: calls that were refused.
    pub refused: String,
    /// Within which time the gauges follow the tables.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub follows_within: Duration,
}

/// Texts by which statements are recognised.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Marks {
    /// The INSERT of events.
    pub store: String,
    /// The ledger's UPDATE from the stored events.
    pub ledger: String,
    /// The forwarder's claim.
    pub claim: String,
    /// The ledger's INSERT after the provider's answer.
    pub sent: String,
    /// Moving the cursor.
    pub cursor: String,
    /// The scan for messages that are overdue.
    pub overdue: String,
}
