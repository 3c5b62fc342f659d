//! Reading ledger and stored events by the names of the target's description.

use super::desk::{Row, Stored};
use crate::sql::{ident, micros};
use sabot_engine::{Context as _, Judgement};
use sabot_target::Delivery;
use sabot_target::delivery::Ledger;
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// The columns of a ledger row when the provider has taken the message, in this order: audit id, time of sending,
/// provider, its message id, recipient, template, classification.
pub(crate) fn accepted_columns(ledger: &Ledger) -> String {
    let columns = [
        &ledger.audit_id,
        &ledger.sent_at,
        &ledger.provider,
        &ledger.provider_id,
        &ledger.recipient,
        &ledger.template_kind,
        &ledger.classification,
    ];
    columns.map(|column| ident(column)).join(", ")
}

/// The ledger rows of these message ids.
pub(crate) async fn ledger_of(
    client: &Client,
    delivery: &Delivery,
    ids: &[&str],
) -> Judgement<BTreeMap<String, Row>> {
    let ledger = &delivery.ledger;
    let select = format!(
        "SELECT {id}, to_jsonb(row)::text, {classification}::text, {delivered_at}
         FROM {table} AS row WHERE {id} = ANY($1)",
        id = ident(&ledger.provider_id),
        classification = ident(&ledger.classification),
        delivered_at = micros(&ident(&ledger.delivered_at)),
        table = ident(&ledger.table),
    );
    let rows = client.query(&select, &[&ids]).await.context("reading the ledger")?;
    let read = |row: &tokio_postgres::Row| {
        let found =
            Row { whole: row.try_get(1)?, classification: row.try_get(2)?, delivered_at: row.try_get(3)? };
        Ok((row.try_get(0)?, found))
    };
    rows.iter().map(read).collect::<Result<_, tokio_postgres::Error>>().context("reading the ledger")
}

/// The stored events of these message ids, in order.
pub(crate) async fn stored_of(
    client: &Client,
    delivery: &Delivery,
    ids: &[&str],
) -> Judgement<BTreeMap<String, Vec<Stored>>> {
    let events = &delivery.events;
    let select = format!(
        "SELECT {id}, {event}, {time}, {raw}::text FROM {table} WHERE {id} = ANY($1) ORDER BY 1, 2, 3",
        id = ident(&events.provider_id),
        event = ident(&events.event),
        time = micros(&ident(&events.event_time)),
        raw = ident(&events.raw),
        table = ident(&events.table),
    );
    let rows = client.query(&select, &[&ids]).await.context("reading the stored events")?;
    let mut stored: BTreeMap<String, Vec<Stored>> = BTreeMap::new();
    for row in &rows {
        let event = Stored { event: row.try_get(1)?, time: row.try_get(2)?, raw: row.try_get(3)? };
        stored.entry(row.try_get(0)?).or_default().push(event);
    }
    Ok(stored)
}
