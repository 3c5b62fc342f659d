//! `propagation.atomic`: a change and its propagation are both there or neither is, wherever the change is interrupted.

mod sabotages;

use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, applied};
use super::parts::unseen;
use super::queue::Subject;
use crate::held;
use crate::sql::ident;
use futures_util::future::join;
use sabot_engine::{CannotTell, Check, Context as _, Cx, Finding, Judgement, Level, Need, Sharing};
use sabot_target::propagation::{Change, Part};
use sabot_target::{Instance, Lane, Signal};
use sabot_wire::pg::{CutAt, HoldAt, Match, Rule};
use sabot_wire::rule::Nth;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::timeout;

pub(super) use sabotages::sabotages;

pub(super) const ID: &str = "propagation.atomic";

/// Ends a transaction so that it lasts.
const COMMIT: [&str; 2] = ["commit", "end"];

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the propagation is enqueued on another connection, or after the commit: when the process dies in \
                       between, a customer has a tier that nothing downstream knows of; when the change is rolled back, \
                       the downstream is told of one that never was",
        asserts: "each documented change leaves the new tier, one audit row and one propagation, and the same change again \
                  leaves nothing; with the connection cut before and after each statement of the change, and the service \
                  killed before and after its commit, the three are all there or none is, in one look at the database",
        remedy: "enqueue in the transaction of the change, on its connection",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(3),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// A statement of the change: its text, and which of those with this text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    text: Arc<str>,
    nth: u64,
}

impl Step {
    fn is_commit(&self) -> bool {
        let word = self.text.split_whitespace().next().unwrap_or_default().trim_end_matches(';');
        COMMIT.iter().any(|commit| word.eq_ignore_ascii_case(commit))
    }

    fn sketch(&self) -> String {
        let text: String =
            self.text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect();
        format!("`{text}`")
    }

    fn rule(&self) -> sabot_wire::pg::When {
        let text = self.text.clone();
        Rule::on(Match::passes(move |given| given == &*text)).nth(Nth::Only(self.nth))
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let described = desk.propagation.downstream.clone();
    let _downstream = StandIn::answering(&desk, move |_| applied(&described))?;
    for change in &desk.propagation.changes {
        whole(cx, &desk, change).await?;
    }
    let change = desk.propagation.changes.first();
    let change = change.ok_or_else(|| CannotTell::new("the target's description has no change"))?;
    let steps = steps(&desk, change).await?;
    if !is_audited(&desk, change) {
        unseen(cx, "the change's own audit row", "describes none");
    }
    cx.fact("statements of the change", steps.len());
    for step in &steps {
        for at in [CutAt::Before, CutAt::Answered] {
            if !cx.is_red() {
                cut(cx, &desk, change, step, at).await?;
            }
        }
    }
    for step in steps.iter().filter(|step| step.is_commit()) {
        for at in [HoldAt::Before, HoldAt::Answered] {
            if !cx.is_red() {
                killed(cx, &desk, change, step, at).await?;
            }
        }
    }
    desk.clear().await
}

fn source<'a>(desk: &Desk<'a>) -> Judgement<&'a Instance> {
    Ok(desk.lane.service(&desk.propagation.source.service)?)
}

/// What there is of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trace {
    tier: String,
    /// None where the change has no audit row of its own.
    audited: Option<i64>,
    enqueued: i64,
}

impl Trace {
    fn is(&self, change: &Change, made: bool) -> bool {
        let (tier, rows) = if made { (&change.to, 1) } else { (&change.from, 0) };
        self.tier == *tier && self.audited.is_none_or(|audited| audited == rows) && self.enqueued == rows
    }
}

/// All of it in one snapshot, so that a commit in between can't deceive.
async fn trace(desk: &Desk<'_>, change: &Change, subject: &Subject) -> Judgement<Trace> {
    let what = "looking at what there is of a change";
    desk.client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.context(what)?;
    let tier = desk.tier_of(subject).await?;
    let queue = &desk.propagation.queue;
    let select =
        format!("SELECT count(*) FROM {} WHERE {} = $1::bigint", ident(&queue.table), ident(&queue.team_id));
    let enqueued = desk.client.query_one(&select, &[&subject.team]).await.context(what)?.try_get(0)?;
    let trace = Trace { tier, audited: audited(desk, change, subject).await.context(what)?, enqueued };
    desk.client.batch_execute("COMMIT").await.context(what)?;
    Ok(trace)
}

/// How many audit rows of its own the change has.
async fn audited(
    desk: &Desk<'_>,
    change: &Change,
    subject: &Subject,
) -> Result<Option<i64>, tokio_postgres::Error> {
    if !is_audited(desk, change) {
        return Ok(None);
    }
    let audit = desk.audit;
    let select = format!(
        "SELECT count(*) FROM {} WHERE {} = $1 AND {} = $2",
        ident(&audit.table),
        ident(&audit.team_id),
        ident(&audit.kind),
    );
    desk.client.query_one(&select, &[&subject.team, &change.audited]).await?.try_get(0).map(Some)
}

fn is_audited(desk: &Desk<'_>, change: &Change) -> bool {
    desk.propagation.has(Part::Trail) && !change.audited.is_empty()
}

