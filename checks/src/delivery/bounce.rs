//! `delivery.bounce-after-delivery`: what comes after a delivery classifies the message anew and leaves the time of
//! delivery alone.

use super::desk::Desk;
use super::event::Event;
use super::law::Expected;
use super::parts::looks_at;
use super::tamper::on_ledger;
use crate::sabotage::trigger;
use crate::sql::{ident, literal};
use sabot_engine::{CannotTell, Check, Cx, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::delivery::Part;
use sabot_target::{Lane, Target};
use serde_json::Value;
use std::time::Duration;

pub(super) const ID: &str = "delivery.bounce-after-delivery";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a mailbox takes a message and bounces it a minute later: the ledger says delivered for ever, or \
                       forgets that it ever was",
        asserts: "for every documented event that comes an hour after a delivery, in a request of its own and in the \
                  same array: the classification is the later event's, and the time of delivery is the delivery's own, \
                  neither null nor moved; also when the delivery is told once more",
        remedy: "let the latest event classify, and let only a delivery's own time stamp the time of delivery",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: Some("the documented events"),
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(15),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let delivery = desk.delivery;
    let arrays = looks_at(cx, Part::Batch, "both events in the same array");
    let stamps = delivery.documented.iter().find(|documented| documented.stamps);
    let stamps = stamps.ok_or_else(|| CannotTell::new("no documented event stamps the time of delivery"))?;
    let later: Vec<_> = delivery.documented.iter().filter(|documented| !documented.stamps).collect();
    let messages = desk.messages(later.len() * 2).await?;
    let (at, after) = (desk.begun, desk.begun + 3_600_000);
    for (documented, pair) in later.iter().zip(messages.chunks_exact(2)) {
        let [alone, together] = pair else { continue };
        cx.examined(1);
        let delivered = |message| Event::of(delivery, &stamps.event, message, at).json();
        let other = |message| Event::of(delivery, &documented.event, message, after).json();
        desk.post(&delivered(alone)).await?;
        let expected = Expected::after(delivery, &[(&stamps.event, at)]);
        expected.judge(cx, format!("`{}`", stamps.event), desk.row(alone).await?.as_ref());
        desk.post(&other(alone)).await?;
        let expected = Expected::after(delivery, &[(&stamps.event, at), (&documented.event, after)]);
        let subject = format!("`{}` an hour after `{}`", documented.event, stamps.event);
        expected.judge(cx, subject.clone(), desk.row(alone).await?.as_ref());
        if arrays {
            cx.examined(1);
            desk.post(&Value::Array(vec![delivered(together), other(together)])).await?;
            expected.judge(cx, format!("{subject}, in one array"), desk.row(together).await?.as_ref());
        }
        desk.post(&delivered(alone)).await?;
        let subject = format!("{subject}, the delivery told once more");
        expected.judge(cx, subject, desk.row(alone).await?.as_ref());
    }
    desk.clear(&messages).await
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let stamp = ident(&delivery.ledger.delivered_at);
    let classification = ident(&delivery.ledger.classification);
    let stamping = delivery.documented.iter().filter(|documented| documented.stamps);
    let stamping =
        stamping.map(|documented| literal(&documented.classification)).collect::<Vec<_>>().join(", ");
    let put = |name: &str, mistake: &str, body: String| {
        trigger::put(&[ID], name, mistake, &on_ledger(delivery, "BEFORE UPDATE", body))
    };
    vec![
        put(
            "clears",
            "a bounce sets the time of delivery back to null",
            format!("IF NEW.{classification} NOT IN ({stamping}) THEN NEW.{stamp} := NULL; END IF;"),
        ),
        put(
            "moves",
            "whatever classifies also stamps",
            format!(
                "IF NEW.{classification} NOT IN ({stamping}) AND NEW.{stamp} IS NOT NULL THEN \
                 NEW.{stamp} := NEW.{stamp} + interval '1 hour'; END IF;"
            ),
        ),
        put(
            "final",
            "delivered is taken for the last word",
            format!("IF OLD.{stamp} IS NOT NULL THEN NEW.{classification} := OLD.{classification}; END IF;"),
        ),
    ]
}
