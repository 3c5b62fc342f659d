//! `delivery.early`: an event that arrives before its ledger row is there counts once the row is.

use super::desk::{Desk, Row};
use super::event::{Event, bare};
use super::law::{Expected, sketch_row};
use super::tamper::on_ledger;
use crate::held;
use crate::sabotage::trigger;
use crate::sql::{ident, literal};
use futures_util::future;
use sabot_engine::{CannotTell, Check, Context as _, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, Target};
use sabot_wire::hold::Hold;
use sabot_wire::http::{HeldRequest, Match, Response, Rule};
use sabot_wire::pg::{self, ErrorResponse, Execution, HoldAt};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

pub(super) const ID: &str = "delivery.early";

/// The longest that anything is awaited: the forwarder's next look, its send, its row.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the ledger is looked at while a row is awaited; there is no event to await from outside.
const POLL: Duration = Duration::from_millis(20);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Beyond,
        failure_mode: "the provider is quicker than our own insert: the event finds no row, is thrown away, and the \
                       message stays accepted for ever",
        asserts: "an email goes out, and while the provider's answer is held on the wire, or the insert of the ledger \
                  row is, the events of that message come in: once released, the row is what they make of it",
        remedy: "keep events of unknown messages, and let the row be computed from them also when it is inserted",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(30),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// What is held while the events come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Answer,
    Insert,
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let forwarder = &desk.delivery.forwarder;
    let instance = cx.lane().service(&forwarder.service)?;
    for held in [Held::Answer, Held::Insert] {
        cx.examined(1);
        let (rule, answers) = Rule::on(Match::path(&forwarder.send_path)).hold_response();
        let answered = instance.http(&forwarder.provider_wire)?.set(rule);
        let (rule, inserts) =
            pg::Rule::on(pg::Match::literal(&desk.delivery.marks.sent)).hold(HoldAt::Before);
        let inserted = instance.postgres(&forwarder.database_wire)?.set(rule).await?;
        let judged = while_held(cx, &desk, held, answers, inserts).await;
        // Nothing stays held, whatever came of it.
        answered.remove();
        let _closed = inserted.remove().await;
        judged?;
    }
    Ok(())
}

async fn while_held(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    held: Held,
    mut answers: Hold<HeldRequest, Response>,
    mut inserts: Hold<Execution, ErrorResponse>,
) -> Judgement {
    let delivery = desk.delivery;
    let forwarder = &delivery.forwarder;
    let mut message = desk.unknown();
    send(desk, &message.recipient).await?;
    let silent = format!("{} sent nothing within {PATIENCE:?}", forwarder.service);
    let answer = held::next(&mut answers, PATIENCE, silent).await?;
    message.id = answered_id(desk, answer.message())?;
    let mut waiting = (Some(answer), None);
    if held == Held::Insert {
        drop(waiting.0.take());
        let unwritten = "the forwarder never wrote its ledger row";
        waiting.1 = Some(held::next(&mut inserts, PATIENCE, unwritten).await?);
    }
    let what = if held == Held::Answer { "the provider's answer" } else { "the insert of the row" };
    let events = events(desk);
    let receiver = desk.receiver()?;
    let stores = receiver
        .postgres(&delivery.webhook.database_wire)?
        .counter(pg::Match::literal(&delivery.marks.store));
    let post = async {
        for (name, at) in &events {
            let body = Event::of(delivery, name, &message, *at).json().to_string().into_bytes();
            let (_, reply) = desk.post_until_taken(receiver, body).await?;
            if !delivery.answers.is_taken(reply.status) {
                let subject = format!("`{name}` while {what} is held: the answer");
                cx.find(Finding::new(subject, delivery.answers.told(), reply.sketch()));
            }
        }
        Judgement::Ok(())
    };
    if held == Held::Answer {
        post.await?;
        // Dropped, they let go what they hold.
        drop((waiting, answers, inserts));
    } else {
        // The forwarder's transaction may well keep the events waiting: it is enough that they are on their way.
        let release = async {
            let deadline = Instant::now() + PATIENCE;
            while stores.sent() == 0 && Instant::now() < deadline {
                tokio::time::sleep(POLL).await;
            }
            drop((waiting, answers, inserts));
        };
        future::join(post, release).await.0?;
    }
    let expected = Expected::after(delivery, &events);
    let row = awaited(desk, &message, |row| expected.is_met_by(Some(row))).await?;
    if !expected.is_met_by(row.as_ref()) {
        let subject = format!("a message whose events came while {what} was held");
        let finding = Finding::new(subject, expected.sketch(), sketch_row(row.as_ref()));
        cx.find(finding.evidence(format!("awaited for {PATIENCE:?}")));
    }
    // The row stays: it belongs to an audit row, which without it would be sent once more.
    Ok(())
}

