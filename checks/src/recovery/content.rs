//! The content of a database as the judge sees it: in plain SQL of its own, so that nothing is believed because the track
//! believes it.

use sabot_engine::{Context as _, Judgement};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls};

/// How long reading a whole database may take.
const LIMIT: Duration = Duration::from_secs(40);

/// The same texts whatever the server's settings are, and every row whatever its policies say.
const SETTINGS: &str = "SET DateStyle = 'ISO, YMD'; SET TimeZone = 'UTC'; SET IntervalStyle = 'postgres'; \
    SET extra_float_digits = 1; SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET row_security = off; \
    SET search_path = pg_catalog";

/// What is no schema of anybody's own, nor part of an extension.
const OWN: &str = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%' AND \
    NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')";

/// Indexes, constraints, columns and so on, by class.
const DEFINITIONS: &str = include_str!("content/definitions.sql");

/// What a database holds: by name, how many rows or objects, and a digest of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Content {
    /// Tables, materialized views, sequences, large objects.
    pub(super) rows: BTreeMap<String, (i64, String)>,
    /// Indexes, constraints, columns and so on, by class.
    pub(super) objects: BTreeMap<String, (i64, String)>,
    /// Which of the tables are unlogged.
    unlogged: BTreeSet<String>,
}

impl Content {
    /// Reads all of it over `client`.
    pub(super) async fn read(client: &Client) -> Judgement<Self> {
        let read = timeout(LIMIT, read(client)).await;
        read.context(format!("reading a whole database within {LIMIT:?}"))?
    }

    /// How many tables there are, and rows in them.
    pub(super) fn size(&self) -> (usize, i64) {
        (self.rows.len(), self.rows.values().map(|(count, _)| count).sum())
    }

    /// Without the rows of unlogged tables, which no base backup holds: PostgreSQL empties them when it recovers.
    pub(super) fn once_recovered(mut self) -> Self {
        self.rows.retain(|table, _| !self.unlogged.contains(table));
        self
    }

    /// What differs in `other`, one line for each table or class.
    pub(super) fn differences(&self, other: &Self) -> Vec<Difference> {
        differ("", &self.rows, &other.rows)
            .chain(differ("all of class ", &self.objects, &other.objects))
            .collect()
    }
}

/// One table or class that is not the same.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) subject: String,
    pub(super) expected: String,
    pub(super) observed: String,
}

fn differ<'a>(
    prefix: &'a str,
    ours: &'a BTreeMap<String, (i64, String)>,
    theirs: &'a BTreeMap<String, (i64, String)>,
) -> impl Iterator<Item = Difference> + 'a {
    let names = ours.keys().chain(theirs.keys().filter(|name| !ours.contains_key(*name)));
    let told = |found: Option<&(i64, String)>| {
        found
            .map_or_else(|| "not there".into(), |(count, digest)| format!("{count} with the digest {digest}"))
    };
    names.filter(|name| ours.get(*name) != theirs.get(*name)).map(move |name| Difference {
        subject: format!("{prefix}{name}"),
        expected: told(ours.get(name)),
        observed: told(theirs.get(name)),
    })
}

/// A connection to `database` of the server at `url`, which names another one perhaps.
pub(super) async fn connect(url: &str, database: &str) -> Judgement<Client> {
    let mut config: Config = url.parse().context("reading the address of the restored server")?;
    config.dbname(database).connect_timeout(Duration::from_secs(10));
    let (client, connection) = config.connect(NoTls).await.context("connecting to the restored server")?;
    // It ends with its client.
    tokio::spawn(connection);
    Ok(client)
}

async fn read(client: &Client) -> Judgement<Content> {
    client.batch_execute(SETTINGS).await.context("settling how values are written")?;
    let mut content = Content::default();
    let tables = format!(
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind = 'S', c.relpersistence = 'u' \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'm', 'S') AND c.relpersistence <> 't' AND {OWN} ORDER BY 1"
    );
    for row in client.query(&tables, &[]).await.context("listing tables")? {
        let (table, sequence, unlogged): (String, bool, bool) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let rows = if sequence {
            format!("(SELECT last_value, is_called FROM {table})")
        } else {
            format!("ONLY {table}")
        };
        let digest = format!(
            "SELECT count(*), coalesce(md5(string_agg(digest, '' ORDER BY digest)), '') \
             FROM (SELECT md5((whole.*)::text) AS digest FROM {rows} AS whole) AS digests"
        );
        let row = client.query_one(&digest, &[]).await.context(format!("reading {table}"))?;
        if unlogged {
            content.unlogged.insert(table.clone());
        }
        content.rows.insert(table, (row.try_get(0)?, row.try_get(1)?));
    }
    let large = "SELECT count(*), coalesce(md5(string_agg(oid::text || md5(lo_get(oid)), ',' ORDER BY oid)), '') \
                 FROM pg_largeobject_metadata";
    let row = client.query_one(large, &[]).await.context("reading large objects")?;
    content.rows.insert("large objects".into(), (row.try_get(0)?, row.try_get(1)?));
    for row in client.query(DEFINITIONS, &[]).await.context("reading definitions")? {
        content.objects.insert(row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(rows: &[(&str, i64, &str)]) -> Content {
        let rows =
            rows.iter().map(|(name, count, digest)| ((*name).into(), (*count, (*digest).into()))).collect();
        Content { rows, ..Content::default() }
    }

    #[test]
    fn what_is_missing_new_or_changed_differs() {
        let ours = content(&[("a", 1, "x"), ("b", 2, "y"), ("c", 3, "z")]);
        let theirs = content(&[("a", 1, "x"), ("b", 2, "other"), ("d", 4, "w")]);
        let subjects: Vec<_> = ours.differences(&theirs).into_iter().map(|one| one.subject).collect();
        assert_eq!(subjects, ["b", "c", "d"]);
        assert_eq!(ours.differences(&ours), []);
    }
}
