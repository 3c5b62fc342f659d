//! `propagation.dead-letter`: a propagation dies at its last failure, exactly, is seen to, and can be replayed or
//! discarded.

mod sabotages;

use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, applied, unavailable};
use super::parts::is_there;
use super::queue::{Row, Subject, sketch};
use crate::metrics::Measured;
use reqwest::Method;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sharing};
use sabot_target::Lane;
use sabot_target::propagation::Part;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

pub(super) use sabotages::sabotages;

pub(super) const ID: &str = "propagation.dead-letter";

/// How often the runner looks for work before it is judged that it leaves a row alone.
const LOOKS: usize = 3;

/// How long a counter may take to follow the row that it counts.
const COUNTED: Duration = Duration::from_secs(2);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a change that cannot be carried out is tried for ever, or given up an attempt early and without a \
                       trace: a customer pays for a tier that he does not have, and nobody can see it or mend it",
        asserts: "a row that has one attempt left dies at its next failure, and one that has two does not: the time of \
                  death is set, one audit row says so, a counter counts it, it is in the list of dead letters and called \
                  no more, also when it is made due by hand; replayed it has all its attempts before it and is applied; \
                  discarded it is gone, and an audit row holds it",
        remedy: "compare the number of failures with the limit where it is counted up, in the statement that sets the time \
                 of death and writes the audit row; leave the dead out of the claim",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(3),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// A row of the check's own.
#[derive(Debug, Clone, Copy)]
struct Own {
    id: i64,
    subject: Subject,
}

/// What the check has in hand.
struct Scene<'a, 'd> {
    cx: &'a Cx<'a, Lane>,
    desk: &'a Desk<'d>,
    downstream: StandIn<'d>,
    /// Whether the downstream does what it is asked.
    well: Arc<AtomicBool>,
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let well = Arc::new(AtomicBool::new(false));
    let (answers, described) = (well.clone(), desk.propagation.downstream.clone());
    let downstream = StandIn::answering(&desk, move |_| match answers.load(Ordering::SeqCst) {
        true => applied(&described),
        false => unavailable(),
    })?;
    is_there(cx, Part::Trail, "the audit rows of a death");
    is_there(cx, Part::Metrics, "the counter of deaths");
    let scene = Scene { cx, desk: &desk, downstream, well };
    let (last, before_last) = scene.deaths().await?;
    if !cx.is_red() {
        scene.left_alone(last, before_last).await?;
    }
    let asked =
        is_there(cx, Part::DeadLetters, "the list of dead letters, their replay, and how one is discarded");
    if asked && !cx.is_red() {
        scene.shown(last).await?;
        scene.replayed(last).await?;
    }
    if asked && !cx.is_red() {
        scene.discarded(before_last).await?;
    }
    drop(scene);
    desk.clear().await
}

impl Scene<'_, '_> {
    fn find(&self, subject: &str, expected: &str, observed: String) {
        let finding = Finding::new(subject, expected, observed);
        self.cx.find(finding.evidence(self.desk.last_lines()));
    }

    async fn deaths_counted(&self) -> Judgement<f64> {
        let metrics = &self.desk.propagation.metrics;
        if !self.desk.propagation.has(Part::Metrics) {
            return Ok(0.0);
        }
        let measured = Measured::read(self.desk.lane, self.desk.worker()?, &metrics.path).await?;
        Ok(measured.sum(&metrics.dead_letters).unwrap_or_default())
    }

