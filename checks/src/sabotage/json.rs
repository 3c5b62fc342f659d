//! Sabotage of symptom by `http`: the JSON of an answer changed on the inbound wire.

use super::rules;
use sabot_engine::Sabotage;
use sabot_target::{Instance, Lane};
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
    answering(turns_red, name, mistake, service, path, move |response| {
        let Ok(Value::Object(mut envelope)) = serde_json::from_slice(&response.body) else { return };
        change(&mut envelope);
        response.body = Value::Object(envelope).to_string().into();
    })
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
        let set = move |instance: &Instance| {
            let change = change.clone();
            let rule = Rule::on(Match::path(&asked)).rewrite_response(move |response| change(response));
            Ok(vec![instance.inbound().set(rule).tally().clone()])
        };
        Arc::new(set) as Arc<rules::SetRules>
    };
    rules::http_by(turns_red, name, mistake, service, path, Arc::new(make))
}
