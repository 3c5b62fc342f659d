//! What the target shows of its ledger: the list of messages that are overdue, and gauges.

use super::desk::delivery;
use super::metrics::{labelled, metric};
use super::post;
use crate::sabotage::metrics;
use crate::sql::{ident, literal};
use sabot_engine::{CannotTell, Context as _, Cx, Finding, Judgement, Sabotage};
use sabot_target::delivery::Part;
use sabot_target::{Delivery, Lane, Target};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Client;

/// How often a gauge is read while it is awaited: each reading is a request of its own.
const POLL: Duration = Duration::from_millis(200);

/// The listed messages: audit id and recipient.
pub(super) async fn listed(lane: &Lane, delivery: &Delivery) -> Judgement<BTreeMap<i64, String>> {
    let overdue = &delivery.overdue;
    let instance = lane.service(&delivery.webhook.service)?;
    let request = lane.client().get(instance.url(&overdue.path));
    let request = request.bearer_auth(post::secret(lane, &overdue.credential)?);
    let what = || format!("reading {}", overdue.path);
    let answer = request.timeout(delivery.webhook.answers_within).send().await.context(what())?;
    if !answer.status().is_success() {
        return Err(CannotTell::new(format!("{} answered {}", overdue.path, answer.status())));
    }
    let answer: Value = answer.json().await.context(what())?;
    let entry = |entry: &Value| {
        let recipient = entry.get(&overdue.recipient).and_then(Value::as_str).unwrap_or_default();
        Some((entry.get(&overdue.audit_id)?.as_i64()?, recipient.to_owned()))
    };
    let messages = answer.get(&overdue.messages).and_then(Value::as_array);
    let messages = messages.ok_or_else(|| CannotTell::new(format!("{} holds no list", overdue.path)))?;
    Ok(messages.iter().filter_map(entry).collect())
}

/// Moves the time at which messages were sent to `age` ago.
pub(super) async fn age(client: &Client, delivery: &Delivery, audit_ids: &[i64], age: Duration) -> Judgement {
    let ledger = &delivery.ledger;
    let update = format!(
        "UPDATE {} SET {} = now() - make_interval(secs => $2) WHERE {} = ANY($1)",
        ident(&ledger.table),
        ident(&ledger.sent_at),
        ident(&ledger.audit_id)
    );
    client.execute(&update, &[&audit_ids, &age.as_secs_f64()]).await.context("moving times of sending")?;
    Ok(())
}

/// How many messages are overdue, by the judge's own count.
pub(super) async fn overdue(client: &Client, delivery: &Delivery) -> Judgement<i64> {
    let is = literal(&delivery.standing.accepted);
    count(client, delivery, &is, "<", delivery.overdue.after).await
}

/// How many messages of the last day are `classification`, by the judge's own count.
pub(super) async fn of_last_day(
    client: &Client,
    delivery: &Delivery,
    classification: &str,
) -> Judgement<i64> {
    count(client, delivery, &literal(classification), ">", Duration::from_secs(24 * 3600)).await
}

async fn count(
    client: &Client,
    delivery: &Delivery,
    classification: &str,
    than: &str,
    age: Duration,
) -> Judgement<i64> {
    let ledger = &delivery.ledger;
    let select = format!(
        "SELECT count(*) FROM {} WHERE {} = {classification} AND {} {than} now() - make_interval(secs => $1)",
        ident(&ledger.table),
        ident(&ledger.classification),
        ident(&ledger.sent_at),
    );
    let row = client.query_one(&select, &[&age.as_secs_f64()]).await.context("counting in the ledger")?;
    Ok(row.try_get(0)?)
}

/// One of the ledger's gauges, which more than one service has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Gauge<'a> {
    /// Messages that are overdue.
    Overdue,
    /// Messages of the last day with this classification.
    Messages(&'a str),
}

/// The services that read the ledger: each has its gauges.
pub(super) fn readers(delivery: &Delivery) -> Vec<&str> {
    let forwarder = delivery.has(Part::Forwarder).then_some(delivery.forwarder.service.as_str());
    let mut readers: Vec<_> = [delivery.webhook.service.as_str()].into_iter().chain(forwarder).collect();
    readers.dedup();
    readers
}

/// Awaits that the gauge of every service that has it reads `count`, where there are gauges.
#[expect(clippy::cast_precision_loss, reason = "counts of a check are small")]
pub(super) async fn follows(cx: &Cx<'_, Lane>, gauge: Gauge<'_>, count: i64) -> Judgement {
    let (lane, delivery) = (cx.lane(), delivery(cx.lane()));
    if !delivery.has(Part::Metrics) {
        return Ok(());
    }
    let metrics = &delivery.metrics;
    let (name, word) = match gauge {
        Gauge::Overdue => (&metrics.overdue, None),
        Gauge::Messages(classification) => (&metrics.messages, Some(classification)),
    };
    let within = delivery.metrics.follows_within;
    let deadline = Instant::now() + within;
    for service in readers(delivery) {
        let instance = lane.service(service)?;
        cx.examined(1);
        loop {
            let read = match word {
                None => metric(lane, instance, name).await?,
                Some(word) => labelled(lane, instance, name, (&metrics.classification, word)).await?,
            };
            if read == Some(count as f64) {
                break;
            }
            if Instant::now() >= deadline {
                let observed = read.map_or_else(|| "no such gauge".into(), |read| read.to_string());
                let of = word.map(|word| format!(" of `{word}`")).unwrap_or_default();
                let subject = format!("{service}: the gauge {name}{of}");
                cx.find(Finding::new(subject, format!("{count} within {within:?}"), observed));
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(())
}

/// Leaves a metric out of what the webhook's service measures.
pub(super) fn unmeasured(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    target: &Target,
    metric: &str,
) -> Sabotage<Lane> {
    let delivery = &target.delivery;
    let of = (delivery.webhook.service.as_str(), delivery.metrics.path.as_str());
    metrics::left_out(turns_red, name, mistake, of, metric)
}
