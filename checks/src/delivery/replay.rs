//! `delivery.replay`: the same event again, in whatever form, changes nothing at all.

use super::desk::{Desk, Message, Row, Stored, StoredEvents};
use super::event::Event;
use super::law::sketch_row;
use super::parts::looks_at;
use super::tamper::{after_arrival, before_storing, events_in, of_event};
use super::{roundtrip, storm, unique};
use crate::sabotage::trigger;
use crate::sql::ident;
use sabot_engine::{Check, Cx, Figure, Finding, Judgement, Level, Need, Rows, Sabotage, Sharing};
use sabot_target::delivery::Part;
use sabot_target::{Delivery, Lane, Target};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) const ID: &str = "delivery.replay";

/// How often each event comes again at the same moment.
const AT_ONCE: usize = 10;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the provider repeats an event, as it may, and yesterday's delivery moves to today: reports, \
                       suppressions and disputes are built on a time that nobody measured",
        asserts: "each documented event, a day old, sent again: as it was, in another spelling and form, as an array, \
                  ten times at once, and an older one after a newer one; each time the ledger row is byte for byte \
                  what it was and the stored events are the same ones",
        remedy: "let the ledger follow from the stored events and their own times, and store each event once, by a \
                 key made of what the provider repeats unchanged",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(20),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    looks_at(cx, Part::Events, "stored events");
    looks_at(cx, Part::Batch, "events again as an array");
    let delivery = desk.delivery;
    let messages = desk.messages(delivery.documented.len()).await?;
    let events = events(&desk, &messages);
    desk.post_all(events.iter().map(Event::json).collect(), 1).await?;
    let before = Snapshot::take(&desk, &messages).await?;
    let mut replays = 0;
    let mut last = before.table(&messages);
    for (how, bodies, at_once) in rounds(delivery, &events) {
        replays += bodies.len();
        for reply in desk.post_all(bodies, at_once).await? {
            if !delivery.answers.is_taken(reply.status) {
                let subject = format!("an event again, {how}: the answer");
                cx.find(Finding::new(subject, delivery.answers.told(), reply.sketch()));
            }
        }
        let after = Snapshot::take(&desk, &messages).await?;
        before.differs(cx, &after, &messages, how);
        last = after.table(&messages);
        if cx.is_red() {
            break;
        }
    }
    cx.examined(replays);
    cx.fact("events sent again", replays);
    cx.figure(Figure::Rows(Rows {
        name: format!("the ledger and its stored events, before and after {replays} events came again"),
        columns: ["mail", "ledger row", "stored events"].map(String::from).to_vec(),
        before: before.table(&messages),
        after: last,
    }));
    desk.clear(&messages).await
}

/// For each documented event a message of its own, on which a delivery came first.
fn events<'a>(desk: &Desk<'a>, messages: &'a [Message]) -> Vec<Event<'a>> {
    let stamps = desk.delivery.documented.iter().find(|documented| documented.stamps);
    let pair = |(documented, message): (&'a sabot_target::delivery::Documented, &'a Message)| {
        let first = stamps.map(|stamps| Event::of(desk.delivery, &stamps.event, message, desk.begun));
        let second = Event::of(desk.delivery, &documented.event, message, desk.begun + 60_000);
        first.into_iter().chain([second]).collect::<Vec<_>>()
    };
    desk.delivery.documented.iter().zip(messages).flat_map(pair).collect()
}

/// How the events come again: in what manner, the bodies, and how many at the same time.
fn rounds(delivery: &Delivery, events: &[Event<'_>]) -> Vec<(&'static str, Vec<Value>, usize)> {
    let same: Vec<_> = events.iter().map(Event::json).collect();
    let otherwise = |event: &Event<'_>| {
        let documented = delivery.documented.iter().find(|documented| documented.event == event.name);
        let name =
            documented.and_then(|documented| documented.spellings.last()).unwrap_or(&event.name).clone();
        let id_form = delivery.payload.id_forms.len().saturating_sub(1);
        Event { name, id_form, ..event.clone() }.json()
    };
    let crowd = events.iter().flat_map(|event| std::iter::repeat_n(event.json(), AT_ONCE)).collect();
    let mut rounds = vec![
        ("as it was", same.clone(), 1),
        ("the older after the newer", same.iter().rev().cloned().collect(), 1),
        ("in another form", events.iter().map(otherwise).collect(), 1),
    ];
    if delivery.has(Part::Batch) {
        rounds.push(("as an array", vec![Value::Array(same)], 1));
    }
    rounds.push(("many at once", crowd, AT_ONCE));
    rounds
}

/// What must not change.
struct Snapshot {
    rows: BTreeMap<String, Row>,
    /// None where the target stores none.
    stored: Option<StoredEvents>,
}

impl Snapshot {
    async fn take(desk: &Desk<'_>, messages: &[Message]) -> Judgement<Self> {
        Ok(Self { rows: desk.rows(messages).await?, stored: desk.stored(messages).await? })
    }

