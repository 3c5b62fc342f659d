//! The columns of a transaction's events.

use std::collections::HashSet;

use time::OffsetDateTime;
use uuid::Uuid;

use super::statements::{lock_number, reference_lock};
use crate::event::Event;

/// The events in the order of their keys.
pub(super) struct Batch<'a> {
    pub(super) ids: Vec<&'a str>,
    pub(super) digests: Vec<&'a str>,
    pub(super) names: Vec<&'a str>,
    pub(super) times: Vec<OffsetDateTime>,
    pub(super) links: Vec<&'a str>,
    pub(super) raws: Vec<&'a str>,
    /// The messages that the ledger is concerned with, each once.
    pub(super) messages: Vec<&'a str>,
    /// The numbers of their locks, rising.
    pub(super) locks: Vec<i64>,
    /// Messages of events that are no concern of the ledger, and carry a reference.
    pub(super) ignored: Vec<&'a str>,
    references: Vec<Option<Uuid>>,
}

impl<'a> Batch<'a> {
    pub(super) fn of(provider: &str, events: impl Iterator<Item = &'a Event>) -> Self {
        let mut events: Vec<&Event> = events.collect();
        events.sort_by(|one, other| one.key().cmp(&other.key()));
        let declared = events.iter().filter(|event| event.declared.is_some());
        let ignored = events.iter().filter(|event| event.declared.is_none() && event.reference.is_some());
        let messages = each_once(declared.map(|event| event.provider_id.as_str()));
        Self {
            ids: events.iter().map(|event| event.provider_id.as_str()).collect(),
            digests: events.iter().map(|event| event.recipient_digest.as_str()).collect(),
            names: events.iter().map(|event| event.name.as_str()).collect(),
            times: events.iter().map(|event| event.time).collect(),
            links: events.iter().map(|event| event.link.as_str()).collect(),
            raws: events.iter().map(|event| event.raw.as_str()).collect(),
            locks: in_turn(messages.iter().map(|message| lock_number(provider, message))),
            messages,
            ignored: each_once(ignored.map(|event| event.provider_id.as_str())),
            references: events.iter().map(|event| event.reference).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// What they tell of messages that are not among the `known`.
    pub(super) fn unknown(&self, provider: &str, known: &HashSet<String>) -> Unknown<'a> {
        let told = self.ids.iter().zip(&self.references);
        let told = told.filter_map(|(id, reference)| Some((*id, (*reference)?)));
        let mut told: Vec<_> = told.filter(|(id, _)| !id.is_empty() && !known.contains(*id)).collect();
        told.sort_unstable();
        told.dedup();
        let messages = told.iter().map(|(id, _)| lock_number(provider, id));
        let references = told.iter().map(|(_, reference)| reference_lock(provider, *reference));
        let locks = in_turn(messages.chain(references));
        let (messages, references) = told.into_iter().unzip();
        Unknown { messages, references, locks }
    }
}

/// Messages that the ledger does not know, and which reference each carries.
pub(super) struct Unknown<'a> {
    pub(super) messages: Vec<&'a str>,
    pub(super) references: Vec<Uuid>,
    /// The numbers of the locks of both, rising.
    pub(super) locks: Vec<i64>,
}

/// Of sorted texts.
fn each_once<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut texts: Vec<_> = texts.collect();
    texts.dedup();
    texts
}

/// As locks are taken.
fn in_turn(locks: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut locks: Vec<_> = locks.collect();
    locks.sort_unstable();
    locks.dedup();
    locks
}
