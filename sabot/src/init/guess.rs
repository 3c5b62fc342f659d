//! Which table is what: each is held against each shape, and the best match of a shape is taken.

use super::shape::{AUDIT, EVENTS, LEDGER, Part, QUEUE, Shape};
use super::table::{Table, likeness};
use std::cmp::Reverse;

/// From this score on a table is worth a word.
const LEAST: u32 = 40;

/// What the table's own name adds to what its columns say, of 100.
const NAME: u32 = 10;

/// What a table may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Queue,
    Ledger,
    Events,
    Audit,
}

impl Role {
    pub(crate) const ALL: [Self; 4] = [Self::Queue, Self::Ledger, Self::Events, Self::Audit];

    const fn shape(self) -> &'static Shape {
        match self {
            Self::Queue => &QUEUE,
            Self::Ledger => &LEDGER,
            Self::Events => &EVENTS,
            Self::Audit => &AUDIT,
        }
    }

    /// What it is called.
    pub(crate) const fn what(self) -> &'static str {
        self.shape().what
    }

    /// The keys under which its columns stand.
    pub(super) fn keys(self) -> impl Iterator<Item = &'static str> {
        self.shape().parts.iter().map(|part| part.key)
    }
}

/// A table taken for something.
#[derive(Debug, Clone)]
pub(crate) struct Guess<'a> {
    pub(crate) role: Role,
    pub(super) table: &'a Table,
    /// The key of the description, and the column.
    pub(super) columns: Vec<(&'static str, String)>,
    /// Of 100.
    pub(crate) score: u32,
    since: Vec<String>,
    /// Other tables that it might be, with their scores.
    pub(super) others: Vec<(String, u32)>,
}

impl Guess<'_> {
    /// The table's name.
    pub(crate) fn name(&self) -> &str {
        &self.table.name
    }

    /// The column that stands under `key`.
    pub(super) fn column(&self, key: &str) -> Option<&str> {
        self.columns.iter().find(|(known, _)| *known == key).map(|(_, column)| column.as_str())
    }

    /// What speaks for it, the weightiest first.
    pub(super) fn since(&self) -> String {
        self.since.join(", ")
    }
}

/// The best table of each role, where there is one; none is taken twice.
pub(crate) fn guesses(tables: &[Table]) -> Vec<Guess<'_>> {
    let mut all: Vec<_> = Role::ALL
        .into_iter()
        .flat_map(|role| tables.iter().filter_map(move |table| compare(role, table)))
        .filter(|guess| guess.score >= LEAST)
        .collect();
    all.sort_by_key(|guess| Reverse(guess.score));
    let mut taken: Vec<Guess<'_>> = Vec::new();
    let mut left: Vec<Guess<'_>> = Vec::new();
    for guess in all {
        let is_taken =
            taken.iter().any(|other| other.role == guess.role || other.table.name == guess.table.name);
        if is_taken { &mut left } else { &mut taken }.push(guess);
    }
    for guess in &mut taken {
        let others = left.iter().filter(|other| other.role == guess.role);
        guess.others = others.map(|other| (other.table.name.clone(), other.score)).collect();
    }
    taken
}

/// Holds one table against one shape.
fn compare(role: Role, table: &Table) -> Option<Guess<'_>> {
    let shape = role.shape();
    let mut columns: Vec<(&'static str, String)> = Vec::new();
    // A name that is the very word goes before one that only holds it, whichever part is asked first.
    for strength in [2, 1] {
        for part in shape.parts {
            if columns.iter().all(|(key, _)| *key != part.key)
                && let Some(column) = best(part, table, strength, &columns)
            {
                columns.push((part.key, column));
            }
        }
    }
    let has = |key: &&str| columns.iter().any(|(known, _)| known == key);
    if !shape.needed.iter().all(|any| any.iter().any(&has)) {
        return None;
    }
    let mut found: Vec<_> = shape.parts.iter().filter(|part| has(&part.key)).collect();
    found.sort_by_key(|part| Reverse(part.weight));
    let weight = |parts: &mut dyn Iterator<Item = &Part>| parts.map(|part| part.weight).sum::<u32>();
    let of_columns =
        weight(&mut found.iter().copied()) * (100 - NAME) / weight(&mut shape.parts.iter()).max(1);
    let own_name = table.name.rsplit('.').next().unwrap_or_default();
    let named = likeness(own_name, shape.names) > 0;
    let mut since: Vec<_> = found
        .iter()
        .filter(|part| part.weight > 0)
        .filter_map(|part| {
            let (_, column) = columns.iter().find(|(key, _)| *key == part.key)?;
            Some(format!("`{column}` {}", part.says))
        })
        .collect();
    if named {
        since.push("its name says so".to_owned());
    }
    let score = of_columns + if named { NAME } else { 0 };
    Some(Guess { role, table, columns, score, since, others: Vec::new() })
}

