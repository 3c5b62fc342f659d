//! `delivery.accepted-too-long`: a message of which nothing is heard shows, in a list and in a gauge.

use super::desk::{Desk, Message};
use super::event::Event;
use super::parts::looks_at;
use super::post;
use super::seen::{self, Gauge, age, follows, listed, unmeasured};
use super::sender_domain;
use super::tamper::on_ledger;
use crate::sabotage::rules::{self, Knock, MakeRules, SetRules};
use crate::sabotage::{setting, trigger};
use crate::sql::ident;
use sabot_engine::{CannotTell, Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing, Sort};
use sabot_target::delivery::Part;
use sabot_target::{Delivery, Lane, Target};
use sabot_wire::pg::{Match, Rule};
use std::sync::Arc;
use std::time::Duration;

pub(super) const ID: &str = "delivery.accepted-too-long";

/// How far from the limit the ages of messages are, on either side.
const MARGIN: Duration = Duration::from_secs(3600);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the provider takes every message and tells nothing more, since its webhook was switched off or \
                       the domain was never validated: 201 is read as success, and nobody gets any email for weeks",
        asserts: "messages that were accepted an hour longer ago than the limit are in the list, with a masked address, \
                  and in the gauge of each service; one an hour younger is not; and one of which news comes leaves \
                  both",
        remedy: "scan the ledger for old rows that are still accepted, and alert on their number",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(45),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let (delivery, client) = (desk.delivery, &desk.client);
    looks_at(cx, Part::Metrics, "the gauge");
    let messages = desk.messages(3).await?;
    let [silent, heard, young] = messages.as_slice() else { return Ok(()) };
    let limit = delivery.overdue.after;
    age(client, delivery, &[silent.audit_id, heard.audit_id], limit + MARGIN).await?;
    age(client, delivery, &[young.audit_id], limit.saturating_sub(MARGIN)).await?;
    let in_list = |message, wanted| judge_listed(cx, &desk, message, wanted);
    in_list(silent, true).await?;
    in_list(heard, true).await?;
    in_list(young, false).await?;
    if !cx.is_red() {
        follows(cx, Gauge::Overdue, seen::overdue(client, delivery).await?).await?;
    }
    let news = delivery.documented.first();
    let news = news.ok_or_else(|| CannotTell::new("no event is documented"))?;
    desk.post(&Event::of(delivery, &news.event, heard, desk.begun).json()).await?;
    in_list(silent, true).await?;
    in_list(heard, false).await?;
    if !cx.is_red() {
        // Were the judge's count the ledger's alone, a ledger that takes no news would count along.
        follows(cx, Gauge::Overdue, seen::overdue(client, delivery).await?).await?;
    }
    desk.clear(&messages).await
}

async fn judge_listed(cx: &Cx<'_, Lane>, desk: &Desk<'_>, message: &Message, wanted: bool) -> Judgement {
    cx.examined(1);
    let listed = listed(desk.lane, desk.delivery).await?;
    let entry = listed.get(&message.audit_id);
    let limit = desk.delivery.overdue.after;
    if entry.is_some() != wanted {
        let (expected, observed) = if wanted { ("listed", "not listed") } else { ("not listed", "listed") };
        let subject = format!("message {}, the limit being {limit:?}", message.audit_id);
        cx.find(Finding::new(subject, expected, format!("{observed}, among {}", listed.len())));
    }
    if let Some(shown) = entry.filter(|shown| !is_masked(shown)) {
        cx.find(Finding::new("an address in the list", "masked", shown.clone()));
    }
    Ok(())
}

/// Whether it is an address of which at most the first letter and the domain can be read.
fn is_masked(address: &str) -> bool {
    address.split_once('@').is_some_and(|(local, _)| local.chars().skip(1).all(|letter| letter == '*'))
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let overdue = &delivery.overdue;
    let services = seen::readers(delivery);
    let limited = |turns_red: &[&'static str], name: &str, mistake: &str, limit: &str| {
        let set =
            |service: &&str| ((*service).to_owned(), vec![(overdue.after_env.clone(), limit.to_owned())]);
        setting::turned(turns_red, name, mistake, services.iter().map(set).collect())
    };
    let classification = ident(&delivery.ledger.classification);
    let mut sabotages = vec![
        limited(
            &[ID, sender_domain::ID],
            "limit-of-a-week",
            "the limit is raised until the alert is quiet",
            "160h",
        ),
        limited(&[ID], "limit-of-an-hour", "the limit is so low that the alert is always on", "1h"),
        trigger::put(
            &[ID],
            "news-not-told",
            "events are stored and the ledger is not told of them",
            &on_ledger(delivery, "BEFORE UPDATE", format!("NEW.{classification} := OLD.{classification};")),
        ),
        scan_empty(target),
    ];
    sabotages.extend(unmasked(delivery));
    if delivery.has(Part::Metrics) {
        let mistake = "the list is there and no gauge";
        sabotages.push(unmeasured(&[ID], "unmeasured", mistake, target, &delivery.metrics.overdue));
    }
    sabotages
}

/// None where the ledger keeps no address.
fn unmasked(delivery: &Delivery) -> Option<Sabotage<Lane>> {
    let recipient = Some(&delivery.ledger.recipient).filter(|recipient| !recipient.is_empty())?;
    let body = format!("NEW.{} := 'ann.lee@example.com';", ident(recipient));
    let mistake = "the ledger keeps whole addresses, to be of more use";
    Some(trigger::put(&[ID], "unmasked", mistake, &on_ledger(delivery, "BEFORE INSERT", body)))
}

/// The scan finds nothing.
fn scan_empty(target: &Target) -> Sabotage<Lane> {
    let delivery = &target.delivery;
    let (webhook, overdue) = (delivery.webhook.clone(), delivery.overdue.clone());
    let (wire, mark, service) = (webhook.database_wire, delivery.marks.overdue.clone(), webhook.service);
    let set: Arc<SetRules> = Arc::new(move |instance| {
        let (wire, mark) = (wire.clone(), mark.clone());
        Box::pin(async move {
            let rule = Rule::on(Match::literal(&mark)).complete("SELECT 0");
            Ok(vec![instance.postgres(&wire)?.set(rule).await?.tally().clone()])
        })
    });
    let make: Arc<MakeRules> = Arc::new(move |_| set.clone());
    let knock: Arc<Knock> = Arc::new(move |lane, instance| {
        let request = lane.client().get(instance.url(&overdue.path)).timeout(webhook.answers_within);
        let token = post::secret(lane, &overdue.credential);
        Box::pin(async move {
            // Whether it is answered at all is not the question here.
            drop(request.bearer_auth(token?).send().await);
            Ok(())
        })
    });
    let mistake = "the scan asks a replica that has never been filled";
    rules::knocked(&[ID, sender_domain::ID], "scan-empty", mistake, (Sort::Sql, &service), knock, make)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_masked_when_one_letter_of_it_is_left() {
        for masked in ["a***@example.com", "***@example.com", "@example.com"] {
            assert!(is_masked(masked), "{masked}");
        }
        for plain in ["ann@example.com", "an**@example.com", "", "nobody"] {
            assert!(!is_masked(plain), "{plain}");
        }
    }
}
