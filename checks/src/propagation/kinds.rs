//! Where the database says which kinds there are: read, and changed as a migration would.

use super::UNHEARD_OF;
use crate::sql::{ident, literal};
use regex::Regex;
use sabot_engine::{Context as _, Judgement};
use sabot_target::propagation::DeclaredKinds;
use sabot_target::{Propagation, SchemaLever};
use std::collections::BTreeSet;
use tokio_postgres::Client;

/// A text within a constraint.
const TEXT: &str = "'((?:[^']|'')*)'";

/// Every kind that the database lets into the queue.
pub(crate) async fn declared(client: &Client, propagation: &Propagation) -> Judgement<BTreeSet<String>> {
    let what = "reading the kinds that the database declares";
    let select = match &propagation.declared {
        DeclaredKinds::Enum(name) => format!("SELECT unnest(enum_range(NULL::{}))::text", ident(name)),
        DeclaredKinds::Table { table, column } => {
            format!("SELECT {}::text FROM {}", ident(column), ident(table))
        }
        DeclaredKinds::Constraint(name) => {
            format!(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE {}",
                of_queue(propagation, name)
            )
        }
    };
    let rows = client.query(&select, &[]).await.context(what)?;
    let texts: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().context(what)?;
    if !matches!(propagation.declared, DeclaredKinds::Constraint(_)) {
        return Ok(texts.into_iter().collect());
    }
    let text = Regex::new(TEXT)?;
    let found = texts.iter().flat_map(|definition| text.captures_iter(definition));
    Ok(found.map(|found| found[1].replace("''", "'")).collect())
}

/// One more kind, which nobody handles.
pub(crate) fn admitting(propagation: &Propagation) -> SchemaLever {
    let queue = &propagation.queue;
    let (kind, table) = (literal(UNHEARD_OF), ident(&queue.table));
    let emptied = format!("DELETE FROM {table} WHERE {}::text = {kind}", ident(&queue.kind));
    let (change, look, undo) = match &propagation.declared {
        DeclaredKinds::Enum(name) => (
            format!("ALTER TYPE {} ADD VALUE {kind}", ident(name)),
            format!("SELECT {kind} = ANY (enum_range(NULL::{})::text[])", ident(name)),
            // There is no statement for it; no row holds the value any more.
            format!(
                "DELETE FROM pg_enum WHERE enumtypid = {}::regtype AND enumlabel = {kind}",
                literal(&ident(name))
            ),
        ),
        DeclaredKinds::Table { table, column } => {
            let (table, column) = (ident(table), ident(column));
            (
                format!("INSERT INTO {table} ({column}) VALUES ({kind})"),
                format!("SELECT EXISTS (SELECT FROM {table} WHERE {column} = {kind})"),
                format!("DELETE FROM {table} WHERE {column} = {kind}"),
            )
        }
        DeclaredKinds::Constraint(name) => {
            let also = format!(" OR ({} = {kind})", ident(&queue.kind));
            (
                rewritten(
                    propagation,
                    name,
                    &format!("regexp_replace(was, '\\)$', {} || ')')", literal(&also)),
                ),
                format!(
                    "SELECT EXISTS (SELECT FROM pg_constraint WHERE {} AND pg_get_constraintdef(oid) LIKE {})",
                    of_queue(propagation, name),
                    literal(&format!("%'{UNHEARD_OF}'%"))
                ),
                rewritten(propagation, name, &format!("regexp_replace(was, {}, '')", literal(&added()))),
            )
        }
    };
    SchemaLever { database: propagation.database.clone(), change, look, undo: format!("{emptied}; {undo}") }
}

/// The kind `from` under another name, where the database can say so in one statement.
pub(crate) fn renaming(propagation: &Propagation, from: &str) -> Option<SchemaLever> {
    let to = UNHEARD_OF;
    let statement = |from: &str, to: &str| match &propagation.declared {
        DeclaredKinds::Enum(name) => {
            Some(format!("ALTER TYPE {} RENAME VALUE {} TO {}", ident(name), literal(from), literal(to)))
        }
        DeclaredKinds::Table { table, column } => {
            let column = ident(column);
            Some(format!(
                "UPDATE {} SET {column} = {} WHERE {column} = {}",
                ident(table),
                literal(to),
                literal(from)
            ))
        }
        DeclaredKinds::Constraint(_) => None,
    };
    Some(SchemaLever {
        database: propagation.database.clone(),
        change: statement(from, to)?,
        look: admitting(propagation).look,
        undo: statement(to, from)?,
    })
}

