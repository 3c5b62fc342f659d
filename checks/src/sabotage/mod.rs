//! How defects are put on a lane: the building blocks that the tracks' sabotages are made of.

pub(crate) mod composed;
pub(crate) mod edit;
pub(crate) mod file;
pub(crate) mod json;
pub(crate) mod metrics;
pub(crate) mod process;
pub(crate) mod reaction;
pub(crate) mod rules;
pub(crate) mod schema;
pub(crate) mod setting;
pub(crate) mod trigger;

use sabot_engine::{Judgement, Nature, Sabotage, Sort, Worn};
use sabot_target::Lane;
use std::time::Duration;

/// What the id of a sabotage is made of: the first check that it must turn red, and its name.
pub(crate) fn id(turns_red: &[&'static str], name: &str) -> String {
    format!("{}/{name}", turns_red.first().unwrap_or(&""))
}

/// The longest that putting on, looking and undoing may take together.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A worn defect, as the engine holds it.
pub(crate) type Put = Judgement<Box<dyn Worn<Lane>>>;

/// The parts of a sabotage that are the same for all of one building block.
pub(crate) fn sabotage(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    sort: Sort,
    nature: Nature,
    put_on: std::sync::Arc<sabot_engine::PutOn<Lane>>,
) -> Sabotage<Lane> {
    Sabotage {
        id: id(turns_red, name),
        mistake: mistake.into(),
        sorts: vec![sort],
        nature,
        turns_red: turns_red.to_vec(),
        limit: LIMIT,
        put_on,
    }
}
