//! What `delivery.outage` guards against.

use super::super::desk::Desk;
use super::super::event::Event;
use super::super::post::{self, JSON};
use super::super::seen::unmeasured;
use super::super::tamper::{self, calls};
use super::ID;
use crate::sabotage::json;
use crate::sabotage::rules::{self, Knock, MakeRules};
use sabot_engine::{Context as _, Sabotage, Sort};
use sabot_target::delivery::Part;
use sabot_target::{Lane, Target};
use sabot_wire::http::{Response, Rule};
use sabot_wire::pg::Mode;
use sabot_wire::rule::Nth;
use serde_json::{Map, Value};
use std::sync::Arc;

pub(in super::super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let mut sabotages = vec![discarded(target)];
    if delivery.has(Part::RetryAfter) {
        sabotages.push(without_a_time(target));
    }
    sabotages.extend([acknowledged_early(target), hangs(target)]);
    if delivery.has(Part::Metrics) {
        let mistake = "nobody counts the answers that ask to come again";
        let unavailable = &delivery.metrics.unavailable;
        sabotages.push(unmeasured(&[ID], "not-counted", mistake, target, unavailable));
    }
    sabotages
}

fn discarded(target: &Target) -> Sabotage<Lane> {
    let webhook = &target.delivery.webhook;
    let (repeated, status) = (webhook.repeated.clone(), tamper::discarding(webhook));
    let mistake = format!("a failure of the database is a {status}, at which the provider gives up");
    while_away(target, "discarded", &mistake, move |response| {
        if repeated.contains(&response.status) {
            response.status = status;
        }
    })
}

fn without_a_time(target: &Target) -> Sabotage<Lane> {
    let repeated = target.delivery.webhook.repeated.clone();
    let mistake = "the answer does not say when to come again";
    while_away(target, "without-a-time", mistake, move |response| {
        if repeated.contains(&response.status) {
            response.headers.remove("retry-after");
        }
    })
}

/// Changes answers that are given while the database is away.
fn while_away(
    target: &Target,
    name: &str,
    mistake: &str,
    change: impl Fn(&mut Response) + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let (webhook, change) = (target.delivery.webhook.clone(), Arc::new(change));
    let service = webhook.service.clone();
    let make: Arc<MakeRules> = Arc::new(move |_| {
        let (webhook, change) = (webhook.clone(), change.clone());
        json::inbound(move || {
            let change = change.clone();
            Rule::on(calls(&webhook)).rewrite_response(move |response| change(response))
        })
    });
    // The knock takes the database away for one event.
    let knock: Arc<Knock> = Arc::new(|lane, instance| {
        Box::pin(async move {
            let desk = Desk::open(lane).await?;
            let webhook = &desk.delivery.webhook;
            let wire = instance.postgres(&webhook.database_wire)?;
            let name = desk.delivery.documented.first().map_or("", |documented| documented.event.as_str());
            let event = Event::of(desk.delivery, name, &desk.unknown(), desk.begun).json().to_string();
            wire.set_mode(Mode::Refuse).context("taking the database away")?;
            let posted = post::post(lane, instance, &desk.call, JSON, event.into_bytes()).await;
            wire.set_mode(Mode::Pass).context("giving the database back")?;
            posted.map(drop)
        })
    });
    rules::knocked(&[ID], name, mistake, (Sort::Http, &service), knock, make)
}

/// One request waits for ever.
fn hangs(target: &Target) -> Sabotage<Lane> {
    let webhook = target.delivery.webhook.clone();
    let mistake = "a request that meets a dead connection waits for an answer without a limit";
    tamper::inbound(&[ID], "hangs", mistake, target, move |_| {
        Rule::on(calls(&webhook)).nth(Nth::Only(HUNG)).hang()
    })
}

/// Which of an instance's requests hangs.
const HUNG: u64 = 10;

/// Answered from memory.
fn acknowledged_early(target: &Target) -> Sabotage<Lane> {
    let (webhook, answers) = (target.delivery.webhook.clone(), target.delivery.answers.clone());
    let mistake = "events are acknowledged when they are in a queue in memory, and stored some time later";
    tamper::inbound(&[ID], "acknowledged-before-stored", mistake, target, move |_| {
        let said = [&answers.ok, &answers.matched].into_iter().filter(|name| !name.is_empty());
        let said: Map<String, Value> = said.map(|name| (name.clone(), true.into())).collect();
        let answer = Response::json(Value::Object(said).to_string()).with_status(answers.taken());
        // Nobody looks at what became of it: that is the mistake.
        Rule::on(calls(&webhook)).acknowledge_early(answer).0
    })
}
