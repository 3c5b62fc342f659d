//! What tables look like that a track is about: the columns by which each is known, by the words people use for them.

mod audit;
mod mail;
mod queue;

pub(super) use audit::AUDIT;
pub(super) use mail::{EVENTS, LEDGER};
pub(super) use queue::QUEUE;

use super::table::Sort;
use super::table::Sort::{Json, Number, Text, Time, Truth, Uuid};

/// A column that such a table may have.
pub(in crate::init) struct Part {
    /// The key of the description that names it.
    pub(in crate::init) key: &'static str,
    /// What people call it.
    pub(in crate::init) words: &'static [&'static str],
    /// What it may hold.
    pub(in crate::init) sorts: &'static [Sort],
    /// How much it says for the guess.
    pub(in crate::init) weight: u32,
    /// What it does, behind its name.
    pub(in crate::init) says: &'static str,
}

/// What a table may be.
pub(in crate::init) struct Shape {
    /// What it is, for people.
    pub(in crate::init) what: &'static str,
    /// Words of the table's own name that speak for it.
    pub(in crate::init) names: &'static [&'static str],
    /// Its columns, those first that others must not take from them.
    pub(in crate::init) parts: &'static [Part],
    /// Of each of these one column at least is there, else it is none.
    pub(in crate::init) needed: &'static [&'static [&'static str]],
}

const fn part(
    key: &'static str,
    words: &'static [&'static str],
    sorts: &'static [Sort],
    weight: u32,
    says: &'static str,
) -> Part {
    Part { key, words, sorts, weight, says }
}

/// A column of another type counts as text: enums and domains.
const WORD: &[Sort] = &[Text, Sort::Other];
const KEY: &[Sort] = &[Number, Uuid, Text];
const DOCUMENT: &[Sort] = &[Json, Text, Sort::Other];
const DONE: &[Sort] = &[Time, Truth];
const MESSAGE: &[&str] = &[
    "message_id",
    "msg_id",
    "mail_id",
    "email_id",
    "provider_id",
    "external_id",
    "provider_ref",
    "message_ref",
];
const MADE: &[&str] = &["created_at", "created", "inserted_at", "enqueued_at", "queued_at", "added_at"];
const TENANT: &[&str] =
    &["team_id", "tenant_id", "account_id", "org_id", "organisation_id", "organization_id", "customer_id"];
