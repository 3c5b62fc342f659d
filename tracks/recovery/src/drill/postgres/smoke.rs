//! Smoke queries: each must run, and its first row must not begin with false or null.

use super::session::words;
use super::stand::Stand;
use crate::drill::course::Course;
use crate::report::Class;
use futures_util::TryStreamExt as _;
use std::time::Duration;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Row};

/// How long one query may take.
const SMOKE_LIMIT: Duration = Duration::from_secs(60);

/// Asks all of them; each that fails is a problem.
pub(super) async fn ask(course: &Course, stand: &Stand, database: &str, queries: &[String]) {
    for query in queries {
        let asked = async {
            let session = stand.open(database).await?;
            match tokio::time::timeout(SMOKE_LIMIT, answer(&session.client, query)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("no answer within {SMOKE_LIMIT:?}")),
            }
        };
        if let Err(error) = asked.await {
            course.problem(Class::Smoke, query.clone(), error);
        }
    }
}

/// The first row alone: a query may return any number.
async fn answer(client: &Client, query: &str) -> Result<(), String> {
    let none: [&str; 0] = [];
    let rows = client.query_raw(query, none).await.map_err(|error| words(&error))?;
    tokio::pin!(rows);
    let first = rows.try_next().await.map_err(|error| words(&error))?;
    judge(first.as_ref())
}

fn judge(row: Option<&Row>) -> Result<(), String> {
    let row = row.ok_or("it returned no row; at least one was expected")?;
    let column = row.columns().first().ok_or("its row has no column")?;
    let value: Option<Raw> = row.try_get(0).map_err(|error| words(&error))?;
    match value {
        None => Err("its first column is null".to_owned()),
        Some(Raw(bytes)) if *column.type_() == Type::BOOL && bytes == [0] => {
            Err("its first column is false".to_owned())
        }
        Some(_) => Ok(()),
    }
}

/// A value of any type, as it came.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
