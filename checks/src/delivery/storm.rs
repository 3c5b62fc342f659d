//! `delivery.storm`: thousands of events at once, on two instances, end as the same events one by one would.

use super::desk::{Desk, Message};
use super::event::Event;
use super::law::{Dice, Expected, sketch_row};
use super::outage;
use super::parts::looks_at;
use super::tamper::{self, before_storing, on_ledger};
use crate::sabotage::composed::composed;
use crate::sabotage::rules::{self, MakeRules, SetRules};
use crate::sabotage::trigger;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing, Sort};
use sabot_target::delivery::Part;
use sabot_target::{Delivery, Lane, Target};
use sabot_wire::pg::{Match, Pattern, Rule};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub(super) const ID: &str = "delivery.storm";

/// Events in all, and how many are on their way at the same time.
const EVENTS: usize = 5_000;
const AT_ONCE: usize = 64;

/// Events of each message, some of which are there twice.
const OF_EACH: usize = 10;

/// From which the storm follows.
const SEED: u64 = 5_000_064;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a newsletter goes out, its events come by the thousand, and two requests read, change and write \
                       the same row: one of them is lost",
        asserts: "5,000 events of 500 messages, duplicates among them, 64 at a time on two instances, half of them \
                  shuffled and half with all events of a message at once: each is answered 200 in the end, and rows \
                  and stored events are those of a serial run",
        remedy: "compute the row in one statement from the stored events, under a lock that each writer of the message \
                 takes before it reads",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(40),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = &Desk::open(cx.lane()).await?;
    looks_at(cx, Part::Events, "stored events");
    let messages = desk.messages(EVENTS / OF_EACH).await?;
    let further = desk.lane.further(&desk.delivery.webhook.service, &Vec::new()).await?;
    let both = [desk.receiver()?, &further];
    let storm = storm(desk, &messages);
    let begun = Instant::now();
    let posts = storm.iter().enumerate().map(|(place, (_, event))| {
        let body = event.json().to_string().into_bytes();
        desk.post_until_taken(both[place % both.len()], body)
    });
    let posts: Vec<_> = posts.collect();
    let answers: Vec<_> = stream::iter(posts).buffered(AT_ONCE).try_collect().await?;
    let took = begun.elapsed();
    cx.examined(storm.len());
    let taken = &desk.delivery.answers;
    let refused: Vec<_> = answers.iter().filter(|answer| !taken.is_taken(answer.1.status)).collect();
    if let Some((_, reply)) = refused.first() {
        let observed =
            format!("{} of {} were not; the first was {}", refused.len(), storm.len(), reply.sketch());
        let expected = format!("{} for every event, in the end", taken.told());
        cx.find(Finding::new("the answers", expected, observed));
    }
    judge_rows(cx, desk, &messages, &storm).await?;
    cx.fact(
        "events",
        format!("{} in {} ms, {AT_ONCE} at a time, seed {SEED}", storm.len(), took.as_millis()),
    );
    cx.fact("asked to come again", answers.iter().map(|answer| answer.0).sum::<usize>());
    further.stop().await;
    desk.clear(&messages).await
}

/// Each event with the number of its message.
fn storm<'a>(desk: &Desk<'a>, messages: &'a [Message]) -> Vec<(usize, Event<'a>)> {
    let mut dice = Dice::new(SEED);
    let delivery = desk.delivery;
    let mut storm = Vec::with_capacity(EVENTS);
    for (number, message) in messages.iter().enumerate() {
        let mut events: Vec<Event<'_>> = Vec::new();
        for _ in 0..OF_EACH {
            let again = events.get(dice.roll(events.len() * 4)).cloned();
            let Some(documented) = delivery.documented.get(dice.roll(delivery.documented.len())) else {
                continue;
            };
            let minute = i64::try_from(dice.roll(60)).unwrap_or_default();
            let new = Event::of(delivery, &documented.event, message, desk.begun + minute * 60_000);
            events.push(again.unwrap_or(new));
        }
        storm.extend(events.into_iter().map(|event| (number, event)));
    }
    // The second half stays as it is: there all events of a message are on their way at once.
    let half = storm.len() / 2;
    dice.shuffle(&mut storm[..half]);
    storm
}

