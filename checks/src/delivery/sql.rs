//! Reading ledger and stored events by the names of the target's description.

use super::desk::{Row, Stored};
use crate::sql::{ident, micros};
use sabot_engine::{Context as _, Judgement};
use sabot_target::Delivery;
use sabot_target::delivery::Ledger;
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// The columns and values of a new ledger row, each joined by commas: of `given`, names and SQL expressions, those whose
/// column there is, and what else a row must have.
pub(crate) fn filled(ledger: &Ledger, given: &[(&str, &str)]) -> (String, String) {
    let further = ledger.further.iter().map(|(column, value)| (column.as_str(), value.as_str()));
    let there = given.iter().copied().filter(|(column, _)| !column.is_empty());
    let (columns, values): (Vec<_>, Vec<_>) =
        there.chain(further).map(|(column, value)| (ident(column), value)).unzip();
    (columns.join(", "), values.join(", "))
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
        "SELECT {id}, {event}, {time}, ({raw})::text FROM {table} WHERE {id} = ANY($1) ORDER BY 1, 2, 3",
        id = ident(&events.provider_id),
        event = ident(&events.event),
        time = micros(&ident(&events.event_time)),
        raw = or_nothing(&events.raw),
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

/// A column, or an empty text where there is none.
fn or_nothing(column: &str) -> String {
    if column.is_empty() { "''".into() } else { ident(column) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_row_has_the_columns_that_there_are_and_the_further_ones() {
        let further = vec![("order_id".to_owned(), "7".to_owned())];
        let ledger = Ledger { sent_at: String::new(), further, ..Ledger::default() };
        let given = [("key", "1"), (ledger.sent_at.as_str(), "now()"), ("state", "'sent'")];
        let (columns, values) = filled(&ledger, &given);
        assert_eq!(columns, r#""key", "state", "order_id""#);
        assert_eq!(values, "1, 'sent', 7");
    }
}
