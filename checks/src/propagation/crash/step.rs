//! The steps at which the runner is killed: each a message on one of its wires, held there while it dies.

use crate::held;
use crate::propagation::desk::{Desk, PATIENCE};
use crate::propagation::downstream::{StandIn, calls_of};
use crate::propagation::queue::Subject;
use sabot_engine::Judgement;
use sabot_wire::hold::{Held, Hold};
use sabot_wire::http;
use sabot_wire::pg::{self, HoldAt};
use std::fmt;

/// Where the runner is, seen from outside, when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Claim(HoldAt),
    /// The look for newer rows.
    Newer(HoldAt),
    Call,
    Answer,
    Complete(HoldAt),
}

impl Step {
    /// Those after which a row is hidden for a lease first: it runs out while the others are made.
    pub(super) const ALL: [Self; 8] = [
        Self::Claim(HoldAt::Answered),
        Self::Newer(HoldAt::Before),
        Self::Newer(HoldAt::Answered),
        Self::Call,
        Self::Answer,
        Self::Complete(HoldAt::Before),
        Self::Complete(HoldAt::Answered),
        Self::Claim(HoldAt::Before),
    ];

    /// Enqueues a row about each of `subjects` and kills the runner when it is here with them; their ids, and when that
    /// was by the database's clock. `None` where the target has no such step: then it lives.
    pub(super) async fn crash(
        self,
        desk: &Desk<'_>,
        stand_in: &mut StandIn<'_>,
        subjects: &[Subject],
    ) -> Judgement<Option<(Vec<i64>, i64)>> {
        let marks = &desk.propagation.marks;
        let (mark, at) = match self {
            Self::Claim(at) => (&marks.claim, at),
            // Where the claim itself asks for newer rows, its own steps are these.
            Self::Newer(_) if !desk.kind()?.superseded || marks.supersede == marks.claim => return Ok(None),
            Self::Newer(at) => (&marks.supersede, at),
            Self::Complete(at) => (&marks.complete, at),
            Self::Call | Self::Answer => return self.at_call(desk, stand_in, subjects).await.map(Some),
        };
        if mark.is_empty() {
            return Ok(None);
        }
        let wire = desk.worker()?.postgres(&desk.propagation.runner.database_wire)?;
        let (rule, mut hold) = pg::Rule::on(pg::Match::literal(mark)).hold(at);
        let rule = wire.set(rule).await?;
        let ids = enqueue(desk, subjects).await?;
        let mut held = next(&mut hold).await?;
        while !self.is_here(desk, stand_in, subjects, &ids).await? {
            drop(held);
            held = next(&mut hold).await?;
        }
        let at = kill(desk, held).await?;
        let _closed = rule.remove().await;
        Ok(Some((ids, at)))
    }

    /// Kills it while its call, or the answer to it, is on the way.
    async fn at_call(
        self,
        desk: &Desk<'_>,
        stand_in: &mut StandIn<'_>,
        subjects: &[Subject],
    ) -> Judgement<(Vec<i64>, i64)> {
        let wire = desk.worker()?.http(&desk.propagation.runner.downstream_wire)?;
        let on = http::Rule::on(calls_of(&desk.propagation.downstream));
        let (rule, mut hold) = if self == Self::Call { on.hold_request() } else { on.hold_response() };
        let rule = wire.set(rule);
        // What is held has not come to the downstream.
        stand_in.stand_behind(desk)?;
        let ids = enqueue(desk, subjects).await?;
        let mut held = next(&mut hold).await?;
        while !subjects.iter().any(|subject| {
            held.message().request.path() == desk.propagation.downstream.path_of(subject.resource)
        }) {
            // Another's, whose lease has run out by now.
            drop(held);
            held = next(&mut hold).await?;
        }
        let at = kill(desk, held).await?;
        rule.remove();
        Ok((ids, at))
    }

    /// Whether what is held is about `ids`, and not about rows of an earlier crash or about none.
    async fn is_here(
        self,
        desk: &Desk<'_>,
        stand_in: &StandIn<'_>,
        subjects: &[Subject],
        ids: &[i64],
    ) -> Judgement<bool> {
        let rows = desk.rows(ids).await?;
        let mut of_each = ids.iter().map(|id| rows.get(id));
        Ok(match self {
            Self::Claim(HoldAt::Before) => true,
            Self::Complete(HoldAt::Answered) => of_each.any(|row| row.is_some_and(|row| row.is_applied())),
            Self::Complete(HoldAt::Before) => subjects.iter().any(|own| !stand_in.about(own).is_empty()),
            _ => desk.has_claimed(ids).await?,
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, at) = match self {
            Self::Claim(at) => ("claim", at),
            Self::Newer(at) => ("look for newer rows", at),
            Self::Complete(at) => ("completion", at),
            Self::Call => return f.pad("before the call"),
            Self::Answer => return f.pad("before the answer"),
        };
        let side = if *at == HoldAt::Before { "before" } else { "after" };
        write!(f, "{side} the {what}")
    }
}

async fn enqueue(desk: &Desk<'_>, subjects: &[Subject]) -> Judgement<Vec<i64>> {
    let new: Vec<_> = subjects.iter().map(|subject| desk.due(subject)).collect::<Judgement<_>>()?;
    desk.insert(&new).await
}

async fn next<M, A>(hold: &mut Hold<M, A>) -> Judgement<Held<M, A>> {
    held::next(hold, PATIENCE, "the runner never came to the step at which it is to be killed").await
}

/// What is held stays so until nobody is left who could send it again. When it was killed, by the database's clock.
async fn kill<M, A>(desk: &Desk<'_>, held: Held<M, A>) -> Judgement<i64> {
    let at = desk.now().await?;
    desk.kill().await?;
    held.cut();
    Ok(at)
}
