//! `propagation.outage`: the database and the downstream fail in every way that they have, and each row ends as it
//! should.

mod database;
mod downstream;
mod sabotages;

use super::desk::{Desk, PATIENCE};
use super::downstream::StandIn;
use super::parts::{BY_STATUS, unseen};
use super::queue::{Row, Subject, sketch};
use crate::soak;
use downstream::Stage;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sharing};
use sabot_target::Lane;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

pub(super) use sabotages::sabotages;

pub(super) const ID: &str = "propagation.outage";

/// How much longer than a lease a row may take after an outage: its next look, a dispatch, its completion.
const BACK: Duration = Duration::from_secs(2);

/// By how much the wait after a failure may be off, in seconds.
const EXACT: f64 = 1.0;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the database fails over or the downstream hangs for a minute, and what was on its way is lost, or \
                       an error page is taken for success: a customer's change never happens, and the table says that \
                       it did",
        asserts: "while rows are dispatched the database ends its connections, refuses new ones, hangs, and is cut off \
                  before and after a claim, and within and after a completion; then the downstream refuses, hangs, cuts its \
                  answers short, answers errors and garbage: no row is applied that the downstream has not answered \
                  for; what failed waits by the schedule, or is dead at its last attempt, with its error; and when \
                  all is well again each of the others is applied within a lease",
        remedy: "take nothing for success but the documented answer, read in full; try completions again for as long as \
                 the lease lives, and let it bring back what was lost",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: soak::deadline(PATIENCE.saturating_mul(4)),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// A row that met a fault.
struct Met {
    fault: &'static str,
    id: i64,
    subject: Subject,
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    if !desk.propagation.downstream.says_outcome() {
        unseen(cx, "answers that are wrong in their body", BY_STATUS);
    }
    let (begun, mut rounds, mut met_database, mut failed) = (Instant::now(), 0_u32, 0, 0);
    loop {
        let stage = Stage::open(&desk)?;
        let met = database::outages(&desk).await?;
        downstream::outages(cx, &desk, &stage).await?;
        failed += recovered(cx, &desk, &stage.stand_in, &met).await?;
        met_database += met.len();
        rounds += 1;
        if cx.is_red() || !soak::goes_on(begun) {
            break;
        }
        desk.clear().await?;
    }
    cx.fact("rounds", rounds);
    cx.fact(
        "rows that met an outage of the database",
        format!("{met_database}, of which {failed} failed an attempt"),
    );
    desk.clear().await
}

/// Whether a row waits after `attempts` failures, for as long as the schedule says.
fn waits(desk: &Desk<'_>, row: &Row, attempts: i32) -> bool {
    let place = usize::try_from(attempts - 1).unwrap_or_default();
    let schedule = &desk.propagation.runner.schedule;
    let promised = schedule.get(place.min(schedule.len().saturating_sub(1))).copied().unwrap_or_default();
    let exact = row.step().is_some_and(|step| (step - promised.as_secs_f64()).abs() <= EXACT);
    row.is_waiting() && row.attempts == attempts && exact && tells_why(desk, row)
}

/// Whether a row holds its error, where there is a place for it.
fn tells_why(desk: &Desk<'_>, row: &Row) -> bool {
    row.last_error.is_some() || desk.propagation.queue.last_error.is_empty()
}

/// What the database's outages hit is applied, or, where its dispatch itself failed for want of the database, waits by
/// the schedule and is applied when it is due; how many those were.
async fn recovered(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    stand_in: &StandIn<'_>,
    met: &[Met],
) -> Judgement<usize> {
    let ids: Vec<_> = met.iter().map(|met| met.id).collect();
    let limit = desk.propagation.runner.lease + BACK;
    let rows = desk.awaited_within(limit, &ids, |row| row.is_applied() || row.is_waiting()).await?;
    let failed: Vec<_> =
        ids.iter().filter(|id| rows.get(id).is_some_and(|row| waits(desk, row, 1))).copied().collect();
    desk.move_forward(&failed).await?;
    let rows = desk.awaited_within(limit, &ids, Row::is_applied).await?;
    cx.examined(ids.len());
    for Met { fault, id, subject } in met {
        let row = rows.get(id);
        let calls = stand_in.about(subject);
        let keys: BTreeSet<_> = calls.iter().map(|call| call.key.as_deref()).collect();
        let find = |expected: &str, observed: String| {
            let finding =
                Finding::new(format!("a row that met a database which {fault}"), expected, observed);
            cx.find(
                finding
                    .evidence(row.map_or_else(String::new, |row| row.whole.clone()))
                    .evidence(desk.last_lines()),
            );
        };
        if !row.is_some_and(Row::is_applied) {
            find("applied when the database is back, by the end of its lease", sketch(row));
        }
        if calls.is_empty() || keys.len() > 1 {
            find(
                "calls of the downstream, all with one key",
                format!("{} calls, keys {keys:?}", calls.len()),
            );
        }
    }
    Ok(failed.len())
}
