//! What turns `propagation.atomic` red: the propagation enqueued outside the transaction of its change.

use super::ID;
use crate::propagation::cause::on_queue;
use crate::sabotage::composed::composed;
use crate::sabotage::reaction::{self, Answers};
use crate::sabotage::{schema, trigger};
use crate::sql::{ident, literal};
use sabot_engine::Sabotage;
use sabot_target::propagation::Change;
use sabot_target::{Lane, Propagation, SchemaLever, Target};
use sabot_wire::http::{Match, Request};

/// Where what is to be enqueued later waits: with its schema, whatever the target's search path is.
const LATER: &str = "public.sabotage_later";

pub(in crate::propagation) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let mut sabotages = vec![on_another_connection(propagation), after_the_commit(propagation)];
    sabotages.extend(lost_on_downgrade(propagation));
    sabotages.push(trigger::put(
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
    ));
    sabotages
}

/// What a downgrade enqueues goes, where one is described and can be told.
fn lost_on_downgrade(propagation: &Propagation) -> Option<Sabotage<Lane>> {
    let queue = &propagation.queue;
    let removed =
        format!("DELETE FROM {} WHERE {id} = NEW.{id};", ident(&queue.table), id = ident(&queue.id));
    let body = format!("IF {} THEN {removed} END IF;", is_downgrade(propagation)?);
    let mistake = "only upgrades are propagated, since nobody complains of too much";
    Some(trigger::put(&[ID], "lost-on-downgrade", mistake, &on_queue(propagation, "AFTER INSERT", body)))
}

/// Whether what is enqueued comes of the described downgrade: by the tier, where only that leads to it, else by the payload.
fn is_downgrade(propagation: &Propagation) -> Option<String> {
    let (queue, tiers) = (&propagation.queue, &propagation.subject.tiers);
    let place = |tier: &String| tiers.iter().position(|known| known == tier);
    let falls = |change: &&Change| place(&change.from) > place(&change.to);
    let down = propagation.changes.iter().find(falls)?;
    let rises = |change: &Change| !falls(&change) && change.to == down.to;
    if !queue.target_tier.is_empty() && !propagation.changes.iter().any(rises) {
        return Some(format!("NEW.{}::text = {}", ident(&queue.target_tier), literal(&down.to)));
    }
    let from = literal(&format!("%{}%", down.from));
    (!queue.payload.is_empty()).then(|| format!("NEW.{}::text LIKE {from}", ident(&queue.payload)))
}

/// The columns that a change writes into the queue.
fn written(propagation: &Propagation) -> Vec<&str> {
    let queue = &propagation.queue;
    let own = [&queue.kind, &queue.team_id, &queue.target_tier, &queue.payload, &queue.next_attempt_at];
    let further = queue.further.iter().map(|(column, _)| column);
    own.into_iter().chain(further).map(String::as_str).filter(|column| !column.is_empty()).collect()
}

/// The same as SQL, each between `before` and `after`.
fn columns(propagation: &Propagation, (before, after): (&str, &str)) -> String {
    let columns = written(propagation).into_iter().map(|column| format!("{before}{}{after}", ident(column)));
    columns.collect::<Vec<_>>().join(", ")
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
        let places = vec!["%L"; written(&propagation).len()].join(", ");
        let insert = format!(
            "SET session_replication_role = replica; INSERT INTO {table} ({}) VALUES ({places})",
            columns(&propagation, ("", ""))
        );
        let body = format!(
            "PERFORM public.dblink_exec({}, format({}, {values})); DELETE FROM {table} WHERE {id} = NEW.{id};",
            literal(&lane.database_url(&propagation.database)?),
            literal(&insert),
        );
        let lever = on_queue(&propagation, "AFTER INSERT", body).lever("another-connection");
        Ok(SchemaLever {
            change: format!("CREATE EXTENSION dblink SCHEMA public; {}", lever.change),
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
