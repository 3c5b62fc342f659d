//! `delivery.sender-domain`: a sender domain that nobody validated shows, whether the provider is silent about its
//! messages or rejects each of them.

use super::event::documented;
use super::outbox::{Entry, Mail, Outbox};
use super::seen::{self, Gauge, age, follows, listed, of_last_day, unmeasured};
use super::tamper::{before_storing, events_in, on_ledger};
use crate::sabotage::trigger;
use crate::sql::{ident, literal};
use sabot_engine::{CannotTell, Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::brevo::{Brevo, Kind, Script, Settings};
use sabot_target::delivery::Part;
use sabot_target::{Delivery, Lane, Target};
use std::time::Duration;

pub(super) const ID: &str = "delivery.sender-domain";

/// Emails of each sort.
const EMAILS: usize = 3;

/// What the provider does with the messages of such a domain, once it has taken them.
const REJECTIONS: [Kind; 2] = [Kind::Blocked, Kind::Error];

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a new sender domain was never validated: the provider's API takes every message with 201, none is \
                       delivered, and every dashboard is green",
        asserts: "with the domain not validated and the provider silent, emails that it took stay accepted, are not \
                  called delivered, and are listed and measured as overdue once they are old; with the provider taking \
                  and then rejecting each, the ledger says so of each, and the gauge of that classification follows \
                  within its time",
        remedy: "take 201 for what it is, let every event reach the ledger, and alert on what is overdue and on the \
                 share of rejections",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(75),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

/// Gives the provider its manners back, whatever comes.
struct Unvalidated<'a> {
    brevo: &'a Brevo,
    before: Settings,
}

impl<'a> Unvalidated<'a> {
    fn new(brevo: &'a Brevo) -> Self {
        let before = brevo.settings();
        brevo.configure(|settings| settings.sender_domains = Some(Vec::new()));
        Self { brevo, before }
    }

    /// What follows from now on upon each message.
    fn follows(&self, script: Script) {
        self.brevo.configure(|settings| settings.unvalidated = script);
    }
}

impl Drop for Unvalidated<'_> {
    fn drop(&mut self) {
        self.brevo.configure(|settings| {
            settings.sender_domains.clone_from(&self.before.sender_domains);
            settings.unvalidated.clone_from(&self.before.unvalidated);
        });
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let outbox = Outbox::open(cx.lane()).await?;
    let domain = Unvalidated::new(outbox.brevo);
    domain.follows(Script::silent());
    silent(cx, &outbox).await?;
    for kind in REJECTIONS {
        if cx.is_red() {
            break;
        }
        domain.follows(Script::of([Kind::Request, kind]));
        rejected(cx, &outbox, kind).await?;
    }
    Ok(())
}

async fn silent(cx: &Cx<'_, Lane>, outbox: &Outbox<'_>) -> Judgement {
    let (delivery, client) = (outbox.delivery, &outbox.client);
    let mails = outbox.cause(EMAILS).await?;
    let entries = outbox.entered(&mails).await?;
    let accepted = &delivery.standing.accepted;
    for mail in &mails {
        judge_entry(cx, mail, "the provider silent", entries.get(&mail.audit_id), accepted);
    }
    let ids: Vec<_> = mails.iter().map(|mail| mail.audit_id).collect();
    age(client, delivery, &ids, delivery.overdue.after + Duration::from_secs(60)).await?;
    let listed = listed(outbox.lane, delivery).await?;
    let missing = ids.iter().filter(|id| !listed.contains_key(id)).count();
    if missing > 0 {
        let expected = format!("each of {EMAILS} listed once it is older than {:?}", delivery.overdue.after);
        cx.find(Finding::new("emails of which nothing is heard", expected, format!("{missing} are not")));
    }
    if !cx.is_red() {
        let count = seen::overdue(client, delivery).await?;
        follows(cx, Gauge::Overdue, count).await?;
    }
    age(client, delivery, &ids, Duration::ZERO).await
}

async fn rejected(cx: &Cx<'_, Lane>, outbox: &Outbox<'_>, kind: Kind) -> Judgement {
    let delivery = outbox.delivery;
    let documented = documented(delivery, kind.name());
    let none = || CannotTell::new(format!("the target documents no `{}`", kind.name()));
    let wanted = &documented.ok_or_else(none)?.classification;
    let mails = outbox.cause(EMAILS).await?;
    let is = |entry: &Entry| entry.classification.as_ref() == Some(wanted);
    let told =
        outbox.awaited(&mails, |entries| entries.len() == mails.len() && entries.values().all(is)).await?;
    for mail in &mails {
        let how = format!("taken, then `{}`", kind.name());
        judge_entry(cx, mail, &how, told.get(&mail.audit_id), wanted);
    }
    if !cx.is_red() {
        let count = of_last_day(&outbox.client, delivery, wanted).await?;
        follows(cx, Gauge::Messages(wanted), count).await?;
    }
    Ok(())
}

fn judge_entry(cx: &Cx<'_, Lane>, mail: &Mail, how: &str, entry: Option<&Entry>, wanted: &str) {
    cx.examined(1);
    let said = entry.and_then(|entry| entry.classification.as_deref());
    if said != Some(wanted) {
        let observed = said.map_or_else(|| "no row".to_owned(), |said| format!("`{said}`"));
        let finding = Finding::new(format!("an email, {how}: the ledger"), format!("`{wanted}`"), observed);
        cx.find(finding.evidence(format!("audit row {}", mail.audit_id)));
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let ledger = &delivery.ledger;
    let Some(stamps) = delivery.documented.iter().find(|documented| documented.stamps) else {
        return Vec::new();
    };
    let (name, told) = (delivery.payload.event.clone(), stamps.event.clone());
    let mut sabotages = vec![
        trigger::put(
            &[ID],
            "201-is-delivery",
            "what the provider's API takes is written down as delivered",
            &on_ledger(
                delivery,
                "BEFORE INSERT",
                format!(
                    "IF NEW.{classification} = {} THEN NEW.{classification} := {}; NEW.{} := now(); END IF;",
                    literal(&delivery.standing.accepted),
                    literal(&stamps.classification),
                    ident(&ledger.delivered_at),
                    classification = ident(&ledger.classification),
                ),
            ),
        ),
        events_in(
            &[ID],
            "rejection-is-delivery",
            "whatever ends a message is taken for its delivery",
            target,
            move |event, _| {
                let rejected = |value: &serde_json::Value| {
                    REJECTIONS.iter().any(|kind| value.as_str() == Some(kind.name()))
                };
                if let Some(value) = event.get_mut(&name).filter(|value| rejected(value)) {
                    *value = told.clone().into();
                }
            },
        ),
        unmeasured(
            &[ID],
            "unmeasured",
            "the ledger is right and nobody measures it",
            target,
            &delivery.metrics.messages,
        ),
    ];
    if delivery.has(Part::Events) {
        sabotages.push(rejections_unheard(delivery));
    }
    sabotages
}

fn rejections_unheard(delivery: &Delivery) -> Sabotage<Lane> {
    let (event, rejections) = (ident(&delivery.events.event), REJECTIONS.map(|kind| literal(kind.name())));
    let body = format!("IF NEW.{event} IN ({}) THEN RETURN NULL; END IF;", rejections.join(", "));
    let mistake = "the webhook was configured without the events that tell of rejections";
    trigger::put(&[ID], "rejections-unheard", mistake, &before_storing(delivery, body))
}
