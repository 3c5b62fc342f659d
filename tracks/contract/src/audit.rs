//! What is wrong with a registry, by itself and against what is declared.

use std::collections::BTreeMap;
use std::fmt;

use crate::nearest::choose;
use crate::{Entry, Names, Place, Registry};

/// One thing that is wrong with a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Complaint {
    /// A kind is declared, and the registry has no entry for it.
    NoEntry {
        /// The kind.
        kind: String,
        /// Where it is declared.
        places: Vec<Place>,
    },
    /// An entry is of a kind that is declared nowhere.
    NotDeclared {
        /// The kind.
        kind: String,
        /// The declared kind that is most like it, or what there is.
        remedy: String,
    },
    /// A kind has several entries.
    Twice {
        /// The kind.
        kind: String,
        /// How many.
        times: usize,
    },
    /// A kind emails, and the ledger does not tell what became of the emails.
    NoLedger {
        /// The kind.
        kind: String,
    },
    /// A kind has neither a consumer nor a reason.
    NoConsumer {
        /// The kind.
        kind: String,
    },
    /// A kind has a reason why nobody consumes it, and a consumer.
    StaleReason {
        /// The kind.
        kind: String,
        /// The reason.
        reason: String,
    },
    /// The reason why nobody consumes a kind is blank.
    BlankReason {
        /// The kind.
        kind: String,
    },
    /// A kind maps to a propagation that is not among the values.
    NoSuchPropagation {
        /// The kind.
        kind: String,
        /// The propagation.
        propagation: String,
        /// The value that is most like it, or what there is.
        remedy: String,
    },
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEntry { kind, places } => {
                let places: Vec<_> = places.iter().map(ToString::to_string).collect();
                let places = places.join(", ");
                write!(
                    f,
                    "{kind} ({places}) has no entry in the registry: say who consumes it, or why nobody does"
                )
            }
            Self::NotDeclared { kind, remedy } => {
                write!(
                    f,
                    "{kind} has an entry and is declared nowhere: declare it, or remove the entry; {remedy}"
                )
            }
            Self::Twice { kind, times } => write!(f, "{kind} has {times} entries: keep one"),
            Self::NoLedger { kind } => {
                write!(
                    f,
                    "{kind} emails without the ledger, so that nobody could say what became of it: add `ledger`"
                )
            }
            Self::NoConsumer { kind } => {
                write!(
                    f,
                    "{kind} has neither a consumer nor a reason: say who consumes it, or in `nobody` why nobody does"
                )
            }
            Self::StaleReason { kind, reason } => {
                write!(
                    f,
                    "{kind} has a consumer, and a reason why it has none ({reason:?}): remove one of them"
                )
            }
            Self::BlankReason { kind } => {
                write!(f, "{kind} is consumed by nobody for a blank reason: say in `nobody` why")
            }
            Self::NoSuchPropagation { kind, propagation, remedy } => {
                write!(
                    f,
                    "{kind} propagates as {propagation:?}, which is no value of the queue's kinds; {remedy}"
                )
            }
        }
    }
}

impl Entry {
    /// Whether somebody consumes the kind.
    #[must_use]
    pub fn is_consumed(&self) -> bool {
        self.email.is_some() || self.propagation.is_some() || self.ledger
    }
}

impl Registry {
    /// Everything that is wrong with the registry, given the kinds that are `declared` (in the source, say) and the
    /// `propagations` that the queue knows: first the declared kinds without an entry, then each entry in its order.
    ///
    /// ```
    /// use sabot_contract::{Entry, Names, Place, Registry};
    ///
    /// let mut declared = Names::default();
    /// declared.add("team.created", Place { within: "kinds.go".into(), line: Some(7) });
    /// let entry = Entry { kind: "team.create".into(), nobody: Some("an example".into()), ..Entry::default() };
    /// let complaints = Registry { kinds: vec![entry] }.audit(&declared, &Names::default());
    /// let complaints: Vec<_> = complaints.iter().map(ToString::to_string).collect();
    /// assert_eq!(complaints, [
    ///     "team.created (kinds.go:7) has no entry in the registry: say who consumes it, or why nobody does",
    ///     "team.create has an entry and is declared nowhere: declare it, or remove the entry; \
    ///      did you mean \"team.created\"?",
    /// ]);
    /// ```
    #[must_use]
    pub fn audit(&self, declared: &Names, propagations: &Names) -> Vec<Complaint> {
        let mut entries: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in &self.kinds {
            *entries.entry(&entry.kind).or_default() += 1;
        }
        let without = declared.iter().filter(|(kind, _)| !entries.contains_key(kind));
        let mut complaints: Vec<_> = without
            .map(|(kind, places)| Complaint::NoEntry { kind: kind.to_owned(), places: places.to_vec() })
            .collect();
        for entry in &self.kinds {
            // What is said of the kind is said once, what of the entry for each.
            if let Some(times) = entries.remove(entry.kind.as_str()) {
                complaints.extend(against(entry, times, declared));
            }
            complaints.extend(by_itself(entry));
            complaints.extend(unknown_propagation(entry, propagations));
        }
        complaints
    }
}

