//! What turns `propagation.atomic` red: the propagation enqueued outside the transaction of its change.

use super::ID;
use crate::propagation::cause::on_queue;
use crate::sabotage::composed::composed;
use crate::sabotage::reaction::{self, Answers};
use crate::sabotage::{schema, trigger};
use crate::sql::{ident, literal};
use sabot_engine::Sabotage;
use sabot_target::{Lane, Propagation, SchemaLever, Target};
use sabot_wire::http::{Match, Request};

/// Where what is to be enqueued later waits.
const LATER: &str = "sabotage_later";

pub(in crate::propagation) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let removed = format!(
        "DELETE FROM {} WHERE {id} = NEW.{id};",
        ident(&propagation.queue.table),
        id = ident(&propagation.queue.id)
    );
    vec![
        on_another_connection(propagation),
        after_the_commit(propagation),
        trigger::put(
            &[ID],
            "lost-on-downgrade",
            "only upgrades are propagated, since nobody complains of too much",
            &on_queue(
                propagation,
                "AFTER INSERT",
                format!(
                    "IF NEW.{}::text LIKE {} THEN {removed} END IF;",
                    ident(&propagation.queue.payload),
                    literal(&format!("%{}%", higher(propagation)))
                ),
            ),
        ),
        trigger::put(
            &[ID],
            "twice",
            "the change and a trigger of the table both enqueue",
            &on_queue(
                propagation,
                "AFTER INSERT",
                format!(
                    "IF pg_trigger_depth() = 1 THEN INSERT INTO {} ({columns}) SELECT {own}; END IF;",
                    ident(&propagation.queue.table),
                    columns = columns(propagation, ("", "")),
                    own = columns(propagation, ("NEW.", "")),
                ),
            ),
        ),
    ]
}

/// The tier from which the described downgrade begins.
fn higher(propagation: &Propagation) -> String {
    let tiers = &propagation.subject.tiers;
    let place = |tier: &String| tiers.iter().position(|known| known == tier);
    let falls = propagation.changes.iter().find(|change| place(&change.from) > place(&change.to));
    falls.map(|change| change.from.clone()).unwrap_or_default()
}

/// The columns that a change writes into the queue, each between `before` and `after`.
fn columns(propagation: &Propagation, (before, after): (&str, &str)) -> String {
    let queue = &propagation.queue;
    let columns = [&queue.kind, &queue.team_id, &queue.target_tier, &queue.payload, &queue.next_attempt_at];
    columns.map(|column| format!("{before}{}{after}", ident(column))).join(", ")
}

/// The row that the change writes goes, and another connection writes it at once, for good.
fn on_another_connection(propagation: &Propagation) -> Sabotage<Lane> {
    let mistake =
        "the propagation is enqueued through the pool in place of the transaction, before the commit";
    let propagation = propagation.clone();
    schema::changed_by(&[ID], "another-connection", mistake, move |lane| {
        let queue = &propagation.queue;
        let (table, id) = (ident(&queue.table), ident(&queue.id));
        let values = columns(&propagation, ("NEW.", "::text"));
        let insert = format!(
            "SET session_replication_role = replica; INSERT INTO {table} ({}) VALUES (%L, %L, %L, %L, %L)",
            columns(&propagation, ("", ""))
        );
        let body = format!(
            "PERFORM dblink_exec({}, format({}, {values})); DELETE FROM {table} WHERE {id} = NEW.{id};",
            literal(&lane.database_url(&propagation.database)?),
            literal(&insert),
        );
        let lever = on_queue(&propagation, "AFTER INSERT", body).lever("another-connection");
        Ok(SchemaLever {
            change: format!("CREATE EXTENSION dblink; {}", lever.change),
            undo: format!("{}; DROP EXTENSION dblink", lever.undo),
            ..lever
        })
    })
}

/// The row that the change writes waits elsewhere, and is enqueued when the change has been answered.
fn after_the_commit(propagation: &Propagation) -> Sabotage<Lane> {
    let mistake = "the propagation is enqueued after the commit, when it is known that the change has lasted";
    let queue = &propagation.queue;
    let (table, id) = (ident(&queue.table), ident(&queue.id));
    let moved = format!(
        "IF EXISTS (SELECT FROM {LATER} AS later WHERE later.{id} = NEW.{id}) THEN \
             DELETE FROM {LATER} AS later WHERE later.{id} = NEW.{id}; \
         ELSE INSERT INTO {LATER} SELECT NEW.*; DELETE FROM {table} WHERE {id} = NEW.{id}; END IF;"
    );
    let lever = on_queue(propagation, "AFTER INSERT", moved).lever("after-the-commit");
    let lever = SchemaLever {
        change: format!("CREATE TABLE {LATER} (LIKE {table}); {}", lever.change),
        undo: format!("{}; DROP TABLE {LATER}", lever.undo),
        ..lever
    };
    let prefix = propagation.source.path.split("{team}").next().unwrap_or_default().to_owned();
    let answers = Answers { service: propagation.source.service.clone(), on: Match::prefix(&prefix) };
    let enqueue = format!(
        "INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {LATER} AS later WHERE later.{}::text = $1",
        ident(&queue.team_id)
    );
    let team =
        move |request: &Request| Some(request.path().strip_prefix(&prefix)?.split('/').next()?.to_owned());
    let parts = vec![
        schema::changed(&[ID], "waits-elsewhere", mistake, &lever),
        reaction::after_answers(
            &[ID],
            "enqueued-later",
            mistake,
            &answers,
            (&propagation.database, enqueue),
            team,
            super::super::cause::changed(),
        ),
    ];
    composed(&[ID], "after-the-commit", mistake, parts)
}