/// The first column that is no other's, holds what it should, and whose name is so like one of the words, the earlier
/// word first.
fn best(part: &Part, table: &Table, strength: u32, taken: &[(&str, String)]) -> Option<String> {
    let free = |name: &str| taken.iter().all(|(_, column)| column != name);
    let mut fits = part.words.iter().flat_map(|word| {
        let columns = table.columns.iter().filter(|column| part.sorts.contains(&column.sort));
        columns.filter(move |column| likeness(&column.name, &[word]) == strength)
    });
    fits.find(|column| free(&column.name)).map(|column| column.name.clone())
}

#[cfg(test)]
mod tests {
    use super::super::table::{Column, Sort};
    use super::*;

    fn table(name: &str, columns: &[(&str, &str)]) -> Table {
        let column = |(name, sort): &(&str, &str)| Column {
            name: (*name).into(),
            sort: Sort::of(sort),
            of_enum: None,
        };
        Table { name: name.into(), columns: columns.iter().map(column).collect(), constraints: Vec::new() }
    }

    fn shop() -> Vec<Table> {
        vec![
            table("shop.customers", &[("id", "int8"), ("email", "text"), ("created_at", "timestamptz")]),
            table(
                "shop.tasks",
                &[
                    ("id", "int8"),
                    ("type", "task_type"),
                    ("args", "jsonb"),
                    ("tries", "int4"),
                    ("run_at", "timestamptz"),
                    ("done_at", "timestamptz"),
                    ("gave_up_at", "timestamptz"),
                    ("error", "text"),
                ],
            ),
            table(
                "mail.outgoing",
                &[
                    ("id", "int8"),
                    ("msg_id", "text"),
                    ("state", "text"),
                    ("delivered_on", "timestamptz"),
                    ("address", "text"),
                ],
            ),
            table(
                "mail.callbacks",
                &[("msg_id", "text"), ("event", "text"), ("occurred_at", "timestamptz"), ("body", "jsonb")],
            ),
            table(
                "activity",
                &[
                    ("id", "int8"),
                    ("who", "text"),
                    ("action", "text"),
                    ("at", "timestamptz"),
                    ("details", "json"),
                ],
            ),
        ]
    }

    #[test]
    fn tables_are_known_by_their_shape_under_foreign_names() {
        let tables = shop();
        let guesses = guesses(&tables);
        let mut found: Vec<_> = guesses.iter().map(|guess| (guess.role.what(), guess.name())).collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                ("audit log", "activity"),
                ("ledger of email", "mail.outgoing"),
                ("queue or outbox", "shop.tasks"),
                ("store of delivery events", "mail.callbacks"),
            ]
        );
    }

    #[test]
    fn each_column_stands_under_its_key_and_says_why() {
        let tables = shop();
        let guesses = guesses(&tables);
        let queue = guesses.iter().find(|guess| guess.role == Role::Queue).unwrap();
        for (key, column) in [
            ("attempts", "tries"),
            ("next_attempt_at", "run_at"),
            ("applied_at", "done_at"),
            ("failed_at", "gave_up_at"),
            ("last_error", "error"),
            ("kind", "type"),
            ("payload", "args"),
        ] {
            assert_eq!(queue.column(key), Some(column), "{key}");
        }
        assert_eq!(queue.column("lease"), None);
        assert!(
            queue.since().starts_with("`tries` counts attempts, `run_at` says when"),
            "{}",
            queue.since()
        );
        assert!(queue.score > 85 && queue.others.is_empty(), "{queue:?}");
    }

    #[test]
    fn ordinary_tables_are_taken_for_nothing() {
        let tables = [
            table(
                "customers",
                &[("id", "int8"), ("email", "text"), ("status", "text"), ("created_at", "timestamptz")],
            ),
            table("entries", &[("id", "int8"), ("title", "text"), ("body", "text")]),
            table("orders", &[("id", "int8"), ("state", "text"), ("total", "numeric"), ("data", "jsonb")]),
        ];
        assert!(guesses(&tables).is_empty(), "{:?}", guesses(&tables));
    }

    #[test]
    fn a_second_table_of_the_same_shape_is_named_beside_the_first() {
        let mut tables = shop();
        let mut jobs = tables[1].clone();
        jobs.name = "jobs".into();
        jobs.columns.retain(|column| column.name != "error");
        tables.push(jobs);
        let guesses = guesses(&tables);
        let queue = guesses.iter().find(|guess| guess.role == Role::Queue).unwrap();
        assert_eq!(queue.name(), "shop.tasks");
        assert_eq!(queue.others.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["jobs"]);
    }
}