async fn judge_rows(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    messages: &[Message],
    storm: &[(usize, Event<'_>)],
) -> Judgement {
    let (rows, stored) = (desk.rows(messages).await?, desk.stored(messages).await?);
    let mut told: Vec<Vec<(&str, i64)>> = vec![Vec::new(); messages.len()];
    for (number, event) in storm {
        told[*number].push((&event.name, event.at));
    }
    let (mut wrong, mut lost, mut doubled) = (Vec::new(), 0, 0);
    for (message, events) in messages.iter().zip(&told) {
        let expected = Expected::after(desk.delivery, events);
        let row = rows.get(&message.id);
        if !expected.is_met_by(row) {
            wrong.push(format!("{}, not {}", sketch_row(row), expected.sketch()));
        }
        let Some(stored) = &stored else { continue };
        let distinct = events.iter().collect::<BTreeSet<_>>().len();
        let kept = stored.get(&message.id).map_or(0, Vec::len);
        lost += distinct.saturating_sub(kept);
        doubled += kept.saturating_sub(distinct);
    }
    if let Some(first) = wrong.first() {
        let observed = format!("{} of {} are not; one is {first}", wrong.len(), messages.len());
        cx.find(Finding::new("the ledger rows", "as a serial run leaves them", observed));
    }
    if lost + doubled > 0 {
        let observed = format!("{lost} are lost and {doubled} too many");
        cx.find(Finding::new("the stored events", "each of them once", observed));
    }
    Ok(())
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let mut sabotages = vec![lossy(&target.delivery)];
    if target.delivery.has(Part::Lock) {
        sabotages.push(lost_update(target));
    }
    sabotages.push(fails_under_load(target));
    sabotages
}

/// One event in ten is lost before it is stored, or before the ledger is told of it.
fn lossy(delivery: &Delivery) -> Sabotage<Lane> {
    let body = "IF random() < 0.1 THEN RETURN NULL; END IF;".to_owned();
    let trigger = if delivery.has(Part::Events) {
        before_storing(delivery, body)
    } else {
        on_ledger(delivery, "BEFORE UPDATE", body)
    };
    let mistake = "a queue in front of the database overflows in silence";
    trigger::put(&[ID, outage::ID], "lossy", mistake, &trigger)
}

/// Nobody waits for a lock any more, and commits take a while, so that two read before either has written.
fn lost_update(target: &Target) -> Sabotage<Lane> {
    let mistake = "a lock is taken out, since it only cost time: of two writers one is lost";
    let locks = [
        // The same function without the waiting, and the lock of rows.
        (r"(?i)\bpg_advisory_xact_lock\s*\(", "pg_try_advisory_xact_lock_shared("),
        (r"(?i)\bFOR\s+(NO\s+KEY\s+)?UPDATE\b", ""),
    ];
    let unlocked = on_database(target, "lock-out", mistake, move || {
        let rules = locks.iter().filter_map(|(lock, instead)| {
            Some(Rule::on(Match::regex(lock).ok()?).rewrite(Pattern::regex(lock).ok()?, *instead))
        });
        rules.collect()
    });
    let slow = on_database(target, "commit-slow", mistake, || {
        let commit = Match::regex(r"(?i)^\s*(COMMIT|END)\b").unwrap_or_else(|_| Match::contains("COMMIT"));
        vec![Rule::on(commit).delay(Duration::from_millis(20))]
    });
    composed(&[ID], "lost-update", mistake, vec![unlocked, slow])
}

/// One answer in twenty is an error.
fn fails_under_load(target: &Target) -> Sabotage<Lane> {
    let (answered, status) = (AtomicUsize::new(0), tamper::discarding(&target.delivery.webhook));
    tamper::answers(
        &[ID],
        "fails-under-load",
        "a pool that is empty is an internal error",
        target,
        move |response| {
            if answered.fetch_add(1, Ordering::SeqCst) % 20 == 19 {
                response.status = status;
            }
        },
    )
}

/// Rules on the wire from the webhook's service to its database.
fn on_database(
    target: &Target,
    name: &str,
    mistake: &str,
    rules: impl Fn() -> Vec<Rule> + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let webhook = &target.delivery.webhook;
    let (wire, rules) = (webhook.database_wire.clone(), Arc::new(rules));
    let set: Arc<SetRules> = Arc::new(move |instance| {
        let (wire, rules) = (wire.clone(), rules.clone());
        Box::pin(async move {
            let mut tallies = Vec::new();
            for rule in rules() {
                tallies.push(instance.postgres(&wire)?.set(rule).await?.tally().clone());
            }
            Ok(tallies)
        })
    });
    let make: Arc<MakeRules> = Arc::new(move |_| set.clone());
    rules::knocked(&[ID], name, mistake, (Sort::Sql, &webhook.service), tamper::knock(), make)
}
