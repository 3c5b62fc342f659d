//! `delivery.roundtrip`: every documented event, in every spelling and form, makes of the ledger row what is
//! documented; and the target declares the same events.

mod declared;
mod sabotages;

use super::answer::{self, Said};
use super::desk::{Desk, Message, Stored};
use super::event::Event;
use super::law::{Expected, sketch_row};
use super::parts::looks_at;
use super::post::Reply;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sharing};
use sabot_target::delivery::{Documented, Part};
use sabot_target::{Delivery, Lane};
use std::time::Duration;

pub(super) use sabotages::sabotages;

pub(super) const ID: &str = "delivery.roundtrip";

/// Events on their way at the same time.
const AT_ONCE: usize = 8;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the provider tells of a bounce and nobody hears: its event is spelled otherwise, or was added \
                       to a list and to no handler",
        asserts: "each documented event, in every spelling, with the message id and the time in every form, is \
                  answered 200, is stored, and gives its ledger row the documented classification, with the event's \
                  own time of delivery for those that stamp and none for the others; the events that the target \
                  declares are the documented ones, in both directions",
        remedy: "map every documented spelling to one event, and every event to its classification, in one table from \
                 which the declaration is printed too",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: Some("the documented events in every spelling, and those that the target itself declares"),
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(20),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    if looks_at(cx, Part::Declared, "declared events") {
        declared::judge(cx).await?;
    }
    looks_at(cx, Part::Events, "stored events");
    answer::looks_at(cx, |answers| &answers.matched, "whether the message is known");
    let desk = Desk::open(cx.lane()).await?;
    let forms = Form::all(desk.delivery);
    let messages = desk.messages(forms.len()).await?;
    let events: Vec<_> =
        forms.iter().zip(&messages).map(|(form, message)| form.event(&desk, message)).collect();
    let replies = desk.post_all(events.iter().map(Event::json).collect(), AT_ONCE).await?;
    let rows = desk.rows(&messages).await?;
    let stored = desk.stored(&messages).await?;
    for (((form, event), message), reply) in forms.iter().zip(&events).zip(&messages).zip(&replies) {
        cx.examined(1);
        form.judge_answer(cx, reply);
        if let Some(stored) = &stored {
            form.judge_stored(cx, event.at, stored.get(&message.id).map_or(&[], Vec::as_slice));
        }
        let at = form.kept(event.at);
        let expected = Expected {
            classification: form.documented.classification.clone(),
            delivered_at: form.documented.stamps.then_some(at),
        };
        let row = rows.get(&message.id);
        if !expected.is_met_by(row) {
            let finding = Finding::new(format!("{form}: the ledger row"), expected.sketch(), sketch_row(row));
            cx.find(finding.evidence(format!("the webhook answered {}", reply.sketch())));
        }
    }
    cx.fact("forms of events", forms.len());
    desk.clear(&messages).await
}

/// One way in which one event may come.
struct Form<'a> {
    documented: &'a Documented,
    spelling: &'a str,
    id_form: usize,
    time_field: usize,
    seconds: bool,
    delivery: &'a Delivery,
}

impl<'a> Form<'a> {
    /// Every spelling of every event, and of the first that stamps every form of id and time.
    fn all(delivery: &'a Delivery) -> Vec<Self> {
        let plain = |documented, spelling| Form {
            documented,
            spelling,
            id_form: 0,
            time_field: 0,
            seconds: false,
            delivery,
        };
        let mut forms = Vec::new();
        for documented in &delivery.documented {
            forms.extend(documented.spellings.iter().map(|spelling| plain(documented, spelling)));
        }
        let stamps = delivery.documented.iter().find(|documented| documented.stamps);
        let Some(stamps) = stamps else { return forms };
        for id_form in 0..delivery.payload.id_forms.len() {
            for time_field in 0..delivery.payload.times.len() {
                for seconds in [false, true] {
                    forms.push(Form { id_form, time_field, seconds, ..plain(stamps, &stamps.event) });
                }
            }
        }
        forms
    }

    fn event(&self, desk: &Desk<'a>, message: &'a Message) -> Event<'a> {
        let event = Event::of(self.delivery, self.spelling, message, desk.begun);
        Event { id_form: self.id_form, time_field: self.time_field, seconds: self.seconds, ..event }
    }

    fn judge_answer(&self, cx: &Cx<'_, Lane>, reply: &Reply) {
        let (answers, event) = (&self.delivery.answers, self.documented.event.as_str());
        let said = Said::new(answers, vec![(&answers.matched, true.into()), (&answers.event, event.into())]);
        if !said.is_met_by(reply) {
            cx.find(Finding::new(format!("{self}: the answer"), said.sketch(), reply.sketch()));
        }
    }

    fn judge_stored(&self, cx: &Cx<'_, Lane>, at: i64, kept: &[Stored]) {
        let (event, at) = (&self.documented.event, self.kept(at));
        if !matches!(kept, [one] if one.event == *event && one.time == at) {
            let expected = format!("`{event}` stored once, with its own time");
            let observed: Vec<_> = kept.iter().map(|one| format!("{} at {}", one.event, one.time)).collect();
            cx.find(Finding::new(format!("{self}: the stored event"), expected, format!("{observed:?}")));
        }
    }

    /// The time that is kept of `at`, in microseconds.
    const fn kept(&self, at: i64) -> i64 {
        if self.seconds { at / 1000 * 1_000_000 } else { at * 1000 }
    }
}

impl std::fmt::Display for Form<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let payload = &self.delivery.payload;
        write!(f, "`{}`", self.spelling)?;
        if let Some(form) = payload.id_forms.get(self.id_form).filter(|_| self.id_form > 0) {
            write!(f, ", its message as `{form}`")?;
        }
        let unit = if self.seconds { "seconds" } else { "milliseconds" };
        let field = payload.times.get(self.time_field).map_or("", String::as_str);
        write!(f, ", its time as {unit} in `{field}`")
    }
}
