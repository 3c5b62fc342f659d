//! `delivery.no-renderer`: what can never become an email is written into the ledger as such, and holds up nothing.

use super::cause::before_audit;
use super::outbox::{Entry, Mail, Outbox, PATIENCE, emailing, recipient};
use super::tamper::on_ledger;
use crate::sabotage::trigger;
use crate::sql::{ident, literal};
use sabot_engine::{CannotTell, Check, Context as _, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, Target};
use serde_json::{Map, Value};

pub(super) const ID: &str = "delivery.no-renderer";

/// A kind that nobody declares.
const UNHEARD_OF: &str = "sabot.unheard-of";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a kind is added and its email forgotten: the forwarder skips it in silence, and nobody knows \
                       that a customer was never told; or it stops there for good",
        asserts: "for every kind that the target declares, and one that it does not: a row that can be rendered is sent; \
                  one without a renderer, without an address, or of an undeclared kind is in the ledger as dropped for \
                  good and never asked for; one whose payload lacks everything is in the ledger; a kind that does not \
                  email has no ledger row; and a row behind them all is sent",
        remedy: "write every row of a kind that is not declared silent into the ledger, whatever becomes of it, and go \
                 on to the next",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: Some("the kinds that the target itself declares"),
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(2),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// What must become of an audit row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Sent,
    Dropped,
    /// One of the two: that depends on what its renderer needs.
    Either,
    Nothing,
}

/// An audit row, and what must become of it.
struct Case {
    subject: String,
    kind: String,
    payload: Value,
    recipient: Option<String>,
    fate: Fate,
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let outbox = Outbox::open(cx.lane()).await?;
    let cases = cases(&outbox, &declared(&outbox).await?)?;
    let mut mails = Vec::new();
    for case in &cases {
        let audit_id = outbox.write(&outbox.client, &case.kind, &case.payload).await?;
        mails.push(Mail { audit_id, recipient: case.recipient.clone().unwrap_or_default() });
    }
    let owed: Vec<_> = cases.iter().zip(&mails).filter(|(case, _)| case.fate != Fate::Nothing).collect();
    let owed: Vec<_> = owed.into_iter().map(|(_, mail)| mail.clone()).collect();
    outbox.entered(&owed).await?;
    let entries = outbox.entries(&mails).await?;
    for (case, mail) in cases.iter().zip(&mails) {
        cx.examined(1);
        let entry = entries.get(&mail.audit_id);
        let asked = if case.recipient.is_some() { outbox.asked(mail).len() } else { 0 };
        if !case.fate.is_met(&outbox, entry, asked) {
            let row = entry.map_or("no row".to_owned(), |entry| format!("{:?}", entry.classification));
            let observed = format!("the ledger has {row}; {asked} requests");
            let finding = Finding::new(case.subject.clone(), case.fate.sketch(&outbox), observed);
            cx.find(finding.evidence(outbox.story(mail)).evidence(outbox.last_lines()));
        }
    }
    cx.fact("audit rows", cases.len());
    Ok(())
}

impl Fate {
    fn is_met(self, outbox: &Outbox<'_>, entry: Option<&Entry>, asked: usize) -> bool {
        let standing = &outbox.delivery.standing;
        let is = |word: &String| entry.is_some_and(|entry| entry.classification.as_ref() == Some(word));
        let sent = is(&standing.accepted) && asked > 0;
        let dropped = is(&standing.dropped) && asked == 0;
        match self {
            Self::Sent => sent,
            Self::Dropped => dropped,
            Self::Either => sent || dropped,
            Self::Nothing => entry.is_none() && asked == 0,
        }
    }

    fn sketch(self, outbox: &Outbox<'_>) -> String {
        let standing = &outbox.delivery.standing;
        match self {
            Self::Sent => format!("`{}`, and asked for", standing.accepted),
            Self::Dropped => format!("`{}`, and never asked for", standing.dropped),
            Self::Either => format!("`{}` or `{}`", standing.accepted, standing.dropped),
            Self::Nothing => "no row, and never asked for".into(),
        }
    }
}

/// A kind as the target declares it.
struct Declared {
    kind: String,
    emails: bool,
    rendered: bool,
}

/// What the forwarder's own registry says.
async fn declared(outbox: &Outbox<'_>) -> Judgement<Vec<Declared>> {
    let (command, names) = (&outbox.forwarder().registry, &outbox.delivery.declared);
    let printed = outbox.lane.ask(command).await?;
    let registry: Value = serde_json::from_str(&printed).context(command.join(" "))?;
    let read = |kind: &Value| {
        let says = |name: &str| kind.get(name).and_then(Value::as_bool);
        let name = kind.get(&names.kind)?.as_str()?.to_owned();
        Some(Declared { kind: name, emails: says(&names.emails)?, rendered: says(&names.renderer)? })
    };
    let kinds = registry.get(&names.kinds).and_then(Value::as_array);
    let kinds: Option<Vec<_>> = kinds.and_then(|kinds| kinds.iter().map(read).collect());
    let kinds = kinds.filter(|kinds| kinds.iter().any(|kind| kind.emails));
    kinds.ok_or_else(|| CannotTell::new(format!("`{}` prints no kind that emails", command.join(" "))))
}

