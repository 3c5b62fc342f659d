//! The tables of propagation and delivery: in full but switched off, since what was recognised is only a part of them.

use super::text::{plain, quoted};
use super::{Looked, Page};
use crate::init::guess::{Guess, Role};
use crate::init::table::{Constraint, ConstraintSort};

/// What stands before a line that is switched off.
const OFF: &str = "#: ";

/// What is not seen from outside.
const FILL: &str = "# fill in";

impl Page<'_> {
    pub(super) fn propagation(&self, text: &mut String) {
        *text += "\n# ---- Propagation: what must reach another system ----\n";
        let Some((looked, queue)) = self.found(text, Role::Queue, "propagation.queue") else { return };
        told(text, queue);
        switch(text);
        let database = self.database_name().unwrap_or_default();
        off(text, "[propagation]");
        off(text, &format!("database = {}", quoted(&database)));
        let kinds = declared(text, queue);
        columns(text, "propagation.queue", queue);
        for kind in kinds {
            off(text, "[[propagation.kinds]]");
            off(text, &format!("kind = {}", quoted(&kind)));
            off(text, &format!("payload = '{{}}'  {FILL}: one such as the service writes"));
            off(text, &format!("unreadable = '0'  {FILL}: one that its handler can't read"));
            off(text, &format!("superseded = false  {FILL}: whether only the newest counts"));
        }
        let service = self.service_names().swap_remove(0);
        for (table, keys) in [
            ("source", &["path"][..]),
            ("runner", &["downstream_wire", "schedule", "max_attempts"]),
            ("downstream", &["service", "method", "path", "key_header", "key"]),
        ] {
            off(text, &format!("[propagation.{table}]"));
            if table != "downstream" {
                off(text, &format!("service = {}", quoted(&service)));
                off(text, "database_wire = \"db\"");
            }
            off(text, &format!("{FILL}: {}", keys.join(", ")));
        }
        if let Some(audit) = looked.guess(Role::Audit) {
            *text += &format!(
                "# Its audit rows stand in the table of [delivery.audit], which looks like {}.\n",
                plain(audit.name())
            );
        }
    }

    pub(super) fn delivery(&self, text: &mut String) {
        *text += "\n# ---- Delivery: email out, delivery events in ----\n";
        let Some((looked, ledger)) = self.found(text, Role::Ledger, "delivery.ledger") else { return };
        let tables = [("delivery.events", Role::Events), ("delivery.audit", Role::Audit)];
        told(text, ledger);
        for (_, role) in tables {
            match looked.guess(role) {
                Some(guess) => told(text, guess),
                None => *text += &format!("# not found: {}\n", role.what()),
            }
        }
        switch(text);
        off(text, "[delivery]");
        off(text, &format!("database = {}", quoted(&self.database_name().unwrap_or_default())));
        columns(text, "delivery.ledger", ledger);
        for (table, guess) in tables.iter().filter_map(|(table, role)| Some((table, looked.guess(*role)?))) {
            columns(text, table, guess);
        }
        let service = self.service_names().swap_remove(0);
        for (table, keys) in [
            ("webhook", &["path", "secret", "secret_env"][..]),
            ("forwarder", &["provider_wire", "send_path", "kinds"]),
        ] {
            off(text, &format!("[delivery.{table}]"));
            off(text, &format!("service = {}", quoted(&service)));
            off(text, "database_wire = \"db\"");
            off(text, &format!("{FILL}: {}", keys.join(", ")));
        }
    }

    /// The table of `role`; says so where there is none.
    fn found(&self, text: &mut String, role: Role, table: &str) -> Option<(&Looked<'_>, &Guess<'_>)> {
        let found = self.database.as_ref().and_then(|looked| Some((looked, looked.guess(role)?)));
        if found.is_none() {
            let among = self.database.as_ref().map_or("no database was looked at".to_owned(), |looked| {
                format!("none of {} tables looks like a {}", looked.tables, role.what())
            });
            *text += &format!(
                "# not found: {among}. If there is one, its columns go here:\n# [{table}]\n# table = \"schema.table\"\n"
            );
            role.keys().for_each(|key| *text += &format!("# {key} = \"\"\n"));
        }
        found
    }
}

/// What a table is taken for, why, and what else it could be.
fn told(text: &mut String, guess: &Guess<'_>) {
    *text += &format!(
        "# guessed: table {} is a {}, since {} (score {} of 100)\n",
        plain(guess.name()),
        guess.role.what(),
        plain(&guess.since()),
        guess.score
    );
    let others = guess.others.iter().map(|(name, score)| format!("{} (score {score})", plain(name)));
    let others: Vec<_> = others.collect();
    if !others.is_empty() {
        *text += &format!("# also possible: {}\n", others.join(", "));
    }
}

fn switch(text: &mut String) {
    *text += &format!(
        "# Switched off, since a look from outside does not show all that it takes. To switch it on, take `{}` off the lines\n\
         # below, fill in what they ask for, and name in `without = [...]` what there is not; what is left out is as on the\n\
         # embedded platform.\n",
        OFF.trim_end()
    );
}

fn off(text: &mut String, line: &str) {
    *text += &format!("{OFF}{line}\n");
}

/// The columns that were recognised, and those that were not as empty.
fn columns(text: &mut String, table: &str, guess: &Guess<'_>) {
    off(text, &format!("[{table}]"));
    off(text, &format!("table = {}", quoted(guess.name())));
    for key in guess.role.keys() {
        match guess.column(key) {
            Some(column) => off(text, &format!("{key} = {}", quoted(column))),
            None => off(text, &format!("{key} = \"\"  # not found")),
        }
    }
    if guess.role == Role::Events {
        let unique = guess.table.constraints.iter().find(|constraint| {
            constraint.sort == ConstraintSort::Unique
                && guess
                    .column("provider_id")
                    .is_some_and(|id| constraint.columns.iter().any(|column| column == id))
        });
        match unique {
            Some(Constraint { name, .. }) => off(text, &format!("once = {}", quoted(name))),
            None => off(text, "once = \"\"  # not found: a constraint by which an event is stored once"),
        }
    }
}

/// Writes where the database says which kinds there are; gives those that it names.
fn declared(text: &mut String, queue: &Guess<'_>) -> Vec<String> {
    let Some(column) = queue.column("kind") else { return Vec::new() };
    if let Some((name, values)) = queue.table.column(column).and_then(|column| column.of_enum.clone()) {
        off(text, &format!("declared = {{ enum = {} }}", quoted(&name)));
        return values;
    }
    for constraint in queue.table.constraints_on(column) {
        match &constraint.sort {
            ConstraintSort::Check => {
                off(text, &format!("declared = {{ constraint = {} }}", quoted(&constraint.name)));
                return literals(&constraint.text);
            }
            ConstraintSort::Refers { table, column } => {
                let (table, column) = (quoted(table), quoted(column));
                off(text, &format!("declared = {{ table = {{ table = {table}, column = {column} }} }}"));
                return Vec::new();
            }
            ConstraintSort::Unique => {}
        }
    }
    off(
        text,
        &format!("# not found: an enum, a check constraint or a table with the kinds of `{}`", plain(column)),
    );
    Vec::new()
}

/// The texts in a constraint.
fn literals(sql: &str) -> Vec<String> {
    sql.split('\'').skip(1).step_by(2).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}
