//! `propagation.crash`: a runner is killed at each of its steps, and no row is lost, stuck or the worse for it.

mod sabotages;
mod step;

use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, applied};
use super::outage;
use super::parts::is_there;
use super::queue::{Entry, Row, Subject, sketch};
use crate::soak;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sharing};
use sabot_target::Lane;
use sabot_target::propagation::Part;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use step::Step;
use tokio::time::Instant;

pub(super) use sabotages::sabotages;

pub(super) const ID: &str = "propagation.crash";

/// Rows that the runner has in hand when it is killed.
const ROWS: usize = 3;

/// How much longer than a lease a row may take after the crash: the start of a runner, its next look, a dispatch.
const BACK: Duration = Duration::from_secs(2);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a pod is evicted between the downstream's answer and our own row: the change is lost, or lies \
                       there as taken for ever, or a few evictions use up its attempts",
        asserts: "the runner is killed with SIGKILL while its claim, its look for newer rows, its calls, the answers to \
                  them and its completion are held, before and after each: the next runner brings every row to the \
                  downstream and applies it within a lease, with no failed attempt, one audit row, and the same \
                  idempotency keys; with SABOT_SOAK_SECONDS over and over",
        remedy: "let a claim hide a row for a lease and count nothing; write the end of a dispatch after the answer, with \
                 its audit row in one statement",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: soak::deadline(PATIENCE.saturating_mul(4)),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// A row, and where the runner was killed over it.
struct Crashed {
    step: Step,
    id: i64,
    subject: Subject,
    /// By the database's clock, in microseconds since 1970.
    at: i64,
    /// From when it has a lease's time by that clock: where the next runner took longer to start than the lease, from so
    /// long before that was up.
    from: i64,
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let (begun, mut kills, mut longest) = (Instant::now(), 0_usize, Duration::ZERO);
    loop {
        let round = round(cx, &desk).await?;
        kills += round.0;
        longest = longest.max(round.1);
        if cx.is_red() || !soak::goes_on(begun) {
            break;
        }
        desk.clear().await?;
    }
    is_there(cx, Part::Trail, "the audit rows of what was applied after a crash");
    cx.fact("kills", kills);
    cx.fact("applied after the crash, at the latest", format!("{} ms", longest.as_millis()));
    desk.clear().await
}

/// Kills the runner at each step, and judges every row; how many kills that were, and the longest that a row took.
async fn round(cx: &Cx<'_, Lane>, desk: &Desk<'_>) -> Judgement<(usize, Duration)> {
    let downstream = desk.propagation.downstream.clone();
    let mut stand_in = StandIn::answering(desk, move |_| applied(&downstream))?;
    let mut crashed = Vec::new();
    for step in Step::ALL {
        let subjects = desk.subjects(ROWS).await?;
        let Some((ids, at)) = step.crash(desk, &mut stand_in, &subjects).await? else {
            cx.fact(format!("not killed {step}"), "the target has no such step");
            continue;
        };
        desk.start_again().await?;
        let lease = i64::try_from(desk.propagation.runner.lease.as_micros())?;
        let from = at.max(desk.now().await? - lease);
        let rows = ids.into_iter().zip(subjects);
        crashed.extend(rows.map(|(id, subject)| Crashed { step, id, subject, at, from }));
    }
    let ids: Vec<_> = crashed.iter().map(|crashed| crashed.id).collect();
    let rows = desk.awaited_within(desk.propagation.runner.lease + BACK, &ids, Row::is_applied).await?;
    let trail = desk.trail(&ids).await?;
    cx.examined(ids.len());
    let mut longest = Duration::ZERO;
    for one in &crashed {
        let row = rows.get(&one.id);
        let took = judge_one(cx, desk, &stand_in, one, (row, &trail), since(one, row, &crashed));
        longest = longest.max(took);
    }
    Ok((crashed.iter().map(|crashed| crashed.at).collect::<BTreeSet<_>>().len(), longest))
}

/// From when a row has a lease's time: the kill over it; where it was taken up again and lost another lease, the last
/// kill before it was applied.
fn since(own: &Crashed, row: Option<&Row>, crashed: &[Crashed]) -> i64 {
    // Where nobody counts lost leases, it may have been so of any row.
    let again = row.filter(|row| row.lost_leases.is_none_or(|lost| lost > 1)).and_then(|row| row.applied_at);
    let kills =
        crashed.iter().map(|other| other.from).filter(|from| again.is_some_and(|applied| *from < applied));
    kills.max().unwrap_or(own.from).max(own.from)
}

/// How long it took until it was applied.
fn judge_one(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    stand_in: &StandIn<'_>,
    Crashed { step, id, subject, .. }: &Crashed,
    (row, trail): (Option<&Row>, &BTreeMap<i64, Vec<Entry>>),
    since: i64,
) -> Duration {
    let find = |what: &str, expected: &str, observed: String| {
        let finding = Finding::new(format!("killed {step}: {what}"), expected, observed);
        cx.find(finding.evidence(row.map_or_else(String::new, |row| row.whole.clone())));
    };
    let took = row.and_then(|row| row.applied_at).map(|applied| applied.saturating_sub(since));
    let took = took.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0)));
    let limit = desk.propagation.runner.lease + BACK;
    match took {
        None => find("the row", "applied within a lease", sketch(row)),
        Some(took) if took > limit => {
            find("the row", &format!("applied within {limit:?}"), format!("after {took:?}"));
        }
        Some(_) => {}
    }
    if let Some(row) = row.filter(|row| row.attempts != 0) {
        find("its failed attempts", "none: nothing has failed", row.attempts.to_string());
    }
    let calls = stand_in.about(subject);
    let keys: BTreeSet<_> = calls.iter().map(|call| call.key.clone()).collect();
    let key = desk.propagation.downstream.key_of(*id, subject.resource);
    if keys != BTreeSet::from([Some(key.clone())]) {
        let observed = if keys.is_empty() { "no call".to_owned() } else { format!("{keys:?}") };
        find("the calls of the downstream", &format!("all with the key {key}"), observed);
    }
    let said: Vec<_> = trail.get(id).into_iter().flatten().map(|entry| entry.kind.as_str()).collect();
    if desk.propagation.has(Part::Trail)
        && took.is_some()
        && said != [desk.propagation.trail.applied.as_str()]
    {
        find("the audit log", &format!("`{}`, once", desk.propagation.trail.applied), format!("{said:?}"));
    }
    took.unwrap_or_default()
}
