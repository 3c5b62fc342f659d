//! Where sequences stand. They take no part in transactions: a snapshot does not hold them still.

use super::session::Session;
use super::{DigestError, How, Views};
use crate::manifest::Table;
use std::time::Duration;
use tokio_postgres::Config;

/// How many sequences one statement reads.
const AT_ONCE: usize = 200;

const LIST: &str = "
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1";

/// Every sequence as it stands now: one row each, whose digest is `last_value` and `is_called`.
///
/// # Errors
/// When the server cannot be reached, refuses a statement, or takes longer than the limit.
pub async fn sequences(config: &Config, limit: Duration) -> Result<Vec<Table>, DigestError> {
    let how = How { snapshot: None, views: Views::Stored, connections: 1, workers: 0, limit };
    let read = async { of(&Session::open(config, &how, None).await?).await };
    tokio::time::timeout(limit, read).await.unwrap_or(Err(DigestError::Late { limit }))
}

pub(super) async fn of(session: &Session) -> Result<Vec<Table>, DigestError> {
    let names = session.rows("the list of sequences", LIST).await?;
    let names: Vec<String> = names.into_iter().flatten().flatten().collect();
    let mut tables = Vec::with_capacity(names.len());
    for group in names.chunks(AT_ONCE) {
        let each = group.iter().enumerate().map(|(at, name)| {
            format!(
                "SELECT {at}, last_value, CASE WHEN is_called THEN 'called' ELSE 'not called' END FROM {name}"
            )
        });
        let sql = format!("{} ORDER BY 1", each.collect::<Vec<_>>().join(" UNION ALL "));
        let rows = session.rows("a sequence", &sql).await?;
        for (name, row) in group.iter().zip(rows) {
            let [_, Some(value), Some(called)] = row.as_slice() else {
                return Err(DigestError::Unreadable { subject: name.clone() });
            };
            tables.push(Table { name: name.clone(), rows: 1, digest: format!("{value} {called}") });
        }
    }
    Ok(tables)
}
