//! `propagation.skip-locked`: a row that another transaction holds keeps nobody from the others.

use super::desk::Desk;
use super::downstream::{StandIn, applied};
use super::guards::reworded;
use super::lock::Lock;
use super::queue::{Row, sketch};
use super::runners::go_on;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, Target};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

pub(super) const ID: &str = "propagation.skip-locked";

/// The oldest rows, which are locked, and those behind them.
const LOCKED: usize = 8;
const FREE: usize = 60;

/// The longest that the free rows may take.
const WITHIN: Duration = Duration::from_secs(3);

/// How often it is asked who waits for whom; there is no event to await from outside.
const POLL: Duration = Duration::from_millis(20);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "somebody opens a row in a console and goes to lunch, or a runner hangs in its claim: every other \
                       runner waits for that one row, and nothing is propagated any more",
        asserts: "the oldest due rows are locked by a transaction of another's while two runners claim: all other rows \
                  are applied while the lock is still held, no connection ever waits for its holder, by \
                  pg_blocking_pids; and once it is given up the locked rows are dispatched, each once",
        remedy: "claim with FOR UPDATE SKIP LOCKED",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: WITHIN.saturating_mul(3),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let further = desk.further(1).await?;
    let runners: Vec<_> = std::iter::once(desk.worker()?).chain(&further).collect();
    let downstream = desk.propagation.downstream.clone();
    let mut stand_in = StandIn::answering(&desk, move |_| applied(&downstream))?;
    for runner in &further {
        stand_in.join(runner)?;
    }
    let subjects = desk.subjects(LOCKED + FREE).await?;
    let new: Vec<_> = subjects
        .iter()
        .enumerate()
        .map(|(place, subject)| {
            let oldest = if place < LOCKED { Duration::from_secs(60) } else { Duration::ZERO };
            Ok(desk.due(subject)?.due_for(oldest))
        })
        .collect::<Judgement<_>>()?;
    let halted = desk.halt_all(&runners).await?;
    let ids = desk.insert(&new).await?;
    let (locked, free) = ids.split_at(LOCKED.min(ids.len()));
    let lock = Lock::on(&desk, locked).await?;
    go_on(halted).await;
    while_locked(cx, &desk, &lock, free).await?;
    lock.release().await?;
    let rows = desk.awaited(&ids, Row::is_applied).await?;
    cx.examined(ids.len());
    if !cx.is_red() {
        afterwards(cx, &desk, locked, &rows);
        let twice = stand_in.keys().into_iter().find(|(_, times)| *times > 1);
        if let Some((key, times)) = twice {
            let observed = format!("{key} came {times} times");
            cx.find(Finding::new("the dispatches", "each idempotency key comes once", observed));
        }
    }
    cx.fact("rows", format!("{LOCKED} locked, {FREE} behind them, {} runners", runners.len()));
    for runner in further {
        runner.stop().await;
    }
    desk.clear().await
}

/// Awaits that all of `free` are applied, and looks who waits for the lock meanwhile.
async fn while_locked(cx: &Cx<'_, Lane>, desk: &Desk<'_>, lock: &Lock, free: &[i64]) -> Judgement {
    let begun = Instant::now();
    let (mut most, mut looks) = (0, 0_u32);
    let left = loop {
        most = most.max(lock.waited_for_by(desk).await?);
        looks += 1;
        let left = desk.unattempted(free).await?;
        if left == 0 || begun.elapsed() >= WITHIN {
            break left;
        }
        tokio::time::sleep(POLL).await;
    };
    if most > 0 {
        let observed = format!("{most} at a time");
        let expected = "no connection waits for whoever holds them";
        cx.find(Finding::new("the locked rows", expected, observed).evidence(desk.last_lines()));
    }
    if left > 0 {
        let observed = format!("{left} of {} are not, after {} s", free.len(), WITHIN.as_secs());
        let expected = "all dispatched while the oldest are locked";
        cx.find(Finding::new("the rows that nobody holds", expected, observed).evidence(desk.last_lines()));
    }
    let took = begun.elapsed().as_millis();
    cx.fact("while locked", format!("{took} ms until the others were dispatched, {looks} looks"));
    Ok(())
}

fn afterwards(cx: &Cx<'_, Lane>, desk: &Desk<'_>, locked: &[i64], rows: &BTreeMap<i64, Row>) {
    for id in locked {
        let row = rows.get(id);
        if !row.is_some_and(|row| row.is_applied() && row.attempts == 0) {
            let finding = Finding::new(
                format!("propagation {id}, which had been locked"),
                "applied once the lock is given up, without a failed attempt",
                sketch(row),
            );
            cx.find(finding.evidence(desk.last_lines()));
        }
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let marks = &target.propagation.marks;
    let mistake = "two words are lost in a merge, and the claim waits for its turn";
    let waits = (marks.claim.as_str(), marks.skip_locked.as_str(), String::new());
    reworded(&[ID], "waits-for-locks", mistake, &target.propagation, waits).into_iter().collect()
}
