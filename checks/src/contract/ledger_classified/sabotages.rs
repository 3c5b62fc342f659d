//! What turns `contract.ledger-classified` red.

use super::ID;
use crate::delivery::outbox::emailing;
use crate::delivery::tamper::on_ledger;
use crate::sabotage::schema;
use crate::sql::{ident, literal};
use sabot_engine::Sabotage;
use sabot_target::{Delivery, Lane, SchemaLever, Target};

pub(in crate::contract) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let delivery = &target.delivery;
    let classification = ident(&delivery.ledger.classification);
    let mut sabotages = vec![
        emptied(
            delivery,
            "never-classified",
            "the classification is to be written by the first event, and for most emails there is none",
            &format!("NEW.{classification} := NULL;"),
        ),
        backfill_forgotten(delivery),
    ];
    if let Ok(kind) = emailing(delivery) {
        let of_kind = format!("NEW.{} = {}", ident(&delivery.ledger.template_kind), literal(&kind.kind));
        sabotages.push(emptied(
            delivery,
            "blank-for-one-kind",
            "one kind goes by a path of its own, which fills in what the schema demands and no more",
            &format!("IF {of_kind} THEN NEW.{classification} := ''; END IF;"),
        ));
    }
    sabotages
}

/// The schema lets everything through, and this is done to each row that is written.
fn emptied(delivery: &Delivery, name: &str, mistake: &str, body: &str) -> Sabotage<Lane> {
    let put = on_ledger(delivery, "BEFORE INSERT", body.to_owned()).lever(name);
    let loosened = Loosened::of(delivery);
    let lever = SchemaLever {
        change: format!("{}; {}", loosened.change, put.change),
        undo: format!("{}; {}; {}", put.undo, classified(delivery), loosened.undo),
        ..put
    };
    schema::changed(&[ID], name, mistake, &lever)
}

/// A row of yesterday from before there was a classification.
fn backfill_forgotten(delivery: &Delivery) -> Sabotage<Lane> {
    let ledger = &delivery.ledger;
    let loosened = Loosened::of(delivery);
    let (table, key) = (ident(&ledger.table), ident(&ledger.audit_id));
    let columns = [&ledger.audit_id, &ledger.sent_at, &ledger.provider, &ledger.template_kind];
    let insert = format!(
        "INSERT INTO {table} ({}) VALUES (0, now() - interval '1 day', {}, '')",
        columns.map(|column| ident(column)).join(", "),
        literal(&delivery.provider)
    );
    let lever = SchemaLever {
        database: delivery.database.clone(),
        change: format!("{}; {insert}", loosened.change),
        look: format!("SELECT EXISTS (SELECT FROM {table} WHERE {key} = 0)"),
        undo: format!("DELETE FROM {table} WHERE {key} = 0; {}", loosened.undo),
    };
    let mistake =
        "a migration adds the classification to what is sent from now on, and fills in nothing before";
    schema::changed(&[ID], "backfill-forgotten", mistake, &lever)
}

/// Fills in what a sabotage left empty.
fn classified(delivery: &Delivery) -> String {
    let classification = ident(&delivery.ledger.classification);
    format!(
        "UPDATE {} SET {classification} = {} WHERE {classification} IS NULL OR btrim({classification}::text) = ''",
        ident(&delivery.ledger.table),
        literal(&delivery.standing.accepted)
    )
}

/// The schema without what forbids an empty classification, and how it is made again.
struct Loosened {
    change: String,
    undo: String,
}

impl Loosened {
    fn of(delivery: &Delivery) -> Self {
        let (table, column) = (ident(&delivery.ledger.table), &delivery.ledger.classification);
        let of_column = format!(
            "SELECT attnum FROM pg_attribute WHERE attrelid = {}::regclass AND attname = {}",
            literal(&table),
            literal(column)
        );
        let column = ident(column);
        let kept = "sabotage_ledger_forbade";
        let change = format!(
            "CREATE TABLE {kept} AS \
                 SELECT format('ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) AS again, conname AS name \
                 FROM pg_constraint WHERE conrelid = {table_text}::regclass AND contype = 'c' \
                     AND conkey @> ARRAY[({of_column})] \
                 UNION ALL SELECT {not_null}, NULL FROM pg_attribute \
                 WHERE attrelid = {table_text}::regclass AND attnum = ({of_column}) AND attnotnull; \
             DO $sabotage$ DECLARE forbade record; BEGIN \
                 FOR forbade IN SELECT name FROM {kept} WHERE name IS NOT NULL LOOP \
                     EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', {table_text}, forbade.name); \
                 END LOOP; \
             END $sabotage$; \
             ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL",
            table_text = literal(&table),
            not_null = literal(&format!("ALTER COLUMN {column} SET NOT NULL")),
        );
        let undo = format!(
            "DO $sabotage$ DECLARE forbade record; BEGIN \
                 FOR forbade IN SELECT again FROM {kept} LOOP \
                     EXECUTE format('ALTER TABLE %s %s', {table_text}, forbade.again); \
                 END LOOP; \
             END $sabotage$; DROP TABLE {kept}",
            table_text = literal(&table),
        );
        Self { change, undo }
    }
}
