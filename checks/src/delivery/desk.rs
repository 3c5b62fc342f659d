//! The desk of a delivery check: it makes messages of its own past the wires, posts events about them over the wire in
//! front of the target, reads what became of them, and takes its rows away again.

use super::post::{self, Call, Reply};
use super::sql::{filled, ledger_of};
use crate::sql::{ident, literal};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sabot_engine::{Context as _, Judgement};
use sabot_target::delivery::Part;
use sabot_target::{Delivery, Instance, Lane};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_postgres::Client;

/// A day, in milliseconds: events are so old, that a receiver's clock shows at once.
pub(crate) const DAY: i64 = 24 * 3600 * 1000;

/// How often the provider comes again before an event counts as refused, and how long it waits.
const TRIES: usize = 50;
const WAIT: Duration = Duration::from_millis(100);

/// A message of the check's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// The provider's id, as it is stored.
    pub(crate) id: String,
    /// Whom it went to.
    pub(crate) recipient: String,
    /// The primary key of its ledger row, where it has one: below zero, where no audit row is.
    pub(crate) audit_id: i64,
}

/// A ledger row as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Every column, as text.
    pub(crate) whole: String,
    pub(crate) classification: Option<String>,
    /// Microseconds since 1970.
    pub(crate) delivered_at: Option<i64>,
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stored {
    pub(crate) event: String,
    /// Microseconds since 1970.
    pub(crate) time: i64,
    pub(crate) raw: String,
}

/// The stored events of messages, by the messages' ids.
pub(crate) type StoredEvents = BTreeMap<String, Vec<Stored>>;

/// See the module.
pub(crate) struct Desk<'a> {
    pub(crate) lane: &'a Lane,
    pub(crate) delivery: &'a Delivery,
    /// A connection past the wires.
    pub(crate) client: Client,
    /// How a call is heard.
    pub(crate) call: Call,
    /// A day ago, in milliseconds since 1970.
    pub(crate) begun: i64,
}

impl<'a> Desk<'a> {
    pub(crate) async fn open(lane: &'a Lane) -> Judgement<Self> {
        let delivery = delivery(lane);
        let client = connect(lane).await?;
        let call = Call::showing(&delivery.webhook, &post::secret(lane, &delivery.webhook.secret)?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let begun = i64::try_from(now).unwrap_or_default() - DAY;
        Ok(Self { lane, delivery, client, call, begun })
    }

    /// The instance that takes events.
    pub(crate) fn receiver(&self) -> Judgement<&'a Instance> {
        Ok(self.lane.service(&self.delivery.webhook.service)?)
    }

    /// `count` messages that the provider has accepted, each with its ledger row.
    pub(crate) async fn messages(&self, count: usize) -> Judgement<Vec<Message>> {
        let messages: Vec<_> = (0..count).map(|_| self.unknown()).collect();
        let ledger = &self.delivery.ledger;
        let kind = self.delivery.forwarder.kinds.iter().find(|kind| kind.emails);
        let (columns, values) = filled(
            ledger,
            &[
                (&ledger.audit_id, "own.audit_id"),
                (&ledger.sent_at, &format!("to_timestamp({})", (self.begun - 3_600_000) / 1000)),
                (&ledger.provider, &literal(&self.delivery.provider)),
                (&ledger.provider_id, "own.id"),
                (&ledger.recipient, "'a***@example.com'"),
                (&ledger.template_kind, &literal(kind.map_or("", |kind| &kind.kind))),
                (&ledger.classification, &literal(&self.delivery.standing.accepted)),
            ],
        );
        let insert = format!(
            "INSERT INTO {} ({columns}) SELECT {values} FROM unnest($1::bigint[], $2::text[]) AS own (audit_id, id)",
            ident(&ledger.table),
        );
        let audit_ids: Vec<_> = messages.iter().map(|message| message.audit_id).collect();
        self.client.execute(&insert, &[&audit_ids, &ids(&messages)]).await.context("making ledger rows")?;
        Ok(messages)
    }

