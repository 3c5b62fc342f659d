//! Sabotage of cause by triggers: what the faulty program would have done to a row, done by the database itself.

use super::schema;
use sabot_engine::Sabotage;
use sabot_target::{Lane, SchemaLever};

/// A trigger, by the names of the target's description.
#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    /// The database.
    pub(crate) database: String,
    /// The table, quoted.
    pub(crate) table: String,
    /// When it fires, for each row: `BEFORE INSERT`.
    pub(crate) fires: &'static str,
    /// Statements of PL/pgSQL; falls through to `RETURN NEW`.
    pub(crate) body: String,
    /// Whether it waits for the commit.
    pub(crate) deferred: bool,
}

impl Trigger {
    /// Waits for the commit: acts after everything that the program itself does in the transaction.
    pub(crate) fn deferred(self) -> Self {
        Self { deferred: true, ..self }
    }

    /// As a change of schema. `name` tells it from others that are on at the same time.
    pub(crate) fn lever(&self, name: &str) -> SchemaLever {
        let own = own(name);
        let Self { database, table, fires, body, deferred } = self;
        let (constraint, when) =
            if *deferred { ("CONSTRAINT ", "DEFERRABLE INITIALLY DEFERRED ") } else { ("", "") };
        SchemaLever {
            database: database.clone(),
            change: format!(
                "{}; CREATE {constraint}TRIGGER {own} {fires} ON {table} {when}FOR EACH ROW EXECUTE FUNCTION {own}()",
                function(&own, body)
            ),
            look: look(&own),
            undo: format!("DROP TRIGGER {own} ON {table}; DROP FUNCTION {own}()"),
        }
    }
}

/// Statements that run at the commit of each transaction that has tried to insert into a table, whether it did or
/// met a row that was there already: after everything that the program itself did in it. `NEW` is the row that was to
/// be inserted.
#[derive(Debug, Clone)]
pub(crate) struct AtCommit {
    /// The database.
    pub(crate) database: String,
    /// The table, quoted.
    pub(crate) table: String,
    /// Statements of PL/pgSQL.
    pub(crate) body: String,
}

impl AtCommit {
    /// As a change of schema: the attempt is noted in a table of its own, whose deferred trigger runs the body.
    pub(crate) fn lever(&self, name: &str) -> SchemaLever {
        let own = own(name);
        let Self { database, table, body } = self;
        let note = function(&format!("{own}_note"), &format!("INSERT INTO {own}_tried SELECT NEW.*;"));
        SchemaLever {
            database: database.clone(),
            change: format!(
                "CREATE TABLE {own}_tried (LIKE {table}); {note}; {}; \
                 CREATE TRIGGER {own} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {own}_note(); \
                 CREATE CONSTRAINT TRIGGER {own} AFTER INSERT ON {own}_tried DEFERRABLE INITIALLY DEFERRED \
                 FOR EACH ROW EXECUTE FUNCTION {own}()",
                function(&own, body)
            ),
            look: look(&own),
            undo: format!(
                "DROP TRIGGER {own} ON {table}; DROP TABLE {own}_tried; \
                 DROP FUNCTION {own}_note(); DROP FUNCTION {own}()"
            ),
        }
    }
}

/// Puts `trigger` on.
pub(crate) fn put(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    trigger: &Trigger,
) -> Sabotage<Lane> {
    schema::changed(turns_red, name, mistake, &trigger.lever(name))
}

/// Puts statements on each commit.
pub(crate) fn at_commit(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    trigger: &AtCommit,
) -> Sabotage<Lane> {
    schema::changed(turns_red, name, mistake, &trigger.lever(name))
}

/// The name of everything that a sabotage makes.
fn own(name: &str) -> String {
    format!("sabotage_{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

fn function(own: &str, body: &str) -> String {
    format!(
        "CREATE FUNCTION {own}() RETURNS trigger LANGUAGE plpgsql AS $sabotage$ BEGIN {body} RETURN NEW; END $sabotage$"
    )
}

fn look(own: &str) -> String {
    format!("SELECT EXISTS (SELECT FROM pg_trigger WHERE tgname = '{own}' AND tgenabled = 'O')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_what_is_looked_for_and_taken_away() {
        let trigger = Trigger {
            database: "db".into(),
            table: "\"t\"".into(),
            fires: "BEFORE INSERT",
            body: "RETURN NULL;".into(),
            deferred: false,
        };
        let lever = trigger.lever("lost-soft.bounce");
        assert!(lever.change.contains("CREATE TRIGGER sabotage_lost_soft_bounce BEFORE INSERT ON \"t\""));
        assert!(lever.look.contains("'sabotage_lost_soft_bounce'"));
        assert_eq!(
            lever.undo,
            "DROP TRIGGER sabotage_lost_soft_bounce ON \"t\"; DROP FUNCTION sabotage_lost_soft_bounce()"
        );
    }
}
