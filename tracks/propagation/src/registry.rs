//! The closed registry: which kinds this build knows, and what handles each.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::handler::{Erased, HandlerError, Outcome, Propagation, erase};
use crate::kind::Kind;

/// Every kind that this build handles. It cannot change once it is built, so a test can walk it.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    kinds: BTreeMap<Arc<str>, (Declared, Erased)>,
    groups: Vec<Vec<String>>,
}

/// What is declared of one kind; in JSON `{"kind":…,"does":…,"supersedes_within":[…]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Declared {
    /// Its name: a value of the enum `propagation_kind`.
    pub kind: &'static str,
    /// What it does, in a few words for people.
    pub does: &'static str,
    /// The kinds among which only the newest propagation of a team counts, itself included; empty if each counts.
    pub supersedes_within: Vec<String>,
}

impl Registry {
    /// Begins a registry.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder { kinds: Vec::new(), groups: Vec::new() }
    }

    /// What is declared, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &Declared> {
        self.inner.kinds.values().map(|(declared, _)| declared)
    }

    /// The names, as the claim takes them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.inner.kinds.keys().map(|name| name.as_ref().to_owned()).collect()
    }

    pub(crate) fn handler(&self, kind: &str) -> Option<&Erased> {
        self.inner.kinds.get(kind).map(|(_, handler)| handler)
    }

    /// The same name without a new allocation; `None` if it is not known.
    pub(crate) fn interned(&self, kind: &str) -> Option<Arc<str>> {
        self.inner.kinds.get_key_value(kind).map(|(name, _)| Arc::clone(name))
    }

    /// The groups of kinds that supersede each other.
    pub(crate) fn groups(&self) -> &[Vec<String>] {
        &self.inner.groups
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.kinds()).finish()
    }
}

/// A registry under way.
#[must_use = "a registry does nothing until it is built"]
pub struct RegistryBuilder {
    kinds: Vec<(Declared, Erased)>,
    groups: Vec<Vec<String>>,
}

impl RegistryBuilder {
    /// Adds a kind, what it does in a few words, and its handler.
    ///
    /// A handler is called at least once for each propagation, so what it does downstream is made idempotent by the
    /// [idempotency key](Propagation::idempotency_key). It is dropped at an `.await` when the dispatch limit ends; one that
    /// blocks its thread cannot be.
    pub fn kind<P, H, F>(mut self, kind: Kind<P>, does: &'static str, handler: H) -> Self
    where
        P: DeserializeOwned + Send + 'static,
        H: Fn(Propagation<P>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Outcome, HandlerError>> + Send + 'static,
    {
        let declared = Declared { kind: kind.name(), does, supersedes_within: Vec::new() };
        self.kinds.push((declared, erase(handler)));
        self
    }

    /// Says that of these kinds only the newest propagation of a team counts, because they all set the same thing.
    ///
    /// An older one ends as `superseded` without a dispatch, and a newer one waits while an older is being dispatched,
    /// so that the older cannot come to its downstream after the newer. Newer is who has the higher id: let the change
    /// lock the team's row before it enqueues, and ids rise in the order of the changes. It needs the index of
    /// [`SUPERSESSION`](crate::SUPERSESSION).
    pub fn supersede<'k>(mut self, kinds: impl IntoIterator<Item = &'k str>) -> Self {
        self.groups.push(kinds.into_iter().map(str::to_owned).collect());
        self
    }

    /// Closes the registry.
    ///
    /// # Errors
    /// When a kind is declared twice or has no name, or a group names a kind that is not declared or is in another group.
    pub fn build(self) -> Result<Registry, RegistryError> {
        let mut kinds: BTreeMap<Arc<str>, (Declared, Erased)> = BTreeMap::new();
        for (declared, handler) in self.kinds {
            let kind = declared.kind;
            if kind.is_empty() {
                return Err(RegistryError::Unnamed);
            }
            if kinds.insert(kind.into(), (declared, handler)).is_some() {
                return Err(RegistryError::Duplicate { kind });
            }
        }
        let mut grouped = BTreeSet::new();
        for group in &self.groups {
            for kind in group {
                let Some((declared, _)) = kinds.get_mut(kind.as_str()) else {
                    return Err(RegistryError::Undeclared { kind: kind.clone() });
                };
                if !grouped.insert(kind.clone()) {
                    return Err(RegistryError::TwoGroups { kind: kind.clone() });
                }
                declared.supersedes_within.clone_from(group);
            }
        }
        Ok(Registry { inner: Arc::new(Inner { kinds, groups: self.groups }) })
    }
}

impl std::fmt::Debug for RegistryBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.kinds.iter().map(|(declared, _)| declared)).finish()
    }
}

/// Why a registry cannot be closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A kind without a name.
    #[error("a kind has an empty name: give it the value that the enum propagation_kind has")]
    Unnamed,
    /// A kind with two handlers.
    #[error("the kind {kind:?} has two handlers: take one of them out")]
    Duplicate {
        /// Which.
        kind: &'static str,
    },
    /// A group names what has no handler.
    #[error("a group names the kind {kind:?}, which has no handler: declare it first")]
    Undeclared {
        /// Which.
        kind: String,
    },
    /// A kind would be superseded by two sorts of things.
    #[error("the kind {kind:?} is named in groups twice: name it once")]
    TwoGroups {
        /// Which.
        kind: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRADE: Kind<()> = Kind::new("grade");
    const MAIL: Kind<()> = Kind::new("mail");

    fn builder() -> RegistryBuilder {
        let applied = |_| async { Ok(Outcome::Applied) };
        Registry::builder().kind(MAIL, "sends a mail", applied).kind(GRADE, "grades", applied)
    }

    #[test]
    fn it_can_be_walked_and_shown() {
        let registry = builder().supersede(["grade"]).build().unwrap();
        let shown = serde_json::to_value(registry.kinds().collect::<Vec<_>>()).unwrap();
        let expected = serde_json::json!([
            { "kind": "grade", "does": "grades", "supersedes_within": ["grade"] },
            { "kind": "mail", "does": "sends a mail", "supersedes_within": [] },
        ]);
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let applied = |_| async { Ok(Outcome::Applied) };
        let twice = builder().kind(GRADE, "again", applied).build().unwrap_err();
        assert_eq!(twice, RegistryError::Duplicate { kind: "grade" });
        let unnamed = builder().kind(Kind::<()>::new(""), "nothing", applied).build().unwrap_err();
        assert_eq!(unnamed, RegistryError::Unnamed);
        let undeclared = builder().supersede(["other"]).build().unwrap_err();
        assert_eq!(undeclared, RegistryError::Undeclared { kind: "other".into() });
        let two = builder().supersede(["grade"]).supersede(["mail", "grade"]).build().unwrap_err();
        assert_eq!(two, RegistryError::TwoGroups { kind: "grade".into() });
    }
}