    /// A message that the ledger does not know.
    pub(crate) fn unknown(&self) -> Message {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        // Unique across processes by the time, within one by the number.
        let unique = format!("{}{number:07}", self.begun);
        let id = self.delivery.payload.id_shape.replace("{n}", &unique);
        let audit_id =
            -(self.begun % 1_000_000_000_000 * 1_000_000 + i64::try_from(number).unwrap_or_default());
        Message { id, recipient: format!("ann.{unique}@example.com"), audit_id }
    }

    /// Posts one body to the shared instance with the right secret.
    pub(crate) async fn post(&self, body: &Value) -> Judgement<Reply> {
        self.post_to(self.receiver()?, body.to_string().into_bytes()).await
    }

    /// Posts bodies to the shared instance, `at_once` of them at the same time; the answers in their order.
    pub(crate) async fn post_all(&self, bodies: Vec<Value>, at_once: usize) -> Judgement<Vec<Reply>> {
        let posts = bodies.into_iter().map(|body| async move { self.post(&body).await });
        stream::iter(posts).buffered(at_once).try_collect().await
    }

    /// Posts bytes to `instance` with the right secret.
    pub(crate) async fn post_to(&self, instance: &Instance, body: Vec<u8>) -> Judgement<Reply> {
        post::post(self.lane, instance, &self.call, post::JSON, body).await
    }

    /// Posts as the provider does: again for as long as the target asks for it. How often it did, and the last answer.
    pub(crate) async fn post_until_taken(
        &self,
        instance: &Instance,
        body: Vec<u8>,
    ) -> Judgement<(usize, Reply)> {
        let mut again = 0;
        loop {
            let reply = self.post_to(instance, body.clone()).await?;
            if again == TRIES || !self.delivery.webhook.repeated.contains(&reply.status) {
                return Ok((again, reply));
            }
            again += 1;
            tokio::time::sleep(WAIT).await;
        }
    }

    /// The ledger rows of `messages`, by id.
    pub(crate) async fn rows(&self, messages: &[Message]) -> Judgement<BTreeMap<String, Row>> {
        ledger_of(&self.client, self.delivery, &ids(messages)).await
    }

    /// The ledger row of `message`.
    pub(crate) async fn row(&self, message: &Message) -> Judgement<Option<Row>> {
        Ok(self.rows(std::slice::from_ref(message)).await?.remove(&message.id))
    }

    /// The stored events of `messages`, by id, in order; `None` where the target stores none.
    pub(crate) async fn stored(&self, messages: &[Message]) -> Judgement<Option<StoredEvents>> {
        if !self.delivery.has(Part::Events) {
            return Ok(None);
        }
        super::sql::stored_of(&self.client, self.delivery, &ids(messages)).await.map(Some)
    }

    /// Those of one message.
    pub(crate) async fn stored_of(&self, message: &Message) -> Judgement<Option<Vec<Stored>>> {
        let stored = self.stored(std::slice::from_ref(message)).await?;
        Ok(stored.map(|mut stored| stored.remove(&message.id).unwrap_or_default()))
    }

    /// Takes away every row of `messages`.
    pub(crate) async fn clear(&self, messages: &[Message]) -> Judgement {
        let (ledger, events) = (&self.delivery.ledger, &self.delivery.events);
        let stored = self.delivery.has(Part::Events).then_some((&events.table, &events.provider_id));
        for (table, column) in [(&ledger.table, &ledger.provider_id)].into_iter().chain(stored) {
            let delete = format!("DELETE FROM {} WHERE {} = ANY($1)", ident(table), ident(column));
            self.client.execute(&delete, &[&ids(messages)]).await.context("taking the rows away")?;
        }
        Ok(())
    }
}

fn ids(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.id.as_str()).collect()
}

/// A connection to the database of ledger, events and audit log, past the wires.
pub(crate) async fn connect(lane: &Lane) -> Judgement<Client> {
    lane.database(&delivery(lane).database).await.context("reaching the database past the wires")
}

/// What the lane's target promises about delivery.
pub(crate) fn delivery(lane: &Lane) -> &Delivery {
    &lane.target().delivery
}