fn against(entry: &Entry, times: usize, declared: &Names) -> Vec<Complaint> {
    let kind = &entry.kind;
    let twice = (times > 1).then(|| Complaint::Twice { kind: kind.clone(), times });
    let undeclared = (!declared.contains(kind)).then(|| {
        let remedy = choose(kind, declared.iter().map(|(name, _)| name));
        Complaint::NotDeclared { kind: kind.clone(), remedy }
    });
    twice.into_iter().chain(undeclared).collect()
}

fn by_itself(entry: &Entry) -> Vec<Complaint> {
    let kind = || entry.kind.clone();
    let ledger = (entry.email.is_some() && !entry.ledger).then(|| Complaint::NoLedger { kind: kind() });
    let reason = match (&entry.nobody, entry.is_consumed()) {
        (None, true) => None,
        (None, false) => Some(Complaint::NoConsumer { kind: kind() }),
        (Some(reason), true) => Some(Complaint::StaleReason { kind: kind(), reason: reason.clone() }),
        (Some(reason), false) => reason.trim().is_empty().then(|| Complaint::BlankReason { kind: kind() }),
    };
    ledger.into_iter().chain(reason).collect()
}

fn unknown_propagation(entry: &Entry, propagations: &Names) -> Option<Complaint> {
    let propagation = entry.propagation.as_ref().filter(|propagation| !propagations.contains(propagation))?;
    Some(Complaint::NoSuchPropagation {
        kind: entry.kind.clone(),
        propagation: propagation.clone(),
        remedy: choose(propagation, propagations.iter().map(|(name, _)| name)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Email;

    fn names(names: &[&str]) -> Names {
        let mut all = Names::default();
        for name in names {
            all.add(*name, Place { within: "kinds".into(), line: None });
        }
        all
    }

    fn silent(kind: &str) -> Entry {
        Entry { kind: kind.into(), nobody: Some("a reason".into()), ..Entry::default() }
    }

    fn emails(kind: &str) -> Entry {
        Entry { kind: kind.into(), email: Some(Email::default()), ledger: true, ..Entry::default() }
    }

    /// What is complained of these entries, of kinds that are all declared.
    fn complaints(entries: Vec<Entry>) -> Vec<Complaint> {
        let declared: Vec<_> = entries.iter().map(|entry| entry.kind.clone()).collect();
        let declared = names(&declared.iter().map(String::as_str).collect::<Vec<_>>());
        Registry { kinds: entries }.audit(&declared, &names(&["tier_elevation"]))
    }

    #[test]
    fn a_sound_registry_has_no_complaint() {
        let propagates =
            Entry { kind: "p".into(), propagation: Some("tier_elevation".into()), ..Entry::default() };
        let told = Entry { kind: "l".into(), ledger: true, ..Entry::default() };
        assert_eq!(complaints(vec![silent("a"), emails("b"), propagates, told]), []);
    }

    #[test]
    fn both_directions_are_looked_at() {
        let registry = Registry { kinds: vec![silent("a"), silent("gone")] };
        let found = registry.audit(&names(&["a", "new"]), &Names::default());
        let places = vec![Place { within: "kinds".into(), line: None }];
        let remedy = "there is \"a\", \"new\"".to_owned();
        assert_eq!(
            found,
            [
                Complaint::NoEntry { kind: "new".into(), places },
                Complaint::NotDeclared { kind: "gone".into(), remedy }
            ]
        );
    }

    #[test]
    fn a_kind_with_two_entries_is_told_once() {
        let found = complaints(vec![silent("a"), silent("b"), silent("a")]);
        assert_eq!(found, [Complaint::Twice { kind: "a".into(), times: 2 }]);
    }

    #[test]
    fn an_email_needs_the_ledger() {
        let found = complaints(vec![Entry { ledger: false, ..emails("a") }]);
        assert_eq!(found, [Complaint::NoLedger { kind: "a".into() }]);
    }

    #[test]
    fn a_reason_stands_for_a_consumer_and_not_beside_one() {
        let kind = || "a".to_owned();
        let blank = Entry { nobody: Some(" \n".into()), ..silent("a") };
        assert_eq!(complaints(vec![blank]), [Complaint::BlankReason { kind: kind() }]);
        let neither = Entry { nobody: None, ..silent("a") };
        assert_eq!(complaints(vec![neither]), [Complaint::NoConsumer { kind: kind() }]);
        let both = Entry { nobody: Some("old".into()), ..emails("a") };
        assert_eq!(complaints(vec![both]), [Complaint::StaleReason { kind: kind(), reason: "old".into() }]);
    }

    #[test]
    fn a_propagation_must_be_one_that_the_queue_knows() {
        let entry =
            Entry { kind: "a".into(), propagation: Some("tier_elevations".into()), ..Entry::default() };
        let found = complaints(vec![entry]);
        assert_eq!(
            found[0].to_string(),
            "a propagates as \"tier_elevations\", which is no value of the queue's kinds; did you mean \
             \"tier_elevation\"?"
        );
        assert_eq!(found.len(), 1);
    }
}
