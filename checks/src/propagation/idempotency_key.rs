//! `propagation.idempotency-key`: every call of the downstream says which propagation it is for, and a retry says the same.

use super::cause::{on_calls, on_queue};
use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, applied, unavailable};
use super::queue::{Row, Subject};
use crate::sabotage::trigger;
use crate::sql::ident;
use sabot_engine::{CannotTell, Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, Target};
use sabot_wire::http::Rule;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::time::Instant;

pub(super) const ID: &str = "propagation.idempotency-key";

/// How many propagations there are, and how often each fails before it is applied.
const PROPAGATIONS: usize = 3;
const FAILURES: usize = 2;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a retry after a lost answer carries a new key, or none: the downstream takes it for another change and \
                       carries it out twice; or two changes share a key, and one is thrown away",
        asserts: "propagations that fail twice and are applied at the third attempt: each call has the documented header, its \
                  key follows from the propagation and what it is about, and is the same at each attempt",
        remedy: "make the key from the row's id and that of the resource, never from the attempt, the clock or chance",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(3),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let well = Arc::new(AtomicBool::new(false));
    let (answers, described) = (well.clone(), desk.propagation.downstream.clone());
    let downstream = StandIn::answering(&desk, move |_| match answers.load(Ordering::SeqCst) {
        true => applied(&described),
        false => unavailable(),
    })?;
    let subjects = desk.subjects(PROPAGATIONS).await?;
    let new = subjects.iter().map(|subject| desk.due(subject)).collect::<Judgement<Vec<_>>>()?;
    let ids = desk.insert(&new).await?;
    for attempt in 1..=FAILURES {
        let rows = settled(&desk, &subjects, &downstream, attempt).await?;
        well.store(attempt == FAILURES, Ordering::SeqCst);
        desk.move_forward(&rows.into_keys().collect::<Vec<_>>()).await?;
    }
    settled(&desk, &subjects, &downstream, FAILURES + 1).await?;
    let described = &desk.propagation.downstream;
    let expected: BTreeMap<_, _> = ids
        .iter()
        .zip(&subjects)
        .map(|(id, subject)| (described.key_of(*id, subject.resource), FAILURES + 1))
        .collect();
    let keys = downstream.keys();
    cx.examined(downstream.calls().len());
    if keys != expected {
        let what = format!("the header {}, and how often each value came", described.key_header);
        cx.find(Finding::new(what, told(&expected), told(&keys)).evidence(desk.last_lines()));
    }
    cx.fact("calls", downstream.calls().len());
    drop(downstream);
    desk.clear().await
}

/// Awaits that each of `subjects` has been called about so often, and nobody holds its propagation any more.
async fn settled(
    desk: &Desk<'_>,
    subjects: &[Subject],
    downstream: &StandIn<'_>,
    calls: usize,
) -> Judgement<BTreeMap<i64, Row>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let rows = desk.rows_about(subjects).await?;
        let called = subjects.iter().all(|subject| downstream.about(subject).len() >= calls);
        if called && rows.values().all(|row| !row.held && row.last_attempt_at.is_some()) {
            return Ok(rows);
        }
        if Instant::now() >= deadline {
            return Err(CannotTell::new(format!("not every propagation was attempted {calls} times")));
        }
        tokio::time::sleep(desk.propagation.runner.poll / 5).await;
    }
}

fn told(keys: &BTreeMap<String, usize>) -> String {
    let told = keys.iter().map(|(key, times)| format!("`{key}` {times} times"));
    told.collect::<Vec<_>>().join(", ")
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let (failed, id) = (super::cause::has_failed(propagation), ident(&propagation.queue.id));
    let header = propagation.downstream.key_header.clone();
    let on_key = |name: &str, mistake: &str, change: fn(&str) -> Option<String>| {
        let header = header.clone();
        on_calls(&[ID], name, mistake, propagation, move |calls| {
            let header = header.clone();
            Rule::on(calls).rewrite_request(move |request| {
                let Some(key) = request.headers.get(&header).map(str::to_owned) else { return };
                match change(&key) {
                    Some(key) => request.headers.set(&header, key),
                    None => request.headers.remove(&header),
                }
            })
        })
    };
    vec![
        trigger::put(
            &[ID],
            "a-row-for-each-try",
            "a retry is enqueued anew, under an id of its own",
            &on_queue(
                propagation,
                "BEFORE UPDATE",
                format!("IF {failed} THEN NEW.{id} := OLD.{id} + 1000000000; END IF;"),
            ),
        ),
        on_key("a-key-for-each-try", "the key is made when a request is", |key| {
            static LAST: AtomicU64 = AtomicU64::new(0);
            Some(format!("{key}/{}", LAST.fetch_add(1, Ordering::Relaxed)))
        }),
        on_key("one-key-for-all", "the key is that of the runner, not of the row", |_| Some("runner".into())),
        on_key("no-key", "the header is lost on the way through a new HTTP client", |_| None),
    ]
}