    /// One row fails for the last time, and one for the last time but one.
    async fn deaths(&self) -> Judgement<(Own, Own)> {
        let (cx, desk) = (self.cx, self.desk);
        let max = i32::try_from(desk.propagation.runner.max_attempts)?;
        let counted = self.deaths_counted().await?;
        let subjects = desk.subjects(2).await?;
        let [one, other] = [subjects[0], subjects[1]];
        let ids =
            desk.insert(&[desk.due(&one)?.attempts(max - 1), desk.due(&other)?.attempts(max - 2)]).await?;
        let last = Own { id: ids[0], subject: one };
        let before_last = Own { id: ids[1], subject: other };
        let rows = desk.awaited(&ids, |row| row.last_attempt_at.is_some() && !row.held).await?;
        cx.examined(2);
        let (row, other) = (rows.get(&last.id), rows.get(&before_last.id));
        if !row
            .is_some_and(|row| row.is_dead() && row.attempts == max && row.failed_at == row.last_attempt_at)
        {
            let expected = format!("dead, failures: {max}, since its last attempt");
            self.find("a row that had one attempt left, after its failure", &expected, sketch(row));
        }
        if !other.is_some_and(|row| row.is_waiting() && row.attempts == max - 1) {
            let expected = format!("waiting, failures: {}", max - 1);
            self.find("a row that had two attempts left, after a failure", &expected, sketch(other));
        }
        if !cx.is_red() {
            self.trail(last, &[&desk.propagation.trail.dead_lettered]).await?;
            if desk.propagation.has(Part::Metrics) {
                self.counted(counted, 1.0).await?;
            }
        }
        Ok((last, before_last))
    }

