//! Names that a PostgreSQL database declares: an enum, a CHECK constraint, a lookup table.

use tokio_postgres::Client;

use super::SourceError;
use crate::Names;

/// The values of the enum `name`: `type` or `schema.type`, quoted as in SQL where that is needed.
///
/// # Errors
/// When there is no such type, it is no enum, or the database does not answer.
pub async fn enum_values(client: &Client, name: &str) -> Result<Names, SourceError> {
    todo!("{name} {}", client.is_closed())
}

/// The values that the CHECK constraint `constraint` of `table` admits.
///
/// # Errors
/// When there is none of this name, it is no list of values, or the database does not answer.
pub async fn check_values(client: &Client, table: &str, constraint: &str) -> Result<Names, SourceError> {
    todo!("{table} {constraint} {}", client.is_closed())
}

/// The values of `column` in the lookup table `table`.
///
/// # Errors
/// When there is no such table or column, or the database does not answer.
pub async fn lookup_values(client: &Client, table: &str, column: &str) -> Result<Names, SourceError> {
    todo!("{table} {column} {}", client.is_closed())
}