/// An event that stamps, and a later one that does not.
fn events<'a>(desk: &Desk<'a>) -> Vec<(&'a str, i64)> {
    let stamps = desk.delivery.documented.iter().find(|documented| documented.stamps);
    let later = desk.delivery.documented.iter().find(|documented| !documented.stamps);
    let names = stamps.into_iter().chain(later).map(|documented| documented.event.as_str());
    names.zip([desk.begun, desk.begun + 60_000]).collect()
}

/// The message id in the provider's answer, as it is stored.
fn answered_id(desk: &Desk<'_>, held: &HeldRequest) -> Judgement<String> {
    let response = held.response.as_ref().map(|response| response.body.clone()).unwrap_or_default();
    let json: Value = serde_json::from_slice(&response).unwrap_or_default();
    let id = json.pointer(&desk.delivery.forwarder.answered_id).and_then(Value::as_str);
    let none = || CannotTell::new("the provider's answer holds no message id");
    id.map(|id| bare(desk.delivery, id)).ok_or_else(none)
}

/// An audit row that makes the forwarder send an email to `recipient`.
async fn send(desk: &Desk<'_>, recipient: &str) -> Judgement {
    let audit = &desk.delivery.audit;
    let kind = desk.delivery.forwarder.kinds.iter().find(|kind| kind.emails);
    let kind = kind.ok_or_else(|| CannotTell::new("the target's description has no kind that emails"))?;
    let mut payload: Value = serde_json::from_str(&kind.payload).unwrap_or_default();
    payload[&audit.recipient] = recipient.into();
    let insert = format!(
        "INSERT INTO {} ({}, {}, {}, {}) VALUES ($1, $2, $3, $4)",
        ident(&audit.table),
        ident(&audit.kind),
        ident(&audit.actor),
        ident(&audit.summary),
        ident(&audit.payload),
    );
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&kind.kind, &"sabot", &"an email of a check", &payload];
    desk.client.execute(&insert, &values).await.context("writing an audit row")?;
    Ok(())
}

/// The row once it `shows` what is awaited, or as it is when patience ends.
async fn awaited(
    desk: &Desk<'_>,
    message: &super::desk::Message,
    shows: impl Fn(&Row) -> bool,
) -> Judgement<Option<Row>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let row = desk.row(message).await?;
        // A row that is there is final: it was computed when it was written.
        if row.as_ref().is_some_and(&shows) || Instant::now() >= deadline {
            return Ok(row);
        }
        tokio::time::sleep(POLL).await;
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let ledger = &delivery.ledger;
    let (table, key) = (ident(&ledger.table), ident(&ledger.audit_id));
    let forgets = format!(
        "UPDATE {table} SET {} = {}, {} = NULL WHERE {key} = NEW.{key} AND NEW.{key} > 0;",
        ident(&ledger.classification),
        literal(&delivery.standing.accepted),
        ident(&ledger.delivered_at),
    );
    let at_commit = on_ledger(delivery, "AFTER INSERT", forgets).deferred();
    let mistake = "the forwarder writes its row without looking for events that were there before";
    vec![trigger::put(&[ID], "row-without-its-past", mistake, &at_commit)]
}