/// Uninterrupted: all of it; and nothing of the same again.
async fn whole(cx: &Cx<'_, Lane>, desk: &Desk<'_>, change: &Change) -> Judgement {
    let subject = desk.subject_at(&change.from).await?;
    for again in ["", ", and the same again"] {
        let reply = desk.change(&subject, &change.to).await?;
        let trace = trace(desk, change, &subject).await?;
        cx.examined(1);
        if !reply.is_success() || !trace.is(change, true) {
            let audited =
                if is_audited(desk, change) { format!(", one `{}`", change.audited) } else { String::new() };
            let expected = format!("tier {}{audited}, one propagation", change.to);
            let observed = format!("{trace:?}, answered {}", reply.sketch());
            cx.find(Finding::new(format!("{}{again}", change.what), expected, observed));
            return Ok(());
        }
    }
    Ok(())
}

/// The statements of the change on its connection, in order.
async fn steps(desk: &Desk<'_>, change: &Change) -> Judgement<Vec<Step>> {
    let wire = source(desk)?.postgres(&desk.propagation.source.database_wire)?;
    let (rule, mut seen) = Rule::on(Match::any()).notify();
    let rule = wire.set(rule).await?;
    let subject = desk.subject_at(&change.from).await?;
    desk.change(&subject, &change.to).await?;
    let mut executions = Vec::new();
    // Everything is told of before it is answered, so the commit has come by now.
    while let Ok(Some(execution)) = timeout(desk.propagation.runner.poll, seen.next()).await {
        executions.push((execution.connection.number, execution.text));
    }
    let _closed = rule.remove().await;
    let ours = executions.iter().rev().find(|(_, text)| Step { text: text.clone(), nth: 1 }.is_commit());
    let ours = ours.map(|(connection, _)| *connection);
    let ours =
        ours.ok_or_else(|| CannotTell::new("the change was made without a commit on the service's wire"))?;
    let mut seen: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    let steps = executions.into_iter().filter(|(connection, _)| *connection == ours).map(|(_, text)| {
        let nth = seen.entry(text.clone()).or_default();
        *nth += 1;
        Step { text, nth: *nth }
    });
    Ok(steps.collect())
}

/// The connection is cut at this step; the service lives on.
async fn cut(cx: &Cx<'_, Lane>, desk: &Desk<'_>, change: &Change, step: &Step, at: CutAt) -> Judgement {
    let wire = source(desk)?.postgres(&desk.propagation.source.database_wire)?;
    let subject = desk.subject_at(&change.from).await?;
    let rule = wire.set(step.rule().cut(at)).await?;
    let reply = desk.change(&subject, &change.to).await?;
    let reached = rule.tally().applied() > 0;
    let _closed = rule.remove().await;
    let side = if at == CutAt::Before { "before" } else { "after" };
    let how = format!("its connection cut {side} {}", step.sketch());
    if !reached {
        cx.fact(format!("not reached: {how}"), reply.sketch());
    }
    both_or_neither(cx, desk, change, &subject, &how).await
}

/// The service is killed while this step is held.
async fn killed(cx: &Cx<'_, Lane>, desk: &Desk<'_>, change: &Change, step: &Step, at: HoldAt) -> Judgement {
    let instance = source(desk)?;
    let wire = instance.postgres(&desk.propagation.source.database_wire)?;
    let subject = desk.subject_at(&change.from).await?;
    let (rule, mut hold) = step.rule().hold(at);
    let rule = wire.set(rule).await?;
    let killing = async {
        let held = held::next(&mut hold, PATIENCE, "the change never came to its commit").await?;
        instance.signal(Signal::KILL).await?;
        let ended = timeout(PATIENCE, instance.exited()).await;
        held.cut();
        ended.map(drop).map_err(|_| CannotTell::new(format!("{} outlived SIGKILL", instance.service())))
    };
    let (changed, killed) = join(desk.change(&subject, &change.to), killing).await;
    changed?;
    killed?;
    let _closed = rule.remove().await;
    desk.lane.restart(&desk.propagation.source.service).await?;
    let side = if at == HoldAt::Before { "before" } else { "after" };
    let how = format!("the service killed {side} {}", step.sketch());
    both_or_neither(cx, desk, change, &subject, &how).await
}

async fn both_or_neither(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    change: &Change,
    subject: &Subject,
    how: &str,
) -> Judgement {
    let trace = trace(desk, change, subject).await?;
    cx.examined(1);
    if !trace.is(change, true) && !trace.is(change, false) {
        let expected = "tier, audit row and propagation: all or none";
        cx.find(Finding::new(format!("{}, {how}", change.what), expected, format!("{trace:?}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sabot_target::Target;

    #[test]
    fn a_commit_is_known_by_its_first_word() {
        let is = |text: &str| Step { text: text.into(), nth: 1 }.is_commit();
        assert!(is("COMMIT") && is("commit;") && is(" END") && is("Commit AND CHAIN"));
        assert!(!is("BEGIN") && !is("SELECT 'commit'") && !is(""));
    }

    #[test]
    fn half_a_change_is_neither() {
        let change = &Target::embedded().propagation.changes[0];
        let trace =
            |tier: &str, audited, enqueued| Trace { tier: tier.to_owned(), audited: Some(audited), enqueued };
        assert!(trace(&change.to, 1, 1).is(change, true) && trace(&change.from, 0, 0).is(change, false));
        for half in [
            trace(&change.to, 1, 0),
            trace(&change.from, 0, 1),
            trace(&change.to, 0, 1),
            trace(&change.to, 1, 2),
        ] {
            assert!(!half.is(change, true) && !half.is(change, false), "{half:?}");
        }
        let unaudited = |tier: &str, enqueued| Trace { audited: None, ..trace(tier, 0, enqueued) };
        assert!(unaudited(&change.to, 1).is(change, true) && unaudited(&change.from, 0).is(change, false));
        assert!(!unaudited(&change.to, 0).is(change, true) && !unaudited(&change.from, 1).is(change, false));
    }
}
