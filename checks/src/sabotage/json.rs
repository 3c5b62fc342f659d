//! Sabotage of symptom by `http`: the JSON of an answer changed on the inbound wire.

use super::rules::{self, Place, SetRules};
use sabot_engine::Sabotage;
use sabot_target::Lane;
use sabot_wire::http::{Match, Response, Rule};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Changes the JSON object that `service` answers at `path`.
pub(crate) fn rewriting(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    service: &str,
    path: &str,
    change: impl Fn(&mut Map<String, Value>) + Send + Sync + 'static,
) -> Sabotage<Lane> {
    answering(turns_red, name, mistake, service, path, self::change(change))
}

/// Changes the JSON object in a response.
pub(crate) fn change(
    change: impl Fn(&mut Map<String, Value>) + Send + Sync + 'static,
) -> impl Fn(&mut Response) + Send + Sync + 'static {
    move |response| {
        let Ok(Value::Object(envelope)) = serde_json::from_slice(&response.body) else { return };
        let mut changed = envelope.clone();
        change(&mut changed);
        // Written anew it would differ by the order of its fields: the wire counts only what was really changed.
        if changed != envelope {
            response.body = Value::Object(changed).to_string().into();
        }
    }
}

/// Changes the response that `service` gives at `path`.
pub(crate) fn answering(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    service: &str,
    path: &str,
    change: impl Fn(&mut Response) + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let change = Arc::new(change);
    answering_by(turns_red, name, mistake, service, path, move |_| change.clone())
}

/// As [`answering`], with what is known only on the lane.
pub(crate) fn answering_by<C: Fn(&mut Response) + Send + Sync + 'static>(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    service: &str,
    path: &str,
    make: impl Fn(&Lane) -> Arc<C> + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let asked = path.to_owned();
    let make = move |lane: &Lane| {
        let (change, asked) = (make(lane), asked.clone());
        inbound(move || {
            let change = change.clone();
            Rule::on(Match::path(&asked)).rewrite_response(move |response| change(response))
        })
    };
    rules::http_by(turns_red, name, mistake, &Place { service, path, under: None }, Arc::new(make))
}

/// A rule on the inbound wire of each instance.
pub(crate) fn inbound(rule: impl Fn() -> Rule + Send + Sync + 'static) -> Arc<SetRules> {
    Arc::new(move |instance| {
        let tally = instance.inbound().set(rule()).tally().clone();
        Box::pin(async { Ok(vec![tally]) })
    })
}
