//! Where this track's sabotages are put: on the webhook's wire, on the stored events, on the ledger.

use super::auth::wrong::wrong_calls;
use super::desk::{Desk, delivery};
use super::event::Event;
use super::malformed::corpus::UNKNOWN;
use super::post::{self, SECRET};
use crate::sabotage::json;
use crate::sabotage::rules::{self, Knock, MakeRules};
use crate::sabotage::trigger::{AtCommit, Trigger};
use crate::sql::{ident, literal};
use sabot_engine::{Sabotage, Sort};
use sabot_target::delivery::{Part, Webhook};
use sabot_target::{Delivery, Lane, Target};
use sabot_wire::http::{Match, Response, Rule};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A status at which the provider throws an event away.
pub(super) fn discarding(webhook: &Webhook) -> u16 {
    [503, 500, 502].into_iter().find(|status| !webhook.repeated.contains(status)).unwrap_or(400)
}

/// Every call of the webhook, whatever its secret.
pub(super) fn calls(webhook: &Webhook) -> Match {
    Match::prefix(webhook.path.split(SECRET).next().unwrap_or_default())
}

/// A rule on the wire in front of the webhook, made with the lane's secret.
pub(super) fn inbound(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    target: &Target,
    rule: impl Fn(&str) -> Rule + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let (rule, credential) = (Arc::new(rule), target.delivery.webhook.secret.clone());
    let make: Arc<MakeRules> = Arc::new(move |lane| {
        let (rule, secret) = (rule.clone(), post::secret(lane, &credential).unwrap_or_default());
        json::inbound(move || rule(&secret))
    });
    let service = target.delivery.webhook.service.as_str();
    rules::knocked(turns_red, name, mistake, (Sort::Http, service), knock(), make)
}

/// Changes each event on its way in, also those of an array.
pub(super) fn events_in(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    target: &Target,
    change: impl Fn(&mut Map<String, Value>, &Delivery) + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let (delivery, change) = (Arc::new(target.delivery.clone()), Arc::new(change));
    inbound(turns_red, name, mistake, target, move |_| {
        let (of, change) = (delivery.clone(), change.clone());
        Rule::on(calls(&delivery.webhook)).rewrite_request(move |request| {
            let Ok(given) = serde_json::from_slice::<Value>(&request.body) else { return };
            let mut changed = given.clone();
            match &mut changed {
                Value::Object(event) => change(event, &of),
                Value::Array(events) => {
                    events.iter_mut().filter_map(Value::as_object_mut).for_each(|event| change(event, &of));
                }
                _ => {}
            }
            // Written anew it would differ by the order of its fields: the wire counts only what was really changed.
            if changed != given {
                request.body = changed.to_string().into();
            }
        })
    })
}

/// Changes the answers of the webhook.
pub(super) fn answers(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    target: &Target,
    change: impl Fn(&mut Response) + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let (webhook, change) = (target.delivery.webhook.clone(), Arc::new(change));
    inbound(turns_red, name, mistake, target, move |_| {
        let change = change.clone();
        Rule::on(calls(&webhook)).rewrite_response(move |response| change(response))
    })
}

/// Changes a JSON object that the webhook's service answers at a path to whoever has a credential.
pub(super) fn listing(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    target: &Target,
    (path, credential): (&str, &str),
    change: impl Fn(&mut Map<String, Value>) + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let (asked, credential) = (path.to_owned(), credential.to_owned());
    let knock: Arc<Knock> = Arc::new(move |lane, instance| {
        let (url, token) = (instance.url(&asked), post::secret(lane, &credential));
        Box::pin(async move {
            let request = lane.client().get(url).bearer_auth(token?);
            // Whether it is answered at all is not the question here.
            drop(request.timeout(delivery(lane).webhook.answers_within).send().await);
            Ok(())
        })
    });
    let (path, change) = (path.to_owned(), Arc::new(json::change(change)));
    let make: Arc<MakeRules> = Arc::new(move |_| {
        let (path, change) = (path.clone(), change.clone());
        json::inbound(move || {
            let change = change.clone();
            Rule::on(Match::path(&path)).rewrite_response(move |response| change(response))
        })
    });
    let service = target.delivery.webhook.service.as_str();
    rules::knocked(turns_red, name, mistake, (Sort::Http, service), knock, make)
}

