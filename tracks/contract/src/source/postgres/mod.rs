//! Names that a PostgreSQL database declares: an enum, a CHECK constraint, a lookup table.
//!
//! Types and tables are named as in SQL: `kind`, `schema.kind`, `"Odd Schema".kind`; without a schema the connection's
//! `search_path` decides. Constraints and columns are named exactly, without quotes. Every query has
//! [`TIME_LIMIT`]; drop the connection after one that took longer.

mod check;
mod query;
mod tokens;

use tokio_postgres::Client;

pub use query::TIME_LIMIT;

use super::SourceError;
use crate::nearest::choose;
use crate::{Names, Place};
use check::{Admitted, admitted};
use query::{rows, table, texts};

/// More names than this are no lookup table, but data.
const MOST: usize = 10_000;

const ENUM: &str = "SELECT t.typtype = 'e', ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)
    FROM pg_catalog.pg_type t WHERE t.oid = pg_catalog.to_regtype($1)";

const ENUMS: &str = "SELECT t.oid::regtype::text FROM pg_catalog.pg_type t WHERE t.typtype = 'e' AND $1::text <> '' ORDER BY 1";

const CHECKS: &str =
    "SELECT c.conname::text, pg_catalog.pg_get_constraintdef(c.oid) FROM pg_catalog.pg_constraint c
    WHERE c.conrelid = pg_catalog.to_regclass($1) AND c.contype = 'c' ORDER BY 1";

const COLUMNS: &str = "SELECT a.attname::text FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1";

const ELEMENTS: &str = "SELECT e FROM unnest($1::text::text[]) e WHERE e IS NOT NULL";

/// The values of the enum `name`: `type` or `schema.type`.
///
/// # Errors
/// When there is no such type, it is no enum, or the database does not answer.
pub async fn enum_values(client: &Client, name: &str) -> Result<Names, SourceError> {
    let at = format!("enum {name}");
    match rows(client, &at, ENUM, &[&name]).await?.first() {
        Some(found) if found.get(0) => Ok(named(found.get::<_, Vec<String>>(1), &at)),
        Some(_) => {
            Err(SourceError::new(&at, "is a type, but no enum", "name an enum, or read it another way"))
        }
        None => {
            let others = texts(client, &at, ENUMS, name).await?;
            let remedy = format!("name it as `type` or `schema.type`; {}", nearest(name, &others));
            Err(SourceError::new(&at, "is not in this database", remedy))
        }
    }
}

/// The values that the CHECK constraint `constraint` of `table` admits for its column, null aside.
///
/// It is one that PostgreSQL keeps of `kind IN ('a', 'b')`, `kind = ANY (ARRAY['a', 'b'])`, `kind = 'a' OR kind = 'b'`,
/// with casts, or with `OR kind IS NULL`.
///
/// # Errors
/// When there is none of this name, it asks anything else (what else it admits would not be known), or the database
/// does not answer.
pub async fn check_values(client: &Client, table: &str, constraint: &str) -> Result<Names, SourceError> {
    let at = format!("constraint {constraint} of {table}");
    query::table(client, &at, table).await?;
    let checks = rows(client, &at, CHECKS, &[&table]).await?;
    let Some(check) = checks.iter().find(|check| check.get::<_, &str>(0) == constraint) else {
        let others: Vec<String> = checks.iter().map(|check| check.get(0)).collect();
        let remedy = format!("name a CHECK constraint of {table}; {}", nearest(constraint, &others));
        return Err(SourceError::new(&at, "is not in this database", remedy));
    };
    let definition: &str = check.get(1);
    let Some(lists) = admitted(definition) else {
        let remedy = "write it as `CHECK (kind IN ('…', '…'))` and what else it asks as a constraint of its own, or \
                      read an enum or a lookup table";
        return Err(SourceError::new(&at, format!("is no mere list of values: {definition}"), remedy));
    };
    let mut names = Names::default();
    for list in lists {
        names.extend(match list {
            Admitted::Value(value) => named([value], &at),
            Admitted::Array(literal) => named(texts(client, &at, ELEMENTS, &literal).await?, &at),
        });
    }
    Ok(names)
}

/// The values of `column` in the lookup table (or view) `table`; nulls are none, and an empty table has none.
///
/// # Errors
/// When there is no such table or column, it has more than 10,000 different values, or the database does not answer.
pub async fn lookup_values(client: &Client, table: &str, column: &str) -> Result<Names, SourceError> {
    let at = format!("column {column} of {table}");
    let table_name = self::table(client, &at, table).await?;
    let columns = texts(client, &at, COLUMNS, table).await?;
    if !columns.iter().any(|name| name == column) {
        let remedy = format!("name a column of {table}; {}", nearest(column, &columns));
        return Err(SourceError::new(&at, "is not in this database", remedy));
    }
    let quoted = format!("\"{}\"", column.replace('"', "\"\""));
    let sql = format!(
        "SELECT DISTINCT {quoted}::text FROM {table_name} WHERE {quoted} IS NOT NULL LIMIT {}",
        MOST + 1
    );
    let values = rows(client, &at, &sql, &[]).await?;
    if values.len() > MOST {
        let remedy = "name the table that lists the kinds, not one that uses them";
        return Err(SourceError::new(&at, format!("has more than {MOST} different values"), remedy));
    }
    Ok(named(values.iter().map(|row| row.get::<_, String>(0)), &at))
}

fn named(values: impl IntoIterator<Item = String>, at: &str) -> Names {
    let mut names = Names::default();
    for value in values {
        names.add(value, Place { within: at.to_owned(), line: None });
    }
    names
}

fn nearest(name: &str, others: &[String]) -> String {
    choose(name, others.iter().map(String::as_str))
}
