//! The shared runner, paused in the middle of its work, and woken again.

use super::{Own, What, path};
use crate::held;
use crate::propagation::desk::{Desk, PATIENCE};
use crate::propagation::downstream::calls_of;
use crate::propagation::queue::Row;
use sabot_engine::{CannotTell, Judgement};
use sabot_target::Instance;
use sabot_wire::hold::{Held, Hold};
use sabot_wire::http::{self, HeldRequest, Response};
use sabot_wire::pg;
use std::collections::BTreeSet;
use tokio::time::timeout;

/// How often the runner that woke looks for work before it is judged what it did.
const LOOKS: usize = 2;

pub(super) fn hold_answers(
    desk: &Desk<'_>,
    runner: &Instance,
    calls: http::Match,
) -> Judgement<(http::RuleHandle, Hold<HeldRequest, Response>)> {
    let (rule, hold) = http::Rule::on(calls).hold_response();
    Ok((runner.http(&desk.propagation.runner.downstream_wire)?.set(rule), hold))
}

pub(super) async fn next(answers: &mut Hold<HeldRequest, Response>) -> Judgement<HeldAnswer> {
    held::next(answers, PATIENCE, "a runner never called the downstream").await
}

pub(super) type HeldAnswer = Held<HeldRequest, Response>;

/// Shows the shared runner a quick downstream, so that it claims ahead of its dispatches.
pub(super) async fn warm_up(desk: &Desk<'_>) -> Judgement {
    let subjects = desk.subjects(desk.propagation.runner.concurrency * 2).await?;
    let new: Vec<_> = subjects.iter().map(|subject| desk.due(subject)).collect::<Judgement<_>>()?;
    let ids = desk.insert(&new).await?;
    desk.awaited(&ids, Row::is_applied).await.map(drop)
}

/// The shared runner, paused in the middle of its work.
pub(super) struct Asleep {
    pub(super) own: Vec<Own>,
    /// The answers to its calls.
    held: Vec<HeldAnswer>,
    rule: http::RuleHandle,
}

/// Pauses the shared runner with the answers to as many calls on their way to it as it makes at once, and a row more
/// that it has claimed.
pub(super) async fn fall_asleep(desk: &Desk<'_>) -> Judgement<Asleep> {
    let worker = desk.worker()?;
    let (rule, mut answers) = hold_answers(desk, worker, calls_of(&desk.propagation.downstream))?;
    let runner = &desk.propagation.runner;
    let (at_once, claims_ahead) = (runner.concurrency, runner.batch > runner.concurrency);
    let subjects = desk.subjects(at_once + 1).await?;
    let new: Vec<_> = subjects.iter().map(|subject| desk.due(subject)).collect::<Judgement<_>>()?;
    let halted = desk.halt(worker).await?;
    let ids = desk.insert(&new).await?;
    halted.go_on().await;
    let mut held = Vec::new();
    for _ in 0..at_once {
        held.push(next(&mut answers).await?);
    }
    let called: BTreeSet<_> = held.iter().map(|held| held.message().request.path().to_owned()).collect();
    let mut left = [What::Failed, What::Kept].into_iter();
    let own =
        ids.into_iter().zip(subjects).map(|(id, subject)| match called.contains(&path(desk, &subject)) {
            true => Own { id, subject, what: left.next().unwrap_or(What::Applied), taken: true },
            false => Own { id, subject, what: What::Undispatched, taken: claims_ahead },
        });
    let own: Vec<_> = own.collect();
    let ahead: Vec<_> = own.iter().filter(|own| own.what == What::Undispatched).map(|own| own.id).collect();
    let rows = desk.awaited_within(desk.propagation.runner.poll * 2, &ahead, |row| row.held).await?;
    desk.pause().await?;
    if claims_ahead && !rows.values().all(|row| row.held) {
        return Err(CannotTell::new("the runner claimed nothing ahead of its dispatches"));
    }
    Ok(Asleep { own, held, rule })
}

impl Asleep {
    /// Gives the runner what it has waited for, wakes it, and awaits that it has done with it what it will.
    pub(super) async fn wake(self, desk: &Desk<'_>) -> Judgement<Vec<Own>> {
        let worker = desk.worker()?;
        let complete = pg::Match::literal(&desk.propagation.marks.complete);
        let (rule, mut completions) = pg::Rule::on(complete).notify();
        let rule = worker.postgres(&desk.propagation.runner.database_wire)?.set(rule).await?;
        self.held.into_iter().for_each(Held::release);
        self.rule.remove();
        desk.resume().await?;
        // A runner that knows by its own clock that it is late need not ask the database.
        let _asked = timeout(desk.propagation.runner.poll.saturating_mul(3), completions.next()).await;
        let _closed = rule.remove().await;
        desk.looks(worker, LOOKS).await?;
        Ok(self.own)
    }
}