/// A constraint of the queue, as a condition on `pg_constraint`.
fn of_queue(propagation: &Propagation, name: &str) -> String {
    let table = literal(&ident(&propagation.queue.table));
    format!("conrelid = {table}::regclass AND conname = {}", literal(name))
}

/// What [`admitting`] adds to a constraint, as PostgreSQL writes it down: it turns `OR` around a list into its own form.
fn added() -> String {
    format!(r" OR \([^()]*'{}'::text\)", UNHEARD_OF.replace('.', r"\."))
}

/// Makes a constraint anew; `definition` is an expression on `was`, what it was.
fn rewritten(propagation: &Propagation, name: &str, definition: &str) -> String {
    let table = literal(&ident(&propagation.queue.table));
    format!(
        "DO $sabotage$ DECLARE was text; BEGIN \
             SELECT pg_get_constraintdef(oid) INTO was FROM pg_constraint WHERE {}; \
             EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', {table}, {name}); \
             EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', {table}, {name}, {definition}); \
         END $sabotage$",
        of_queue(propagation, name),
        name = literal(name),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use sabot_sandbox::postgres::fresh_database;
    use sabot_target::Target;

    /// A queue whose kinds stand in each of the three places.
    const SCHEMA: &str = "
        CREATE TYPE kinds AS ENUM ('grade', 'it''s');
        CREATE TABLE kinds_there (name text PRIMARY KEY);
        INSERT INTO kinds_there VALUES ('grade'), ('it''s');
        CREATE TABLE queue (kind text CONSTRAINT known CHECK (kind IN ('grade', 'it''s')));
        CREATE TABLE typed (kind kinds);
        CREATE TABLE referring (kind text REFERENCES kinds_there);";

    fn places() -> [(DeclaredKinds, &'static str); 3] {
        let table = DeclaredKinds::Table { table: "kinds_there".into(), column: "name".into() };
        [
            (DeclaredKinds::Enum("kinds".into()), "typed"),
            (DeclaredKinds::Constraint("known".into()), "queue"),
            (table, "referring"),
        ]
    }

    fn propagation(declared: DeclaredKinds, table: &str) -> Propagation {
        let mut propagation = Target::embedded().propagation;
        (propagation.declared, propagation.queue.table, propagation.queue.kind) =
            (declared, table.into(), "kind".into());
        propagation
    }

    #[tokio::test]
    async fn kinds_are_read_added_and_renamed_wherever_they_are_declared() {
        let database = fresh_database().await.unwrap();
        let client = database.connect().await.unwrap();
        client.batch_execute(SCHEMA).await.unwrap();
        let known = BTreeSet::from(["grade".to_owned(), "it's".to_owned()]);
        let more = known.iter().cloned().chain([UNHEARD_OF.to_owned()]).collect();
        for (place, table) in places() {
            let propagation = propagation(place.clone(), table);
            let landed = async |lever: &SchemaLever| client.query_one(&lever.look, &[]).await.unwrap().get(0);
            assert_eq!(declared(&client, &propagation).await.unwrap(), known, "{place:?}");
            let lever = admitting(&propagation);
            assert!(!landed(&lever).await, "{place:?}");
            client.batch_execute(&lever.change).await.unwrap();
            assert!(landed(&lever).await, "{place:?}");
            assert_eq!(declared(&client, &propagation).await.unwrap(), more, "{place:?}");
            client.batch_execute(&format!("INSERT INTO {table} VALUES ('{UNHEARD_OF}')")).await.unwrap();
            client.batch_execute(&lever.undo).await.unwrap();
            assert_eq!(declared(&client, &propagation).await.unwrap(), known, "{place:?}");
            let Some(lever) = renaming(&propagation, "grade") else { continue };
            client.batch_execute(&lever.change).await.unwrap();
            assert!(
                landed(&lever).await && !declared(&client, &propagation).await.unwrap().contains("grade")
            );
            client.batch_execute(&lever.undo).await.unwrap();
            assert_eq!(declared(&client, &propagation).await.unwrap(), known, "{place:?}");
        }
    }
}
