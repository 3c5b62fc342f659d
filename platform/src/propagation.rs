//! The kinds of propagations: what the api enqueues and the worker handles, said once for both.

use std::future::Future;

use sabot_propagation::{HandlerError, Kind, New, Outcome, Propagation, Registry, RegistryError};
use serde::{Deserialize, Serialize};

use crate::tier::Tier;

/// A team's tier has risen or fallen, and its resources are to follow.
pub const TIER_ELEVATION: Kind<TierChange> = Kind::new("tier_elevation");

/// What a [`TIER_ELEVATION`] carries besides its team and the tier that the team is to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierChange {
    /// The tier that the team had.
    pub from: String,
}

/// The propagation of one change of a tier.
///
/// # Errors
/// When the payload cannot be put into JSON.
pub fn tier_elevation(team: i64, from: &str, to: Tier) -> Result<New, serde_json::Error> {
    let change = TierChange { from: from.to_owned() };
    Ok(TIER_ELEVATION.of(&change)?.team(team).target_tier(to.as_str()))
}

/// The closed registry: every kind, with this handler of tier changes.
///
/// Of a team's tier changes only the newest counts: an older one that has failed must not come back after it.
///
/// # Errors
/// When it contradicts itself, which is a defect of the build.
pub fn registry<H, F>(regrade: H) -> Result<Registry, RegistryError>
where
    H: Fn(Propagation<TierChange>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Outcome, HandlerError>> + Send + 'static,
{
    Registry::builder()
        .kind(TIER_ELEVATION, "re-grades every active resource of the team", regrade)
        .supersede([TIER_ELEVATION.name()])
        .build()
}