/// Runs before each row that is to be stored as an event.
pub(super) fn before_storing(delivery: &Delivery, body: String) -> Trigger {
    Trigger {
        database: delivery.database.clone(),
        table: ident(&delivery.events.table),
        fires: "BEFORE INSERT",
        body,
        deferred: false,
    }
}

/// Runs whenever a ledger row is written.
pub(crate) fn on_ledger(delivery: &Delivery, fires: &'static str, body: String) -> Trigger {
    Trigger {
        database: delivery.database.clone(),
        table: ident(&delivery.ledger.table),
        fires,
        body,
        deferred: false,
    }
}

/// Runs at the commit after each arrival of an event, the first or a repeated one.
pub(super) fn after_arrival(delivery: &Delivery, body: String) -> AtCommit {
    AtCommit { database: delivery.database.clone(), table: ident(&delivery.events.table), body }
}

/// The ledger row that an event in `NEW` is about, as a condition.
pub(super) fn of_event(delivery: &Delivery) -> String {
    let (ledger, events) = (&delivery.ledger, &delivery.events);
    let of_message = format!("{} = NEW.{}", ident(&ledger.provider_id), ident(&events.provider_id));
    if ledger.provider.is_empty() || events.provider.is_empty() {
        return of_message;
    }
    format!("{} = NEW.{} AND {of_message}", ident(&ledger.provider), ident(&events.provider))
}

/// What the event in the SQL expression `event` makes of a ledger row; null for one that is not documented. In
/// parentheses: PL/pgSQL would take the first `THEN` within it for that of its own `IF`.
pub(super) fn classified(delivery: &Delivery, event: &str) -> String {
    let cases = delivery.documented.iter().map(|documented| {
        format!("WHEN {} THEN {}", literal(&documented.event), literal(&documented.classification))
    });
    format!("(CASE {event} {} END)", cases.collect::<Vec<_>>().join(" "))
}

/// Posts one of everything about messages that nobody knows: events in every spelling and form, one outside the
/// documented ones, what is no event, arrays of all sorts, what is too large, and calls with wrong secrets.
pub(super) fn knock() -> Arc<Knock> {
    Arc::new(|lane, instance| {
        Box::pin(async move {
            let desk = Desk::open(lane).await?;
            let (delivery, message) = (desk.delivery, desk.unknown());
            let spellings = delivery.documented.iter().flat_map(|documented| &documented.spellings);
            let mut bodies: Vec<_> = spellings
                .chain(delivery.undocumented.first())
                .enumerate()
                .map(|(place, spelling)| {
                    let id_form = place % delivery.payload.id_forms.len().max(1);
                    let event = Event::of(delivery, spelling, &message, desk.begun);
                    Event { id_form, seconds: place % 2 == 1, ..event }.json()
                })
                .collect();
            if let Some(first) = bodies.first_mut() {
                first[&delivery.payload.reason] = "mailbox full".into();
            }
            if let Some(last) = bodies.last_mut() {
                last[UNKNOWN] = true.into();
            }
            if delivery.has(Part::Batch) {
                bodies.push(Value::Array(vec![bodies.first().cloned().unwrap_or_default(), Value::Null]));
                let nothing = |count| Value::Array(vec![Value::Null; count]);
                bodies.extend([0, 1, delivery.webhook.array_length + 1].map(nothing));
            }
            bodies.insert(0, Value::Object(Map::new()));
            for body in bodies {
                desk.post_to(instance, body.to_string().into_bytes()).await?;
            }
            desk.post_to(instance, vec![b'x'; delivery.webhook.event_limit + 1]).await?;
            post::post(lane, instance, &desk.call, "text/plain", b"no event".to_vec()).await?;
            let secret = post::secret(lane, &delivery.webhook.secret)?;
            for wrong in wrong_calls(&delivery.webhook, &secret) {
                post::post(lane, instance, &wrong.call, post::JSON, b"{}".to_vec()).await?;
            }
            Ok(())
        })
    })
}
