//! `delivery.order`: the same events in any order, with any duplicates, end in the same ledger row.

use super::desk::{Desk, Message};
use super::event::Event;
use super::law::{Dice, Expected, permutations};
use super::parts::looks_at;
use super::tamper::{after_arrival, before_storing, classified, of_event, on_ledger};
use crate::sabotage::trigger;
use crate::sql::ident;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::delivery::Part;
use sabot_target::{Delivery, Lane, Target};
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) const ID: &str = "delivery.order";

/// Messages whose events are on their way at the same time; those of one message come one after the other.
const AT_ONCE: usize = 16;

/// Random sets beyond those that matter, how many events each has, and the seed from which they follow.
const RANDOM: usize = 60;
const RANDOM_EVENTS: usize = 6;
const SEED: u64 = 20_260_520;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Beyond,
        failure_mode: "the provider delivers events in another order than they happened, and the ledger shows \
                       whichever came last",
        asserts: "two of any documented events, at different times and at the same time, a delivery before and after \
                  each other event, and five events in all their orders, and random sets with duplicates: the row is \
                  that of the latest event, a tie decided by severity, delivered at the latest delivery",
        remedy: "compute the row from all stored events of the message, by their own times, never from the one that \
                 has just come",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: Some("the documented events and the order of their severity"),
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(40),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = &Desk::open(cx.lane()).await?;
    looks_at(cx, Part::Events, "stored events");
    let trials = trials(desk.delivery);
    let messages = desk.messages(trials.len()).await?;
    let posts = trials.iter().zip(&messages).map(|(trial, message)| trial.post(desk, message));
    let posts: Vec<_> = posts.collect();
    let _posted: Vec<()> = stream::iter(posts).buffer_unordered(AT_ONCE).try_collect().await?;
    let (rows, stored) = (desk.rows(&messages).await?, desk.stored(&messages).await?);
    cx.examined(trials.len());
    for (trial, message) in trials.iter().zip(&messages) {
        let expected = Expected::after(desk.delivery, &trial.at(desk.begun));
        if !expected.judge(cx, trial.sketch(), rows.get(&message.id)) {
            continue;
        }
        let Some(stored) = &stored else { continue };
        let kept = stored.get(&message.id).map_or(0, Vec::len);
        if kept != trial.distinct() {
            let observed = format!("{kept} stored events");
            cx.find(Finding::new(trial.sketch(), format!("{} stored events", trial.distinct()), observed));
        }
    }
    cx.fact("orders tried", trials.len());
    cx.fact("of them random", format!("{RANDOM}, from seed {SEED}"));
    desk.clear(&messages).await
}

/// Events of one message in the order in which they come: names and minutes.
#[derive(Debug, Clone)]
struct Trial<'a>(Vec<(&'a str, i64)>);

impl<'a> Trial<'a> {
    async fn post(&'a self, desk: &'a Desk<'a>, message: &'a Message) -> Judgement {
        for (name, at) in self.at(desk.begun) {
            desk.post(&Event::of(desk.delivery, name, message, at).json()).await?;
        }
        Ok(())
    }

    fn at(&self, begun: i64) -> Vec<(&'a str, i64)> {
        self.0.iter().map(|(name, minute)| (*name, begun + minute * 60_000)).collect()
    }

    fn distinct(&self) -> usize {
        self.0.iter().collect::<BTreeSet<_>>().len()
    }

    fn sketch(&self) -> String {
        let events = self.0.iter().map(|(name, minute)| format!("{name} of minute {minute}"));
        events.collect::<Vec<_>>().join(", then ")
    }
}

fn trials(delivery: &Delivery) -> Vec<Trial<'_>> {
    let names: Vec<_> = delivery.documented.iter().map(|documented| documented.event.as_str()).collect();
    let mut sets: Vec<Vec<(&str, i64)>> = Vec::new();
    for (place, one) in names.iter().enumerate() {
        for other in &names {
            sets.push(vec![(one, 1), (other, 2)]);
        }
        for other in &names[place + 1..] {
            sets.push(vec![(one, 1), (other, 1)]);
        }
    }
    if let Some(stamps) = delivery.documented.iter().find(|documented| documented.stamps) {
        let stamps = stamps.event.as_str();
        sets.extend(names.iter().map(|name| vec![(stamps, 1), (*name, 2), (stamps, 3)]));
        // A life as it may be: tried twice, delivered, bounced after all, told again.
        let longest: Vec<_> = names.iter().copied().filter(|name| *name != stamps).take(3).collect();
        if let [soft, hard, other] = longest[..] {
            sets.push(vec![(soft, 1), (other, 2), (stamps, 3), (hard, 4), (stamps, 4)]);
        }
    }
    let mut trials: Vec<_> = sets.iter().flat_map(|set| orders(set)).collect();
    let mut dice = Dice::new(SEED);
    trials.extend((0..RANDOM).map(|_| random(&names, &mut dice)));
    trials
}

/// Every order of `set`.
fn orders<'a>(set: &[(&'a str, i64)]) -> Vec<Trial<'a>> {
    let of = |order: Vec<usize>| order.into_iter().filter_map(|place| set.get(place).copied()).collect();
    permutations(set.len()).into_iter().map(|order| Trial(of(order))).collect()
}

