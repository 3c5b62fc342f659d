//! Our own evaluation of an alert: whether it fires at a time.

use super::super::promql::{Labels, Value, evaluate};
use super::rules::Alert;
use super::scenario::Question;
use std::collections::BTreeSet;

/// Whether `alert` fires at the time of `question`: its expression has been true there, for the same labels, at every
/// evaluation for as long as it holds.
///
/// # Errors
/// Why that can't be told.
pub(super) fn fires(alert: &Alert, question: &Question) -> Result<bool, String> {
    let expr = alert.expr.as_ref().map_err(Clone::clone)?;
    let interval = alert.interval.as_secs().max(1);
    let before = alert.hold.as_secs().div_ceil(interval);
    let mut held: Option<BTreeSet<Labels>> = None;
    for back in 0..=before {
        // Before time began nothing had been true.
        let Some(at) = question.at.checked_sub(back * interval) else { return Ok(false) };
        let value = evaluate(expr, &question.scenario, seconds(at)).map_err(|error| error.to_string())?;
        let now: BTreeSet<_> = match value {
            Value::Vector(samples) => samples.into_iter().map(|sample| sample.labels).collect(),
            // Prometheus makes of a number an alert without labels, whatever the number is.
            Value::Scalar(_) => BTreeSet::from([Labels::new()]),
        };
        let both = held.map_or_else(|| now.clone(), |held| held.intersection(&now).cloned().collect());
        if both.is_empty() {
            return Ok(false);
        }
        held = Some(both);
    }
    Ok(true)
}

#[expect(clippy::cast_precision_loss, reason = "times of a few days")]
fn seconds(at: u64) -> f64 {
    at as f64
}
