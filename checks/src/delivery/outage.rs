//! `delivery.outage`: the database goes away in the middle of a stream of events, in three ways, and the provider's
//! repeats make it whole.

mod sabotages;

use super::desk::{Desk, Message};
use super::event::Event;
use super::law::{Expected, sketch_row};
use super::metrics::metric;
use super::parts::looks_at;
use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};
use sabot_engine::{CannotTell, Check, Context as _, Cx, Finding, Judgement, Level, Need, Sharing};
use sabot_target::delivery::Part;
use sabot_target::{Delivery, Instance, Lane};
use sabot_wire::pg::{self, CutAt, Mode};
use sabot_wire::rule::Nth;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

pub(super) use sabotages::sabotages;

pub(super) const ID: &str = "delivery.outage";

/// Messages, how many requests are on their way at the same time, and how long the provider waits until it comes again.
const MESSAGES: usize = 200;
const AT_ONCE: usize = 8;
const WAIT: Duration = Duration::from_millis(50);

/// How many commits lose their connection.
const CUTS: u64 = 3;

/// How often an event is sent at most.
const TRIES: usize = 200;

/// The longest that the stream may take to come as far as the next fault, or to feel one.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the database fails over during a mailing: events are answered with a status at which the \
                       provider throws them away, or are acknowledged and were only in memory",
        asserts: "while events stream in, the database refuses connections, then hangs, then loses its connection at \
                  the commit: every answer comes in time and is 200 or one at which the provider repeats, with a time \
                  to come again, and is counted; an event acknowledged is stored; after the repeats every event is \
                  stored once and every row is right",
        remedy: "acknowledge after the commit and nothing else; when in doubt answer with the status that the provider \
                 documents to repeat",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(45),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// How far the stream has come.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    acknowledged: usize,
    /// Answers that asked for the event again, and connections that broke.
    repeated: usize,
    /// Answers at which the provider throws the event away.
    discarded: usize,
    silent: usize,
    without_time: usize,
    /// The first status of those that discard.
    status: u16,
}

impl Progress {
    /// Answers that asked for the event again, and those that never came.
    const fn troubled(&self) -> usize {
        self.repeated + self.silent
    }

    /// Events that the provider will not send again.
    const fn ended(&self) -> usize {
        self.acknowledged + self.discarded
    }
}

/// How much of each fault was met: troubled answers under the first two, connections cut by the third.
#[derive(Debug, Clone, Copy, Default)]
struct Felt {
    refused: usize,
    hung: usize,
    cut: u64,
}

impl Felt {
    /// A fault that nothing met, so that nothing is known of how it is borne.
    const fn missed(&self) -> Option<&'static str> {
        match self {
            Self { refused: 0, .. } => Some("refused connections"),
            Self { hung: 0, .. } => Some("hung"),
            Self { cut: 0, .. } => Some("lost its connection at the commit"),
            _ => None,
        }
    }

    fn sketch(&self) -> String {
        format!("{}, {}, {}", self.refused, self.hung, self.cut)
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = &Desk::open(cx.lane()).await?;
    let delivery = desk.delivery;
    let messages = desk.messages(MESSAGES).await?;
    // An instance of its own: the others keep their database.
    let instance = &desk.lane.further(&delivery.webhook.service, &Vec::new()).await?;
    let events: Vec<_> = events(desk, &messages);
    looks_at(cx, Part::Events, "stored events");
    looks_at(cx, Part::RetryAfter, "when to come again");
    let measured = looks_at(cx, Part::Metrics, "the counter of such answers");
    let before = if measured { counted(desk, instance).await? } else { 0.0 };
    let (progress, watched) = watch::channel(Progress::default());
    let progress = &progress;
    let posts: Vec<_> = events
        .iter()
        .map(|event| provider(desk, instance, progress, event.json().to_string().into_bytes()))
        .collect();
    let streamed = stream::iter(posts).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>();
    let (streamed, felt) = future::join(streamed, faults(desk, instance, watched, events.len())).await;
    let (_, felt) = (streamed?, felt?);
    let seen = *progress.borrow();
    cx.examined(events.len());
    answers(cx, desk.delivery, &seen);
    if measured && seen.repeated > 0 {
        let more = counted(desk, instance).await? - before;
        if more < 1.0 {
            let subject = format!("the counter {}", delivery.metrics.unavailable);
            let expected = format!("above zero after {} such answers", seen.repeated);
            cx.find(Finding::new(subject, expected, format!("{more} more than before")));
        }
    }
    whole(cx, desk, &messages, &events).await?;
    cx.fact("events", events.len());
    cx.fact("asked to come again", seen.repeated);
    cx.fact("troubled while refused, hung, cut", felt.sketch());
    desk.clear(&messages).await?;
    match felt.missed() {
        Some(fault) if !cx.is_red() => {
            Err(CannotTell::new(format!("the stream of events did not feel that the database {fault}")))
        }
        _ => Ok(()),
    }
}

/// How many answers asked for an event again, by the instance's own counter.
async fn counted(desk: &Desk<'_>, instance: &Instance) -> Judgement<f64> {
    let unavailable = &desk.delivery.metrics.unavailable;
    Ok(metric(desk.lane, instance, unavailable).await?.unwrap_or_default())
}

