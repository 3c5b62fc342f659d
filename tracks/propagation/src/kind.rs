//! Kinds, and what is enqueued of them.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;

/// A kind of propagation with the type of its payload: a value of the enum `propagation_kind`. Declared once as a
/// constant, it keeps who enqueues and who handles of one mind.
///
/// ```
/// use sabot_propagation::Kind;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Grade { from: String }
///
/// const TIER_ELEVATION: Kind<Grade> = Kind::new("tier_elevation");
/// let propagation = TIER_ELEVATION.of(&Grade { from: "free".into() })?.team(7).target_tier("pro");
/// # drop(propagation);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub struct Kind<P> {
    name: &'static str,
    payload: PhantomData<fn() -> P>,
}

impl<P> Kind<P> {
    /// The kind of this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, payload: PhantomData }
    }

    /// Its name in the database.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<P: Serialize> Kind<P> {
    /// A propagation of this kind, due as soon as its transaction commits.
    ///
    /// # Errors
    /// When the payload cannot be put into JSON.
    pub fn of(&self, payload: &P) -> Result<New, serde_json::Error> {
        let payload = serde_json::to_string(payload)?;
        Ok(New { kind: self.name, team_id: None, target_tier: None, payload, delay: Duration::ZERO })
    }
}

// Derived, these would ask the same of the payload.
impl<P> Clone for Kind<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Kind<P> {}

impl<P> std::fmt::Debug for Kind<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Kind").field(&self.name).finish()
    }
}

/// A propagation that is yet to be enqueued.
#[derive(Clone)]
#[must_use = "nothing is propagated until it is enqueued"]
pub struct New {
    pub(crate) kind: &'static str,
    pub(crate) team_id: Option<i64>,
    pub(crate) target_tier: Option<String>,
    pub(crate) payload: String,
    pub(crate) delay: Duration,
}

impl New {
    /// The team that it is about.
    pub fn team(mut self, id: i64) -> Self {
        self.team_id = Some(id);
        self
    }

    /// The tier that the team is to have.
    pub fn target_tier(mut self, tier: impl Into<String>) -> Self {
        self.target_tier = Some(tier.into());
        self
    }

    /// Not due before this much time has passed since its transaction began.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

// Payloads may hold what does not belong in a log.
impl std::fmt::Debug for New {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("New")
            .field("kind", &self.kind)
            .field("team_id", &self.team_id)
            .finish_non_exhaustive()
    }
}
