//! `contract.renderers`: every kind that emails is rendered, with every field that its entry names.

mod letter;
mod sabotages;

pub(super) use sabotages::sabotages;

use super::entries::Entries;
use crate::delivery::outbox::{self, Mail, Outbox, PATIENCE, recipient};
use letter::Letter;
use sabot_contract::{Email, Entry};
use sabot_engine::{CannotTell, Check, Cx, Finding, Judgement, Level, Need, Sharing};
use sabot_target::Lane;
use sabot_target::contract::Shown;
use serde_json::{Map, Value};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const ID: &str = "contract.renderers";

/// How much of a content is shown.
const SHOWN: usize = 400;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a kind is said to email and nothing renders it; or its template reads a field that nobody writes, \
                       and customers get `Dear {{ name }}`, an empty line, or nothing at all",
        asserts: "an event of each kind whose entry emails, with the fields that the entry names and no others, is asked \
                  for at the provider and `accepted` in the ledger; the subject, or else each form of the content, shows \
                  the value of every field; and no placeholder is left in either",
        remedy: "give the kind a renderer; name in the entry exactly the fields that its template reads, and write them",
        needs: &[Need::Files, Need::Services, Need::Database, Need::Wires],
        walks: Some("the entries of the registry of kinds that email, and their fields"),
        sharing: Sharing::Lane,
        deadline: PATIENCE,
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// An email of the check's own, and what it must show.
struct Told {
    /// The entry, for readers.
    entry: String,
    mail: Mail,
    marks: Vec<Mark>,
}

/// A field, and the value that no other has.
struct Mark {
    field: String,
    value: String,
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let entries = Entries::read(cx.lane())?;
    let outbox = Outbox::open(cx.lane()).await?;
    let mut told = Vec::new();
    for (entry, email) in entries.emailing() {
        let (mail, marks) = tell(&outbox, entry, email).await?;
        told.push(Told { entry: entries.sketch(entry), mail, marks });
    }
    let mails: Vec<_> = told.iter().map(|one| one.mail.clone()).collect();
    let rows = outbox.entered(&mails).await?;
    let shown = &cx.lane().target().contract.shown;
    for one in &told {
        cx.examined(1 + one.marks.len());
        let row = rows.get(&one.mail.audit_id);
        accepted(cx, &outbox, one, row);
        if let Some(call) = outbox.asked(&one.mail).last() {
            let letter = Letter::read(&call.body, shown)
                .ok_or_else(|| CannotTell::new("a request to the provider was no JSON"))?;
            judge_letter(cx, one, &letter, shown);
        }
    }
    cx.fact("kinds that email", told.len());
    cx.fact("fields that they name", told.iter().map(|one| one.marks.len()).sum::<usize>());
    Ok(())
}

/// Causes the email of an entry, with a value of its own for each field.
async fn tell(outbox: &Outbox<'_>, entry: &Entry, email: &Email) -> Judgement<(Mail, Vec<Mark>)> {
    let described = outbox.forwarder().kinds.iter().find(|kind| kind.kind == entry.kind);
    let sample = described.map(|kind| outbox.payload(kind, None)).unwrap_or_default();
    let address = &outbox.delivery.audit.recipient;
    let (mut payload, mut marks) = (Map::new(), Vec::new());
    for field in email.fields.iter().filter(|field| *field != address) {
        let mark = mark(sample.get(field));
        let value = mark.as_str().map_or_else(|| mark.to_string(), str::to_owned);
        marks.push(Mark { field: field.clone(), value });
        payload.insert(field.clone(), mark);
    }
    let recipient = recipient();
    payload.insert(address.clone(), recipient.as_str().into());
    let audit_id = outbox.write(&outbox.client, &entry.kind, &Value::Object(payload)).await?;
    Ok((Mail { audit_id, recipient }, marks))
}

/// A value that no other field has, of the sample's sort: a number, or a text.
fn mark(sample: Option<&Value>) -> Value {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match sample {
        Some(Value::Number(_)) => (100_000 + (now * 100 + number) % 900_000).into(),
        _ => format!("sabot{now}x{number}x").into(),
    }
}

fn accepted(cx: &Cx<'_, Lane>, outbox: &Outbox<'_>, one: &Told, row: Option<&outbox::Entry>) {
    let wanted = &outbox.delivery.standing.accepted;
    let asked = outbox.asked(&one.mail).len();
    let is = row.and_then(|row| row.classification.as_ref());
    if is != Some(wanted) || asked == 0 {
        let row = row.map_or("no row".to_owned(), |_| format!("{:?}", is.map_or("", String::as_str)));
        let expected = format!("asked for at the provider, and `{wanted}` in the ledger");
        let finding =
            Finding::new(one.entry.clone(), expected, format!("{asked} requests; the ledger has {row}"));
        cx.find(finding.evidence(outbox.story(&one.mail)).evidence(outbox.last_lines()));
    }
}

fn judge_letter(cx: &Cx<'_, Lane>, one: &Told, letter: &Letter, shown: &Shown) {
    let subject = |what: String| format!("{}: {what}", one.entry);
    if letter.bodies.is_empty() {
        let expected = format!("one of {}", shown.bodies.join(", "));
        cx.find(Finding::new(subject("the request to the provider".into()), expected, "none"));
    }
    for mark in &one.marks {
        for (place, text) in letter.without(&mark.value) {
            let what = subject(format!("the field `{}`", mark.field));
            let finding = Finding::new(what, format!("in the subject or in {place}"), "in neither");
            cx.find(finding.evidence(text.trim().chars().take(SHOWN).collect::<String>()));
        }
    }
    for (place, placeholder) in letter.placeholders(&shown.placeholders) {
        let finding =
            Finding::new(subject(place.to_owned()), "everything filled in", format!("`{placeholder}`"));
        cx.find(finding);
    }
}
