//! What guards a claim and a completion, and how it is taken out from outside.

use super::cause::on_statements;
use crate::sabotage::composed::composed;
use crate::sql::ident;
use sabot_engine::{Nature, Sabotage};
use sabot_target::{Lane, Propagation};
use sabot_wire::pg::{Match, Pattern, Rule};
use std::time::Duration;

/// Statement `mark` with `instead` in place of `text`. It is of cause: the running program really loses what stood there.
pub(crate) fn reworded(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    propagation: &Propagation,
    (mark, text, instead): (&str, &str, String),
) -> Sabotage<Lane> {
    let (mark, text) = (mark.to_owned(), text.to_owned());
    let reworded = on_statements(turns_red, name, mistake, propagation, move || {
        Rule::on(Match::literal(&mark)).rewrite(Pattern::literal(&text), instead.clone())
    });
    Sabotage { nature: Nature::Cause, ..reworded }
}

/// Rows are claimed without being locked, and so without being looked at again.
pub(crate) fn lock_out(turns_red: &[&'static str], propagation: &Propagation) -> Sabotage<Lane> {
    let marks = &propagation.marks;
    let mistake = "the lock is taken out of the claim, since it only cost time";
    reworded(turns_red, "lock-out", mistake, propagation, (&marks.claim, &marks.lock, String::new()))
}

/// Completions change rows whoever holds them, and for however long.
pub(crate) fn fence_out(turns_red: &[&'static str], propagation: &Propagation) -> Sabotage<Lane> {
    let marks = &propagation.marks;
    let mistake = "a completion finds its row by the id alone";
    let part = |(place, condition): (usize, &String)| {
        let name = format!("fence-out-{place}");
        reworded(turns_red, &name, mistake, propagation, (&marks.complete, condition, "true".into()))
    };
    let parts = marks.fence.iter().enumerate().map(part).collect();
    composed(turns_red, "fence-out", mistake, parts)
}

/// Whether an update of the queue is a claim, as a condition on `OLD` and `NEW`.
pub(crate) fn is_claim(propagation: &Propagation) -> String {
    let lease = ident(&propagation.queue.lease);
    format!("NEW.{lease} IS NOT NULL AND NEW.{lease} IS DISTINCT FROM OLD.{lease}")
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
