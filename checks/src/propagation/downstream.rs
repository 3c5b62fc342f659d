//! The check in the downstream's place: on the runner's wire it answers the calls, and keeps each with its idempotency
//! key.

use super::desk::Desk;
use super::queue::Subject;
use sabot_engine::Judgement;
use sabot_target::propagation::Downstream;
use sabot_target::{Instance, Propagation};
use sabot_wire::http::{Match, Request, Response, Rule, RuleHandle};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A call of the downstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// When it had come in full.
    pub(crate) at: Instant,
    pub(crate) path: String,
    /// Its idempotency key.
    pub(crate) key: Option<String>,
    /// The tier that it asks for.
    pub(crate) tier: Option<String>,
}

impl Call {
    fn of(downstream: &Downstream, request: &Request) -> Self {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        Self {
            at: Instant::now(),
            path: request.path().to_owned(),
            key: request.headers.get(&downstream.key_header).map(str::to_owned),
            tier: body.get(&downstream.tier).and_then(Value::as_str).map(str::to_owned),
        }
    }
}

/// What is answered to a call.
type Answer = dyn Fn(&Call) -> Response + Send + Sync;

/// See the module. It answers for as long as it is kept.
pub(crate) struct StandIn<'a> {
    propagation: &'a Propagation,
    calls: Arc<Mutex<Vec<Call>>>,
    answer: Arc<Answer>,
    rules: Vec<RuleHandle>,
}

impl<'a> StandIn<'a> {
    /// Answers every call of the shared runner so. `answer` must not block.
    pub(crate) fn answering(
        desk: &Desk<'a>,
        answer: impl Fn(&Call) -> Response + Send + Sync + 'static,
    ) -> Judgement<Self> {
        Self::answering_on(desk, desk.worker()?, answer)
    }

    /// Answers every call of `instance` so, and no other's.
    pub(crate) fn answering_on(
        desk: &Desk<'a>,
        instance: &Instance,
        answer: impl Fn(&Call) -> Response + Send + Sync + 'static,
    ) -> Judgement<Self> {
        let mut stand_in = Self {
            propagation: desk.propagation,
            calls: Arc::default(),
            answer: Arc::new(answer),
            rules: Vec::new(),
        };
        stand_in.join(instance)?;
        Ok(stand_in)
    }

    /// Has what the shared runner's wire does to calls by rules set since come before the answer.
    pub(crate) fn stand_behind(&mut self, desk: &Desk<'_>) -> Judgement {
        let before = std::mem::take(&mut self.rules);
        self.join(desk.worker()?)?;
        // Only now: a call in between would be the real downstream's.
        before.iter().for_each(RuleHandle::remove);
        Ok(())
    }

    /// Answers every call of a further instance too.
    pub(crate) fn join(&mut self, instance: &Instance) -> Judgement {
        let (calls, answer) = (self.calls.clone(), self.answer.clone());
        let downstream = self.propagation.downstream.clone();
        let rule = Rule::on(calls_of(&downstream)).answer_with(move |request| {
            let call = Call::of(&downstream, request);
            let response = answer(&call);
            calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
            response
        });
        self.rules.push(instance.http(&self.propagation.runner.downstream_wire)?.set(rule));
        Ok(())
    }

    /// Every call so far, in the order in which they came.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The calls about `subject`, whatever their key.
    pub(crate) fn about(&self, subject: &Subject) -> Vec<Call> {
        let path = self.propagation.downstream.path_of(subject.resource);
        let mut calls = self.calls();
        calls.retain(|call| call.path == path);
        calls
    }

    /// How often each idempotency key came; calls without one count as the empty key.
    pub(crate) fn keys(&self) -> BTreeMap<String, usize> {
        let mut keys = BTreeMap::new();
        for call in self.calls() {
            *keys.entry(call.key.unwrap_or_default()).or_default() += 1;
        }
        keys
    }
}

impl Drop for StandIn<'_> {
    fn drop(&mut self) {
        self.rules.iter().for_each(RuleHandle::remove);
    }
}

/// A downstream that takes its time with each call of some runners, for as long as this is kept.
pub(crate) struct Slow(Vec<RuleHandle>);

impl Slow {
    pub(crate) fn with(desk: &Desk<'_>, runners: &[&Instance], time: Duration) -> Judgement<Self> {
        let mut slow = Self(Vec::new());
        for runner in runners {
            let rule = Rule::on(calls_of(&desk.propagation.downstream)).delay_response(time);
            slow.0.push(runner.http(&desk.propagation.runner.downstream_wire)?.set(rule));
        }
        Ok(slow)
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.0.iter().for_each(RuleHandle::remove);
    }
}

/// The calls of the downstream, among everything on the runner's wire to it.
pub(crate) fn calls_of(downstream: &Downstream) -> Match {
    Match::prefix(downstream.prefix()).and(Match::method(&downstream.method))
}

/// The downstream has done it.
pub(crate) fn applied(downstream: &Downstream) -> Response {
    if !downstream.says_outcome() {
        return Response::json("{}");
    }
    Response::json(json!({ &downstream.outcome: &downstream.applied }).to_string())
}

/// The downstream has left it, for this reason.
pub(crate) fn skipped(downstream: &Downstream, reason: &str) -> Response {
    Response::json(
        json!({ &downstream.outcome: &downstream.skipped, &downstream.reason: reason }).to_string(),
    )
}

/// The downstream can't do it now.
pub(crate) fn unavailable() -> Response {
    Response::status(503)
}
