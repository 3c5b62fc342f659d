//! What a service counts of delivery.

use super::desk::delivery;
use crate::metrics::Measured;
use sabot_engine::Judgement;
use sabot_target::{Instance, Lane};

/// The sum of the series called `name`, whatever their labels; `None` where there is none.
pub(crate) async fn metric(lane: &Lane, instance: &Instance, name: &str) -> Judgement<Option<f64>> {
    Ok(measured(lane, instance).await?.sum(name))
}

/// The sum of those of them that have a label with this value.
pub(crate) async fn labelled(
    lane: &Lane,
    instance: &Instance,
    name: &str,
    of: (&str, &str),
) -> Judgement<Option<f64>> {
    Ok(measured(lane, instance).await?.labelled(name, of))
}

async fn measured(lane: &Lane, instance: &Instance) -> Judgement<Measured> {
    Measured::read(lane, instance, &delivery(lane).metrics.path).await
}
