//! The outages of the downstream: each meets a row at its first attempt and one at its last, all at the same time.

use super::{Met, tells_why, waits};
use crate::propagation::desk::Desk;
use crate::propagation::downstream::{StandIn, applied, unavailable};
use crate::propagation::queue::{Row, sketch};
use sabot_engine::{Cx, Finding, Judgement};
use sabot_target::Lane;
use sabot_wire::http::{Cut, Match, Response, Rule, RuleHandle};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the downstream does in place of answering as documented.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Refuses,
    Hangs,
    CutsWithin,
    CutsBefore,
    Error,
    Garbage,
    OtherJson,
    Empty,
}

const FAULTS: [(&str, Fault); 8] = [
    ("refuses connections", Fault::Refuses),
    ("hangs", Fault::Hangs),
    ("breaks off within its answer", Fault::CutsWithin),
    ("breaks off before its answer", Fault::CutsBefore),
    ("answers 503", Fault::Error),
    ("answers 200 and a page", Fault::Garbage),
    ("answers 200 and JSON that says nothing", Fault::OtherJson),
    ("answers 200 and nothing", Fault::Empty),
];

impl Fault {
    /// Whether it is an answer with a good status, in which only the body is wrong.
    const fn looks_well(self) -> bool {
        matches!(self, Self::Garbage | Self::OtherJson | Self::Empty)
    }

    /// The rule on calls with this path; `None` where it is an answer.
    fn rule(self, path: &str) -> Option<Rule> {
        let on = Rule::on(Match::path(path));
        match self {
            Self::Refuses => Some(on.refuse()),
            Self::Hangs => Some(on.hang()),
            Self::CutsWithin => Some(on.cut(Cut::WithinResponse)),
            Self::CutsBefore => Some(on.cut(Cut::BeforeResponse)),
            _ => None,
        }
    }

    /// The answer; `None` where it is none.
    fn answer(self) -> Option<Response> {
        let page = "<html><body>Maintenance</body></html>";
        match self {
            Self::Error => Some(unavailable()),
            Self::Garbage => Some(Response::status(200).body(page)),
            Self::OtherJson => Some(Response::json("{}")),
            Self::Empty => Some(Response::status(200)),
            _ => None,
        }
    }
}

/// The check in the downstream's place: it has done what it is asked, but for the calls that are to get another answer.
pub(super) struct Stage<'a> {
    pub(super) stand_in: StandIn<'a>,
    /// By path.
    answers: Arc<Mutex<BTreeMap<String, Response>>>,
}

impl<'a> Stage<'a> {
    pub(super) fn open(desk: &Desk<'a>) -> Judgement<Self> {
        let answers = Arc::<Mutex<BTreeMap<String, Response>>>::default();
        let (given, described) = (answers.clone(), desk.propagation.downstream.clone());
        let stand_in = StandIn::answering(desk, move |call| {
            let answers = given.lock().unwrap_or_else(PoisonError::into_inner);
            answers.get(&call.path).cloned().unwrap_or_else(|| applied(&described))
        })?;
        Ok(Self { stand_in, answers })
    }

    fn answers(&self) -> MutexGuard<'_, BTreeMap<String, Response>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those that there are: where an answer's status alone says that it was done, none is wrong in its body.
fn faults(desk: &Desk<'_>) -> Vec<(&'static str, Fault)> {
    let by_body = desk.propagation.downstream.says_outcome();
    FAULTS.into_iter().filter(|(_, fault)| by_body || !fault.looks_well()).collect()
}

/// Puts all of them on at once, and judges what became of the rows then, and when the downstream is well again.
pub(super) async fn outages(cx: &Cx<'_, Lane>, desk: &Desk<'_>, stage: &Stage<'_>) -> Judgement {
    let last = i32::try_from(desk.propagation.runner.max_attempts)? - 1;
    let faults = faults(desk);
    let subjects = desk.subjects(faults.len() * 2).await?;
    let wire = desk.worker()?.http(&desk.propagation.runner.downstream_wire)?;
    let (mut rules, mut new) = (Vec::new(), Vec::new());
    for (place, subject) in subjects.iter().enumerate() {
        let Some((_, fault)) = faults.get(place / 2) else { continue };
        let path = desk.propagation.downstream.path_of(subject.resource);
        rules.extend(fault.rule(&path).map(|rule| wire.set(rule)));
        stage.answers().extend(fault.answer().map(|answer| (path, answer)));
        new.push(desk.due(subject)?.attempts(if place % 2 == 0 { 0 } else { last }));
    }
    let ids = desk.insert(&new).await?;
    let rows = desk.awaited(&ids, |row| row.last_attempt_at.is_some() && !row.held).await?;
    rules.iter().for_each(RuleHandle::remove);
    stage.answers().clear();
    cx.examined(ids.len());
    let mut waiting = Vec::new();
    for ((place, id), subject) in ids.iter().enumerate().zip(&subjects) {
        let Some((fault, _)) = faults.get(place / 2) else { continue };
        let row = rows.get(id);
        let (expected, as_expected): (_, fn(&Desk<'_>, &Row) -> bool) = match place % 2 {
            0 => ("one failure, its error, and the first step of the schedule", |desk, row| {
                waits(desk, row, 1)
            }),
            _ => ("dead, with its error", |desk, row| {
                row.is_dead() && !row.is_applied() && tells_why(desk, row)
            }),
        };
        if row.is_some_and(|row| as_expected(desk, row)) {
            if place % 2 == 0 {
                waiting.push(Met { fault, id: *id, subject: *subject });
            }
        } else {
            let finding = Finding::new(format!("a row whose downstream {fault}"), expected, sketch(row));
            let whole = row.map_or_else(String::new, |row| row.whole.clone());
            cx.find(finding.evidence(whole).evidence(desk.last_lines()));
        }
    }
    well_again(cx, desk, &stage.stand_in, &waiting).await
}

/// What waits is applied when it is due again.
async fn well_again(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    stand_in: &StandIn<'_>,
    waiting: &[Met],
) -> Judgement {
    let ids: Vec<_> = waiting.iter().map(|met| met.id).collect();
    desk.move_forward(&ids).await?;
    let rows = desk.awaited(&ids, Row::is_applied).await?;
    for Met { fault, id, subject } in waiting {
        let calls = stand_in.about(subject).len();
        if !rows.get(id).is_some_and(Row::is_applied) || calls == 0 {
            let observed = format!("{}; {calls} calls", sketch(rows.get(id)));
            let subject = format!("a row whose downstream {fault}, when it is well again");
            cx.find(Finding::new(subject, "applied", observed).evidence(desk.last_lines()));
        }
    }
    Ok(())
}