    /// A row for each message.
    fn table(&self, messages: &[Message]) -> Vec<Vec<String>> {
        let row = |(place, message): (usize, &Message)| {
            let count = |stored: &StoredEvents| stored.get(&message.id).map_or(0, Vec::len).to_string();
            let stored = self.stored.as_ref().map_or_else(|| "not looked at".to_owned(), count);
            vec![(place + 1).to_string(), sketch_row(self.rows.get(&message.id)), stored]
        };
        messages.iter().enumerate().map(row).collect()
    }

    fn of(&self, message: &Message) -> Option<&Vec<Stored>> {
        self.stored.as_ref()?.get(&message.id)
    }

    fn differs(&self, cx: &Cx<'_, Lane>, after: &Self, messages: &[Message], how: &str) {
        for message in messages {
            let (was, is) = (self.rows.get(&message.id), after.rows.get(&message.id));
            if was != is {
                let whole = |row: Option<&Row>| row.map_or_else(|| "no row".into(), |row| row.whole.clone());
                let finding = Finding::new(
                    format!("the ledger row, an event again, {how}"),
                    sketch_row(was),
                    sketch_row(is),
                );
                cx.find(finding.evidence(whole(was)).evidence(whole(is)));
                return;
            }
            let (was, is) = (self.of(message), after.of(message));
            if was != is {
                let count =
                    |stored: Option<&Vec<Stored>>| format!("{} stored events", stored.map_or(0, Vec::len));
                cx.find(Finding::new(
                    format!("the stored events, an event again, {how}"),
                    count(was),
                    count(is),
                ));
                return;
            }
        }
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let mut sabotages = vec![receivers_clock(target)];
    if target.delivery.has(Part::Events) {
        sabotages.extend(on_arrival(&target.delivery));
        sabotages.push(duplicate_is_an_error(&target.delivery));
        sabotages.extend(unique::out(&[ID, storm::ID], target));
    }
    sabotages
}

/// What is done at each arrival, the first or a repeated one.
fn on_arrival(delivery: &Delivery) -> Vec<Sabotage<Lane>> {
    let (ledger, of) = (ident(&delivery.ledger.table), of_event(delivery));
    let stamp = ident(&delivery.ledger.delivered_at);
    let at_commit = |name: &str, mistake: &str, body: String| {
        trigger::at_commit(&[ID], name, mistake, &after_arrival(delivery, body))
    };
    let mut sabotages = vec![at_commit(
        "follows-the-last-arrival",
        "the time of delivery is the greatest of the old one and now, so it moves on every replay",
        format!(
            "UPDATE {ledger} SET {stamp} = GREATEST({stamp}, clock_timestamp()) WHERE {of} AND {stamp} IS NOT NULL;"
        ),
    )];
    if !delivery.ledger.sent_at.is_empty() {
        sabotages.push(at_commit(
            "touches-the-row",
            "a column that is set on every update tells when the row was last touched, not when the email was sent",
            format!("UPDATE {ledger} SET {} = clock_timestamp() WHERE {of};", ident(&delivery.ledger.sent_at)),
        ));
    }
    sabotages
}

fn receivers_clock(target: &Target) -> Sabotage<Lane> {
    let mistake = "the receiver's clock stands in place of the event's own time";
    events_in(&[ID, roundtrip::ID], "receivers-clock", mistake, target, |event, delivery| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        for field in &delivery.payload.times {
            if let Some(time) = event.get_mut(field) {
                *time = u64::try_from(now).unwrap_or_default().into();
            }
        }
    })
}

/// What is there already is refused.
fn duplicate_is_an_error(delivery: &Delivery) -> Sabotage<Lane> {
    let (events, key) = (
        &delivery.events,
        [&delivery.events.provider_id, &delivery.events.event, &delivery.events.event_time],
    );
    let same: Vec<_> = key.into_iter().map(|column| format!("there.{0} = NEW.{0}", ident(column))).collect();
    let body = format!(
        "IF EXISTS (SELECT FROM {} AS there WHERE {}) THEN RAISE EXCEPTION 'a duplicate'; END IF;",
        ident(&events.table),
        same.join(" AND "),
    );
    let mistake = "a duplicate is an error, and the provider repeats it until it gives up on the webhook";
    trigger::put(&[ID], "duplicate-is-an-error", mistake, &before_storing(delivery, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_holds_every_event() {
        let delivery = Target::embedded().delivery;
        let message = Message { id: "1@x".into(), recipient: "a@example.com".into(), audit_id: -1 };
        let events: Vec<_> =
            delivery.documented.iter().map(|of| Event::of(&delivery, &of.event, &message, 1)).collect();
        for (how, bodies, _) in rounds(&delivery, &events) {
            let held: usize = bodies.iter().map(|body| body.as_array().map_or(1, Vec::len)).sum();
            assert_eq!(held % events.len(), 0, "{how}");
            assert!(held > 0);
        }
    }
}
