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
use sabot_target::{Lane, Target};
use sabot_wire::http::{Response, Rule};
use sabot_wire::pg::Mode;
use sabot_wire::rule::Nth;
use serde_json::Value;
use std::sync::Arc;

pub(in super::super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let repeated = target.delivery.webhook.repeated.clone();
    let unavailable = &target.delivery.metrics.unavailable;
    vec![
        while_away(
            target,
            "discarded",
            "a failure of the database is a 503, at which the provider gives up",
            {
                let repeated = repeated.clone();
                move |response| {
                    if repeated.contains(&response.status) {
                        response.status = 503;
                    }
                }
            },
        ),
        while_away(target, "without-a-time", "the answer does not say when to come again", move |response| {
            if repeated.contains(&response.status) {
                response.headers.remove("retry-after");
            }
        }),
        acknowledged_early(target),
        hangs(target),
        unmeasured(
            &[ID],
            "not-counted",
            "nobody counts the answers that ask to come again",
            target,
            unavailable,
        ),
    ]
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
            let path = webhook.path_with(&post::secret(lane, &webhook.secret)?);
            wire.set_mode(Mode::Refuse).context("taking the database away")?;
            let posted = post::post(lane, instance, &path, JSON, event.into_bytes()).await;
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
        let said = Value::Object(
            [(answers.ok.clone(), true.into()), (answers.matched.clone(), true.into())].into_iter().collect(),
        );
        // Nobody looks at what became of it: that is the mistake.
        Rule::on(calls(&webhook)).acknowledge_early(Response::json(said.to_string())).0
    })
}
