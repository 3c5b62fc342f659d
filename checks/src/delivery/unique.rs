//! The sabotage that lets an event be stored twice: the unique key is gone, and the statement no longer minds.

use super::tamper;
use crate::sabotage::composed::composed;
use crate::sabotage::rules::{self, MakeRules, SetRules};
use crate::sabotage::schema;
use crate::sql::ident;
use sabot_engine::{Sabotage, Sort};
use sabot_target::delivery::EventStore;
use sabot_target::{Lane, SchemaLever, Target};
use sabot_wire::pg::{Match, Pattern, Rule};
use std::sync::Arc;

/// What an `INSERT` says of rows that are there already.
const ON_CONFLICT: &str = r"(?i)\bON\s+CONFLICT\b(\s*\([^)]*\)|\s+ON\s+CONSTRAINT\s+\S+)?\s+DO\s+NOTHING\b";

/// None where nobody knows what the key is called.
pub(super) fn out(turns_red: &[&'static str], target: &Target) -> Option<Sabotage<Lane>> {
    if target.delivery.events.once.is_empty() {
        return None;
    }
    let mistake =
        "a migration drops the unique key of the events, and the statement that relied on it is simplified";
    let key = schema::changed(turns_red, "unique-key-out", mistake, &lever(target));
    Some(composed(turns_red, "stored-twice", mistake, vec![key, clause(turns_red, target, mistake)]))
}

fn lever(target: &Target) -> SchemaLever {
    let events = &target.delivery.events;
    let (table, once) = (ident(&events.table), ident(&events.once));
    let columns = key(events);
    SchemaLever {
        database: target.delivery.database.clone(),
        change: format!("ALTER TABLE {table} DROP CONSTRAINT {once}"),
        look: format!(
            "SELECT NOT EXISTS (SELECT FROM pg_constraint WHERE conname = {})",
            crate::sql::literal(&events.once)
        ),
        undo: format!(
            "DELETE FROM {table} AS one USING {table} AS other \
             WHERE one.ctid < other.ctid AND ({}) = ({}); \
             ALTER TABLE {table} ADD CONSTRAINT {once} UNIQUE ({})",
            columns.iter().map(|column| format!("one.{column}")).collect::<Vec<_>>().join(", "),
            columns.iter().map(|column| format!("other.{column}")).collect::<Vec<_>>().join(", "),
            columns.join(", "),
        ),
    }
}

fn key(events: &EventStore) -> Vec<String> {
    [
        &events.provider,
        &events.provider_id,
        &events.recipient_digest,
        &events.event,
        &events.event_time,
        &events.link,
    ]
    .into_iter()
    .filter(|column| !column.is_empty())
    .map(|column| ident(column))
    .collect()
}

fn clause(turns_red: &[&'static str], target: &Target, mistake: &str) -> Sabotage<Lane> {
    let webhook = target.delivery.webhook.clone();
    let (wire, mark) = (webhook.database_wire, target.delivery.marks.store.clone());
    let set: Arc<SetRules> = Arc::new(move |instance| {
        let (wire, mark) = (wire.clone(), mark.clone());
        Box::pin(async move {
            // The expression is ours and is one: a test says so.
            let clause = Pattern::regex(ON_CONFLICT).unwrap_or_else(|_| Pattern::literal(ON_CONFLICT));
            let rule = Rule::on(Match::literal(&mark)).rewrite(clause, "");
            Ok(vec![instance.postgres(&wire)?.set(rule).await?.tally().clone()])
        })
    });
    let make: Arc<MakeRules> = Arc::new(move |_| set.clone());
    rules::knocked(turns_red, "clause-out", mistake, (Sort::Sql, &webhook.service), tamper::knock(), make)
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    #[test]
    fn the_clause_is_found_in_each_of_its_forms() {
        let clause = Regex::new(ON_CONFLICT).unwrap();
        for (given, left) in [
            ("INSERT INTO t SELECT 1 ON CONFLICT DO NOTHING", "INSERT INTO t SELECT 1 "),
            ("VALUES (1) ON CONFLICT (a, b) DO NOTHING RETURNING id", "VALUES (1)  RETURNING id"),
            ("VALUES (1) on conflict on constraint t_once do nothing", "VALUES (1) "),
        ] {
            assert_eq!(clause.replace(given, ""), left);
        }
    }

    #[test]
    fn the_key_comes_back_after_what_it_forbids_is_gone() {
        let lever = lever(&Target::embedded());
        let (delete, add) = lever.undo.split_once(';').unwrap();
        assert!(delete.contains("one.ctid < other.ctid") && add.contains("ADD CONSTRAINT"));
    }
}
