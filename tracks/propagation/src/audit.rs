//! Where the trail of state changes goes: with the change itself, in one statement.

use std::borrow::Cow;

/// The audit rows of a queue: which statement writes them, and as whom.
///
/// The rows are written by the very statement that changes the state, so that neither is ever without the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    insert: Option<Cow<'static, str>>,
    actor: Cow<'static, str>,
}

/// Into `audit_log (kind, team_id, actor, summary, payload)`, as the actor `propagation`.
impl Default for Audit {
    fn default() -> Self {
        Self::insert(
            "INSERT INTO audit_log (kind, team_id, actor, summary, payload)
             SELECT kind, team_id, actor, summary, payload FROM audit",
        )
    }
}

impl Audit {
    /// Rows go where this statement puts them: an `INSERT … SELECT` from the relation
    /// `audit (kind text, team_id bigint, actor text, summary text, payload jsonb)`. It becomes part of other statements,
    /// so it takes no parameters; it is trusted as it is.
    #[must_use]
    pub fn insert(statement: impl Into<Cow<'static, str>>) -> Self {
        Self { insert: Some(statement.into()), actor: Cow::Borrowed("propagation") }
    }

    /// No rows at all: for whoever keeps the trail by a trigger, and for measuring what it costs.
    #[must_use]
    pub fn none() -> Self {
        Self { insert: None, actor: Cow::Borrowed("propagation") }
    }

    /// Who acts, where it is the runner that does.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<Cow<'static, str>>) -> Self {
        self.actor = actor.into();
        self
    }

    pub(crate) fn runner(&self) -> &str {
        &self.actor
    }

    /// What follows the changes in a `WITH` list, where `selects` yields the rows of the relation `audit`.
    pub(crate) fn after(&self, selects: &str) -> String {
        match &self.insert {
            Some(insert) => format!(", audit AS ({selects}), audited AS ({insert})"),
            None => String::new(),
        }
    }
}