/// What the provider makes of the answers.
fn answers(cx: &Cx<'_, Lane>, delivery: &Delivery, seen: &Progress) {
    let taken = format!("{}, or one at which the provider repeats", delivery.answers.told());
    let without_time = if delivery.has(Part::RetryAfter) { seen.without_time } else { 0 };
    for (subject, expected, count, observed) in [
        (
            "the answers",
            taken.as_str(),
            seen.discarded,
            format!("{} answered {}", seen.discarded, seen.status),
        ),
        ("the answers", "each within its time", seen.silent, format!("{} that never came", seen.silent)),
        (
            "the answers that ask to come again",
            "each says when",
            without_time,
            format!("{without_time} do not"),
        ),
    ] {
        if count > 0 {
            cx.find(Finding::new(subject, expected, observed));
        }
    }
}

/// For each message an event that stamps and a later one that does not.
fn events<'a>(desk: &Desk<'a>, messages: &'a [Message]) -> Vec<Event<'a>> {
    let stamps = desk.delivery.documented.iter().find(|documented| documented.stamps);
    let other = desk.delivery.documented.iter().find(|documented| !documented.stamps);
    let of = |message: &'a Message| {
        let both = stamps.into_iter().chain(other).zip([desk.begun, desk.begun + 60_000]);
        both.map(move |(documented, at)| Event::of(desk.delivery, &documented.event, message, at))
    };
    messages.iter().flat_map(of).collect()
}

/// What the provider does with one event: sends it until it is acknowledged, or it throws it away.
async fn provider(
    desk: &Desk<'_>,
    instance: &Instance,
    progress: &watch::Sender<Progress>,
    body: Vec<u8>,
) -> Judgement {
    for _ in 0..TRIES {
        let reply = desk.post_to(instance, body.clone()).await?;
        let repeats = desk.delivery.webhook.repeated.contains(&reply.status);
        progress.send_modify(|progress| match reply.status {
            status if desk.delivery.answers.is_taken(status) => progress.acknowledged += 1,
            0 => progress.silent += 1,
            _ if repeats => {
                progress.repeated += 1;
                progress.without_time += usize::from(!reply.says_when);
            }
            status => {
                progress.discarded += 1;
                progress.status = status;
            }
        });
        if reply.status != 0 && !repeats {
            return Ok(());
        }
        tokio::time::sleep(WAIT).await;
    }
    Ok(())
}

/// Takes the database away three times, each time until the stream has felt it, and says how much it felt.
async fn faults(
    desk: &Desk<'_>,
    instance: &Instance,
    mut watched: watch::Receiver<Progress>,
    events: usize,
) -> Judgement<Felt> {
    let wire = instance.postgres(&desk.delivery.webhook.database_wire)?;
    let mut felt = Felt::default();
    for (part, mode) in [Mode::Refuse, Mode::Hang].into_iter().enumerate() {
        if !comes_to(&mut watched, |progress| progress.ended() >= events * (part + 1) / 5).await {
            return Ok(felt);
        }
        let before = watched.borrow().troubled();
        wire.set_mode(mode).context("taking the database away")?;
        let _felt = comes_to(&mut watched, |progress| {
            progress.troubled() >= before + AT_ONCE || progress.ended() >= events
        })
        .await;
        wire.set_mode(Mode::Pass).context("giving the database back")?;
        let troubled = watched.borrow().troubled() - before;
        *(if part == 0 { &mut felt.refused } else { &mut felt.hung }) = troubled;
    }
    if comes_to(&mut watched, |progress| progress.ended() >= events * 3 / 5).await {
        let commit = pg::Match::regex(r"(?i)^\s*(COMMIT|END)\b")
            .map_err(|error| CannotTell::new(error.to_string()))?;
        let cut = wire.set(pg::Rule::on(commit).nth(Nth::UpTo(CUTS)).cut(CutAt::Sent)).await?;
        // A cut may be healed within the request that met it, so it is counted on the wire.
        let _ended = comes_to(&mut watched, |progress| progress.ended() >= events).await;
        felt.cut = cut.tally().applied();
    }
    Ok(felt)
}

async fn comes_to(watched: &mut watch::Receiver<Progress>, shows: impl Fn(&Progress) -> bool) -> bool {
    timeout(PATIENCE, watched.wait_for(|progress| shows(progress))).await.is_ok_and(|seen| seen.is_ok())
}

/// Every event stored once, every row right.
async fn whole(cx: &Cx<'_, Lane>, desk: &Desk<'_>, messages: &[Message], events: &[Event<'_>]) -> Judgement {
    let (rows, stored) = (desk.rows(messages).await?, desk.stored(messages).await?);
    let of_each = events.len() / messages.len().max(1);
    if let Some(stored) = &stored {
        let kept = messages.iter().map(|message| stored.get(&message.id).map_or(0, Vec::len));
        let kept: Vec<_> = kept.collect();
        let wrong = kept.iter().filter(|kept| **kept != of_each).count();
        if wrong > 0 {
            let total: usize = kept.iter().sum();
            let observed = format!("{total} stored; {wrong} messages lack some or have too many");
            let expected = format!("{} of them, each once", events.len());
            cx.find(Finding::new("the stored events", expected, observed));
        }
    }
    let told: Vec<_> = events.iter().take(of_each).map(|event| (event.name.as_str(), event.at)).collect();
    let expected = Expected::after(desk.delivery, &told);
    let wrong: Vec<_> =
        messages.iter().filter(|message| !expected.is_met_by(rows.get(&message.id))).collect();
    if let Some(first) = wrong.first() {
        let observed = format!("{} rows are not; one is {}", wrong.len(), sketch_row(rows.get(&first.id)));
        cx.find(Finding::new("the ledger rows", expected.sketch(), observed));
    }
    Ok(())
}
