//! Queries with a limit on their time, and errors that name what was asked after.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::{SourceError, nearest};

/// How long a query may take.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

const TABLE: &str = "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = pg_catalog.to_regclass($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";

const TABLES: &str = "SELECT c.oid::regclass::text FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
        AND $1::text <> '' ORDER BY 1";

/// The table `name` with its schema, quoted.
pub(super) async fn table(client: &Client, at: &str, name: &str) -> Result<String, SourceError> {
    if let Some(table) = texts(client, at, TABLE, name).await?.pop() {
        return Ok(table);
    }
    let remedy = format!(
        "name it as `table` or `schema.table`; {}",
        nearest(name, &texts(client, at, TABLES, name).await?)
    );
    Err(SourceError::new(at, format!("there is no table {name} in this database"), remedy))
}

/// The first column of what `sql` gives of one text.
pub(super) async fn texts(
    client: &Client,
    at: &str,
    sql: &str,
    text: &str,
) -> Result<Vec<String>, SourceError> {
    Ok(rows(client, at, sql, &[&text]).await?.iter().map(|row| row.get(0)).collect())
}

/// What `sql` gives, within the limit.
pub(super) async fn rows(
    client: &Client,
    at: &str,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, SourceError> {
    let refused = |problem: String| {
        SourceError::new(at, problem, "see to the database, its user's rights, and the name")
    };
    match timeout(TIME_LIMIT, client.query(sql, parameters)).await {
        Ok(answer) => answer.map_err(|error| refused(why(&error))),
        Err(_) => Err(refused(format!("the database did not answer within {} s", TIME_LIMIT.as_secs()))),
    }
}

fn why(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("the database refused to say ({})", error.message()),
        None => format!("the database did not answer ({error})"),
    }
}