/// Events at few different times, so that ties are common, some of them twice.
fn random<'a>(names: &[&'a str], dice: &mut Dice) -> Trial<'a> {
    let mut events: Vec<_> = (0..RANDOM_EVENTS)
        .filter_map(|_| Some((*names.get(dice.roll(names.len()))?, i64::try_from(dice.roll(4)).ok()?)))
        .collect();
    let again: Vec<_> = events.iter().copied().filter(|_| dice.roll(2) == 0).collect();
    events.extend(again);
    dice.shuffle(&mut events);
    Trial(events)
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let stamp = ident(&delivery.ledger.delivered_at);
    let first = format!("NEW.{stamp} := coalesce(OLD.{stamp}, NEW.{stamp});");
    let mut sabotages = vec![trigger::put(
        &[ID],
        "first-delivery-stays",
        "the time of delivery is set once and never again",
        &on_ledger(delivery, "BEFORE UPDATE", first),
    )];
    if delivery.has(Part::Events) {
        sabotages.push(late_events_lost(delivery));
        sabotages.extend(decided_otherwise(delivery));
    }
    sabotages
}

fn late_events_lost(delivery: &Delivery) -> Sabotage<Lane> {
    let (events, ours) = (ident(&delivery.events.table), same_message(delivery));
    let time = ident(&delivery.events.event_time);
    let late = format!(
        "IF EXISTS (SELECT FROM {events} AS stored WHERE {ours} AND stored.{time} > NEW.{time}) THEN RETURN NULL; END IF;",
    );
    let mistake = "an event older than the last one is taken for a replay";
    trigger::put(&[ID], "late-events-lost", mistake, &before_storing(delivery, late))
}

/// The stored events of the message that the event in `NEW` is about.
fn same_message(delivery: &Delivery) -> String {
    let id = ident(&delivery.events.provider_id);
    format!("stored.{id} = NEW.{id}")
}

/// What else may decide than the latest time and the severity.
fn decided_otherwise(delivery: &Delivery) -> Vec<Sabotage<Lane>> {
    let (events, time) = (ident(&delivery.events.table), ident(&delivery.events.event_time));
    let (event, ours) = (ident(&delivery.events.event), same_message(delivery));
    let arrived = classified(delivery, &format!("NEW.{event}"));
    let stored = classified(delivery, &format!("stored.{event}"));
    let set =
        format!("UPDATE {} SET {} = ", ident(&delivery.ledger.table), ident(&delivery.ledger.classification));
    let of = of_event(delivery);
    let at_commit = |name: &str, mistake: &str, body: String| {
        trigger::at_commit(&[ID], name, mistake, &after_arrival(delivery, body))
    };
    vec![
        at_commit(
            "last-arrival-wins",
            "each event overwrites what was there before",
            format!("{set} {arrived} WHERE {of} AND {arrived} IS NOT NULL;"),
        ),
        at_commit(
            "tie-by-arrival",
            "of two events of one time the one that comes later decides",
            format!(
                "{set} {arrived} WHERE {of} AND {arrived} IS NOT NULL AND NEW.{time} = \
                 (SELECT max(stored.{time}) FROM {events} AS stored WHERE {ours} AND {stored} IS NOT NULL);"
            ),
        ),
        at_commit(
            "tie-by-alphabet",
            "a tie is decided by whatever the database sorts first",
            format!(
                "{set} (SELECT {stored} FROM {events} AS stored WHERE {ours} AND {stored} IS NOT NULL \
                 ORDER BY stored.{time} DESC, {stored} LIMIT 1) WHERE {of} AND {arrived} IS NOT NULL;"
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_and_every_tie_is_tried_in_both_orders() {
        let delivery = Target::embedded().delivery;
        let trials = trials(&delivery);
        let tried = |events: &[(&str, i64)]| trials.iter().any(|trial| trial.0 == events);
        for one in &delivery.documented {
            for other in &delivery.documented {
                assert!(tried(&[(&one.event, 1), (&other.event, 2)]), "{} {}", one.event, other.event);
                assert!(tried(&[(&other.event, 2), (&one.event, 1)]), "{} {}", one.event, other.event);
                let tie = [(one.event.as_str(), 1), (other.event.as_str(), 1)];
                assert!(one.event == other.event || tried(&tie), "{tie:?}");
            }
        }
        assert_eq!(trials.iter().filter(|trial| trial.0.len() == 5).count(), 120);
    }

    #[test]
    fn random_sets_have_ties_and_duplicates_and_follow_from_the_seed() {
        let delivery = Target::embedded().delivery;
        let random: Vec<_> = trials(&delivery).into_iter().rev().take(RANDOM).collect();
        let again: Vec<_> = trials(&delivery).into_iter().rev().take(RANDOM).map(|trial| trial.0).collect();
        assert_eq!(random.iter().map(|trial| trial.0.clone()).collect::<Vec<_>>(), again);
        assert!(random.iter().any(|trial| trial.distinct() < trial.0.len()), "duplicates");
        let tied = |trial: &Trial<'_>| {
            let latest = trial.0.iter().map(|(_, at)| *at).max();
            trial.0.iter().filter(|(_, at)| Some(*at) == latest).collect::<BTreeSet<_>>().len() > 1
        };
        assert!(random.iter().filter(|trial| tied(trial)).count() > RANDOM / 4, "ties");
    }
}