fn cases(outbox: &Outbox<'_>, declared: &[Declared]) -> Judgement<Vec<Case>> {
    let case = |subject: String, kind: &str, mut payload: Value, addressed: bool, fate: Fate| {
        let recipient = addressed.then(recipient);
        if let Some(recipient) = &recipient {
            payload[&outbox.delivery.audit.recipient] = recipient.as_str().into();
        }
        Case { subject, kind: kind.to_owned(), payload, recipient, fate }
    };
    let nothing = || Value::Object(Map::new());
    let ordinary = emailing(outbox.delivery)?;
    let whole = outbox.payload(ordinary, None);
    let undeclared = "a kind that nobody declares".to_owned();
    let mut cases = vec![case(undeclared, UNHEARD_OF, whole.clone(), true, Fate::Dropped)];
    for Declared { kind, emails, rendered } in declared {
        let described = outbox.forwarder().kinds.iter().find(|described| described.kind == *kind);
        let payload = described.map(|described| outbox.payload(described, None));
        let given = payload.clone().unwrap_or_else(nothing);
        if !emails {
            cases.push(case(format!("`{kind}`, which does not email"), kind, given, true, Fate::Nothing));
            continue;
        }
        let fate = match (rendered, payload) {
            (false, _) => Fate::Dropped,
            (true, Some(_)) => Fate::Sent,
            (true, None) => Fate::Either,
        };
        let how = if *rendered { "with" } else { "without" };
        cases.push(case(format!("`{kind}`, {how} a renderer"), kind, given.clone(), true, fate));
        cases.push(case(format!("`{kind}` without an address"), kind, given, false, Fate::Dropped));
        let lacks = format!("`{kind}` with nothing to render");
        cases.push(case(lacks, kind, nothing(), true, if *rendered { Fate::Either } else { Fate::Dropped }));
    }
    cases.push(case("a row behind all of them".into(), &ordinary.kind, whole, true, Fate::Sent));
    Ok(cases)
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let (ledger, audit) = (&delivery.ledger, &delivery.audit);
    let (classification, key) = (ident(&ledger.classification), ident(&ledger.audit_id));
    let dropped = literal(&delivery.standing.dropped);
    let (kind, payload) = (ident(&audit.kind), ident(&audit.payload));
    let on_insert = |name: &str, mistake: &str, body: String| {
        trigger::put(&[ID], name, mistake, &on_ledger(delivery, "BEFORE INSERT", body))
    };
    let mut sabotages = vec![
        on_insert(
            "skipped-in-silence",
            "what has no renderer is logged at a level that nobody reads, and skipped",
            format!("IF NEW.{classification} = {dropped} THEN RETURN NULL; END IF;"),
        ),
        on_insert(
            "stops-there",
            "the loop ends at the first row that is in error, and begins there again",
            format!(
                "IF NEW.{classification} <> {dropped} AND EXISTS (SELECT FROM {} WHERE {classification} = {dropped} \
                 AND {key} BETWEEN 1 AND NEW.{key}) THEN RAISE EXCEPTION 'a row before it is in error'; END IF;",
                ident(&ledger.table)
            ),
        ),
    ];
    let Ok(ordinary) = emailing(delivery) else { return sabotages };
    let (its_kind, its_payload) = (literal(&ordinary.kind), literal(&ordinary.payload));
    let silent = delivery.forwarder.kinds.iter().filter(|kind| !kind.emails).map(|kind| literal(&kind.kind));
    let silent = silent.collect::<Vec<_>>().join(", ");
    for (name, mistake, of) in [
        (
            "default-text",
            "what has no renderer is sent with a default text",
            format!("= {}", literal(UNHEARD_OF)),
        ),
        (
            "emails-everything",
            "every kind emails unless somebody thought of saying that it does not",
            format!("IN ({silent})"),
        ),
    ] {
        let body = format!(
            "IF NEW.{kind} {of} THEN NEW.{kind} := {its_kind}; \
             NEW.{payload} := {its_payload}::jsonb || NEW.{payload}; END IF;"
        );
        sabotages.push(trigger::put(&[ID], name, mistake, &before_audit(delivery, body)));
    }
    sabotages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::audit_known::OWN;

    #[test]
    fn what_nobody_declares_is_left_aside_where_kinds_are_judged() {
        assert!(UNHEARD_OF.starts_with(OWN));
    }
}