    /// The counter reads so much more than before.
    async fn counted(&self, before: f64, more: f64) -> Judgement {
        let deadline = Instant::now() + COUNTED;
        self.cx.examined(1);
        loop {
            let counted = self.deaths_counted().await? - before;
            if (counted - more).abs() < 0.5 {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let counter = format!("the counter {}", self.desk.propagation.metrics.dead_letters);
                self.find(&counter, &format!("{more} more than before"), counted.to_string());
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The audit rows about a row are of these kinds, where there are such rows.
    async fn trail(&self, own: Own, kinds: &[&str]) -> Judgement {
        if !self.desk.propagation.has(Part::Trail) {
            return Ok(());
        }
        let trail = self.desk.trail(&[own.id]).await?;
        let found: Vec<_> =
            trail.get(&own.id).into_iter().flatten().map(|entry| entry.kind.as_str()).collect();
        self.cx.examined(1);
        if found != kinds {
            let finding = Finding::new("the audit rows about it", kinds.join(", "), found.join(", "));
            self.cx.find(finding);
        }
        Ok(())
    }

    /// Made due by hand the dead row is left alone, and the other one dies.
    async fn left_alone(&self, last: Own, before_last: Own) -> Judgement {
        let (cx, desk) = (self.cx, self.desk);
        desk.move_forward(&[last.id, before_last.id]).await?;
        let rows = desk.awaited(&[before_last.id], Row::is_dead).await?;
        cx.examined(2);
        if !rows.get(&before_last.id).is_some_and(Row::is_dead) {
            self.find("a row at its last failure", "dead", sketch(rows.get(&before_last.id)));
        }
        desk.looks(desk.worker()?, LOOKS).await?;
        for (own, expected) in [(last, 1), (before_last, 2)] {
            let calls = self.downstream.about(&own.subject).len();
            if calls != expected {
                self.find("calls of the downstream for a dead row", &expected.to_string(), calls.to_string());
            }
        }
        Ok(())
    }

    /// It is among the dead letters.
    async fn shown(&self, own: Own) -> Judgement {
        let letters = &self.desk.propagation.dead_letters;
        let list = self
            .desk
            .letters(Method::GET, &format!("{}?{}={}", letters.path, letters.after, own.id - 1))
            .await?;
        let one = self.desk.letters(Method::GET, &letters.path_of(own.id)).await?;
        self.cx.examined(2);
        let is_it = |letter: &Value| letter.get(&letters.id).and_then(Value::as_i64) == Some(own.id);
        let listed =
            list.json().get(&letters.list).and_then(Value::as_array).is_some_and(|all| all.iter().any(is_it));
        if !listed {
            self.find("the list of dead letters", &format!("{} among them", own.id), list.sketch());
        }
        if !is_it(&one.json()) {
            self.find("the dead letter by its id", &format!("200, and {}", own.id), one.sketch());
        }
        Ok(())
    }

    /// Replayed, with a downstream that is well again, it is applied.
    async fn replayed(&self, own: Own) -> Judgement {
        let (cx, desk) = (self.cx, self.desk);
        let (letters, trail) = (&desk.propagation.dead_letters, &desk.propagation.trail);
        self.well.store(true, Ordering::SeqCst);
        let reply = desk.letters(Method::POST, &letters.replay_of(own.id)).await?;
        let rows = desk.awaited(&[own.id], Row::is_applied).await?;
        cx.examined(2);
        let row = rows.get(&own.id);
        if !reply.is_success()
            || !row.is_some_and(|row| row.is_applied() && !row.is_dead() && row.attempts == 0)
        {
            let observed = format!("{}, answered {}", sketch(row), reply.sketch());
            self.find("a dead letter, replayed", "applied, failures: 0", observed);
            return Ok(());
        }
        self.trail(own, &[&trail.dead_lettered, &trail.replayed, &trail.applied]).await?;
        let again = desk.letters(Method::POST, &letters.replay_of(own.id)).await?;
        cx.examined(1);
        if again.status != 404 {
            self.find("the replay of what is not dead", "404", again.sketch());
        }
        Ok(())
    }

    /// Discarded it is gone, and the audit log holds it.
    async fn discarded(&self, own: Own) -> Judgement {
        let (cx, desk) = (self.cx, self.desk);
        let (letters, kind) = (&desk.propagation.dead_letters, &desk.propagation.trail.discarded);
        let before = desk.rows(&[own.id]).await?.remove(&own.id);
        let reply = desk.letters(Method::DELETE, &letters.path_of(own.id)).await?;
        let after = desk.rows(&[own.id]).await?;
        cx.examined(2);
        if !reply.is_success() || after.contains_key(&own.id) {
            let observed = format!("{}, answered {}", sketch(after.get(&own.id)), reply.sketch());
            self.find("a dead letter, discarded", "no row", observed);
            return Ok(());
        }
        if desk.propagation.has(Part::Trail) {
            self.kept(own, kind, before).await?;
        }
        let gone = desk.letters(Method::GET, &letters.path_of(own.id)).await?;
        if gone.status != 404 {
            self.find("a discarded dead letter by its id", "404", gone.sketch());
        }
        Ok(())
    }

    /// The audit row of this kind holds what the row held.
    async fn kept(&self, own: Own, kind: &str, before: Option<Row>) -> Judgement {
        let trail = self.desk.trail(&[own.id]).await?;
        let entry = trail.get(&own.id).into_iter().flatten().find(|entry| entry.kind == kind);
        let before: Value = before.and_then(|row| serde_json::from_str(&row.whole).ok()).unwrap_or_default();
        if !entry.is_some_and(|entry| holds(&entry.payload, &before)) {
            let observed = entry.map_or_else(|| "none".to_owned(), |entry| entry.payload.to_string());
            self.find("the audit row about it", &format!("`{kind}`, with {before}"), observed);
        }
        Ok(())
    }
}

/// Whether every value of the object `wanted` stands somewhere in `value`. Nulls tell nothing.
fn holds(value: &Value, wanted: &Value) -> bool {
    let wanted = wanted.as_object().into_iter().flat_map(|fields| fields.values());
    let mut found = Vec::new();
    gather(value, &mut found);
    wanted.filter(|wanted| !wanted.is_null()).all(|wanted| found.contains(&wanted))
}

fn gather<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    found.push(value);
    match value {
        Value::Array(values) => values.iter().for_each(|value| gather(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| gather(value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_is_held_when_each_of_its_values_is_there() {
        let row = json!({ "id": 7, "payload": { "from": "free" }, "lease": null });
        assert!(holds(&json!({ "by": "ann", "propagation": row }), &row));
        assert!(holds(&json!({ "propagation_id": 7, "of": [{ "from": "free" }] }), &row));
        assert!(!holds(&json!({ "propagation_id": 7 }), &row));
        assert!(!holds(&Value::Null, &row));
    }
}
