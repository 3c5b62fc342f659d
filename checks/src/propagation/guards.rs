//! What guards a claim and a completion, and how it is taken out from outside.

use super::cause::on_statements;
use crate::sabotage::composed::composed;
use crate::sql::ident;
use sabot_engine::{Nature, Sabotage};
use sabot_target::{Lane, Propagation};
use std::time::Duration;

/// Statement `mark` with `instead` in place of `text`, where the description knows both. It is of cause: the running
/// program really loses what stood there.
pub(crate) fn reworded(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    propagation: &Propagation,
    statement: (&str, &str, String),
) -> Option<Sabotage<Lane>> {
    let reworded = on_statements(turns_red, name, mistake, propagation, statement)?;
    Some(Sabotage { nature: Nature::Cause, ..reworded })
}

/// Rows are claimed without being locked, and so without being looked at again.
pub(crate) fn lock_out(turns_red: &[&'static str], propagation: &Propagation) -> Option<Sabotage<Lane>> {
    let marks = &propagation.marks;
    let mistake = "the lock is taken out of the claim, since it only cost time";
    reworded(turns_red, "lock-out", mistake, propagation, (&marks.claim, &marks.lock, String::new()))
}

/// Completions change rows whoever holds them, and for however long.
pub(crate) fn fence_out(turns_red: &[&'static str], propagation: &Propagation) -> Option<Sabotage<Lane>> {
    let marks = &propagation.marks;
    let mistake = "a completion finds its row by the id alone";
    let part = |(place, condition): (usize, &String)| {
        let name = format!("fence-out-{place}");
        let instead = marks.unfenced.get(place).map_or("true", String::as_str).to_owned();
        reworded(turns_red, &name, mistake, propagation, (&marks.complete, condition, instead))
    };
    let parts: Vec<_> = marks.fence.iter().enumerate().filter_map(part).collect();
    (!parts.is_empty()).then(|| composed(turns_red, "fence-out", mistake, parts))
}

/// Whether an update of the queue is a claim, as a condition on `OLD` and `NEW`.
pub(crate) fn is_claim(propagation: &Propagation) -> String {
    let queue = &propagation.queue;
    if !queue.lease.is_empty() {
        let lease = ident(&queue.lease);
        return format!("NEW.{lease} IS NOT NULL AND NEW.{lease} IS DISTINCT FROM OLD.{lease}");
    }
    // It puts the row off, and says nothing of how a dispatch ended.
    format!(
        "NEW.{due} > now() AND NEW.{due} > OLD.{due} AND NEW.{attempts} = OLD.{attempts} \
         AND COALESCE(NEW.{applied}, NEW.{failed}) IS NULL",
        due = ident(&queue.next_attempt_at),
        attempts = ident(&queue.attempts),
        applied = ident(&queue.applied_at),
        failed = ident(&queue.failed_at),
    )
}

/// Has every lease that is taken end after `lease`, whatever was meant; statements of a trigger before an update.
pub(crate) fn within_lease(propagation: &Propagation, lease: Duration) -> String {
    format!(
        "IF {} THEN NEW.{} := now() + interval '{} microseconds'; END IF;",
        is_claim(propagation),
        ident(&propagation.queue.next_attempt_at),
        lease.as_micros(),
    )
}
