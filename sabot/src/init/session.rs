//! The look at a database: one connection that can write nothing, a time limit on all that it asks, and the catalogue.

use super::table::{Column, Constraint, ConstraintSort, Sort, Table};
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls, Row};

/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How long one query may take here; the server itself ends it a little before.
const QUERY_LIMIT: Duration = Duration::from_secs(15);

/// What every session of ours asks of the server, `pg_dump`'s too.
const READ_ONLY: &str = "-c default_transaction_read_only=on -c statement_timeout=12s -c lock_timeout=3s \
                         -c idle_in_transaction_session_timeout=60s";

/// The most columns that are read; a schema beyond it is read in part.
const MOST_COLUMNS: i64 = 50_000;

/// A database that is to be looked at.
#[derive(Debug)]
pub(crate) struct Source {
    /// How to connect, so that nothing can be written.
    pub(crate) config: Config,
    /// What the database is called.
    pub(crate) name: String,
    /// Where it is, without user and password.
    pub(crate) place: String,
}

/// Why a database can't be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(
        "{given} is no address of a database; give postgres://USER@HOST:PORT/DATABASE with --database-url, or in DATABASE_URL"
    )]
    Address { given: &'static str },
    #[error(
        "this looks without TLS, and the address asks for it; give one with sslmode=prefer, such as that of a tunnel"
    )]
    Tls,
    #[error(
        "the database {place} can't be reached: {why}; start it, or give another address with --database-url"
    )]
    Unreachable { place: String, why: String },
    #[error("the database {place} did not let {what} be read: {why}")]
    Refused { place: String, what: &'static str, why: String },
}

impl Source {
    /// Reads an address that was given as `from`, which holds no part of it.
    ///
    /// # Errors
    /// [`Unreadable::Address`], [`Unreadable::Tls`].
    pub(crate) fn of(url: &str, from: &'static str) -> Result<Self, Unreadable> {
        // The parser's error may repeat parts of the address.
        let mut config: Config = url.parse().map_err(|_| Unreadable::Address { given: from })?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(Unreadable::Tls);
        }
        if let (None, Ok(password)) = (config.get_password(), std::env::var("PGPASSWORD")) {
            config.password(password);
        }
        let name =
            config.get_dbname().or(config.get_user()).ok_or(Unreadable::Address { given: from })?.to_owned();
        let options = config.get_options().map(|own| format!("{own} ")).unwrap_or_default();
        config.options(format!("{options}{READ_ONLY}"));
        config.application_name("sabot init").connect_timeout(CONNECT_LIMIT);
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            Some(Host::Unix(folder)) => folder.display().to_string(),
            None => return Err(Unreadable::Address { given: from }),
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let place = format!("{name} on {host}:{port}");
        Ok(Self { config, name, place })
    }

    /// The password, where there is one.
    pub(crate) fn password(&self) -> Option<String> {
        self.config.get_password().map(|password| String::from_utf8_lossy(password).into_owned())
    }
}

/// The major version of the server, and its tables but for its own and those of extensions.
///
/// # Errors
/// [`Unreadable`], when it can't be reached or does not answer.
pub(crate) async fn tables(source: &Source) -> Result<(u32, Vec<Table>), Unreadable> {
    let unreachable = |why| Unreadable::Unreachable { place: source.place.clone(), why };
    let (client, connection) =
        limited(CONNECT_LIMIT, source.config.connect(NoTls)).await.map_err(unreachable)?;
    let driver = tokio::spawn(connection);
    let read = read(&client, source).await;
    driver.abort();
    read
}

async fn read(client: &Client, source: &Source) -> Result<(u32, Vec<Table>), Unreadable> {
    let ask = async |what, sql: &str, limit: &i64| {
        let params: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
            if sql.contains("$1") { &[limit] } else { &[] };
        let refused = |why| Unreadable::Refused { place: source.place.clone(), what, why };
        limited(QUERY_LIMIT, client.query(sql, params)).await.map_err(refused)
    };
    let version = ask("its version", VERSION, &0).await?;
    let columns = ask("its tables", COLUMNS, &MOST_COLUMNS).await?;
    let constraints = ask("its constraints", CONSTRAINTS, &MOST_COLUMNS).await?;
    let major = version.first().and_then(|row| row.try_get::<_, i32>(0).ok()).unwrap_or(0);
    let mut tables: Vec<Table> = Vec::new();
    for row in &columns {
        let (name, column) = column(row).map_err(|error| Unreadable::Refused {
            place: source.place.clone(),
            what: "its tables",
            why: error.to_string(),
        })?;
        match tables.last_mut().filter(|table| table.name == name) {
            Some(table) => table.columns.push(column),
            None => tables.push(Table { name, columns: vec![column], constraints: Vec::new() }),
        }
    }
    for row in &constraints {
        // One that can't be read tells nothing, and that is all.
        let Ok((name, constraint)) = constraint(row) else { continue };
        if let Some(table) = tables.iter_mut().find(|table| table.name == name) {
            table.constraints.push(constraint);
        }
    }
    Ok((u32::try_from(major).unwrap_or(0), tables))
}

async fn limited<T>(
    limit: Duration,
    asking: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, String> {
    match timeout(limit, asking).await {
        Ok(answer) => answer.map_err(|error| said(&error)),
        Err(_) => Err(format!("no answer within {limit:?}")),
    }
}

/// What the server said, else what the driver says.
fn said(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

const VERSION: &str = "SELECT current_setting('server_version_num')::int4 / 10000";

/// Schema and table, column, type, and of an enum its name and values; in the order of tables.
const COLUMNS: &str = "
    SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname,
           a.attname::text,
           CASE t.typtype WHEN 'd' THEN base.typname ELSE t.typname END::text,
           CASE WHEN t.typtype = 'e' THEN
               CASE tn.nspname WHEN 'public' THEN '' ELSE tn.nspname || '.' END || t.typname END,
           ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_type base ON base.oid = t.typbasetype
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
      AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY n.nspname, c.relname, a.attnum
    LIMIT $1";

fn column(row: &Row) -> Result<(String, Column), tokio_postgres::Error> {
    let of_enum: Option<String> = row.try_get(3)?;
    let values: Vec<String> = row.try_get(4)?;
    let sort = Sort::of(row.try_get(2)?);
    Ok((row.try_get(0)?, Column { name: row.try_get(1)?, sort, of_enum: of_enum.map(|name| (name, values)) }))
}

/// Table, name, sort, columns, what it says, and the table and column that it refers to.
const CONSTRAINTS: &str = "
    SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname,
           con.conname::text,
           con.contype::text,
           ARRAY(SELECT a.attname::text FROM unnest(con.conkey) WITH ORDINALITY k (attnum, place)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.attnum ORDER BY k.place),
           pg_catalog.pg_get_constraintdef(con.oid),
           CASE fn.nspname WHEN 'public' THEN '' ELSE fn.nspname || '.' END || fc.relname,
           (SELECT a.attname::text FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = con.confrelid AND a.attnum = con.confkey[1])
    FROM pg_catalog.pg_constraint con
    JOIN pg_catalog.pg_class c ON c.oid = con.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_class fc ON fc.oid = con.confrelid
    LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
    WHERE con.contype IN ('c', 'u', 'p', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
    ORDER BY 1, 2
    LIMIT $1";

fn constraint(row: &Row) -> Result<(String, Constraint), tokio_postgres::Error> {
    let refers: (Option<String>, Option<String>) = (row.try_get(5)?, row.try_get(6)?);
    let sort = match (row.try_get::<_, &str>(2)?, refers) {
        ("c", _) => ConstraintSort::Check,
        ("f", (Some(table), Some(column))) => ConstraintSort::Refers { table, column },
        _ => ConstraintSort::Unique,
    };
    let constraint =
        Constraint { name: row.try_get(1)?, sort, columns: row.try_get(3)?, text: row.try_get(4)? };
    Ok((row.try_get(0)?, constraint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_what_is_secret_in_it() {
        let source = Source::of("postgres://me:hunter22@db:5433/shop?options=-c%20geqo=off", "it").unwrap();
        assert_eq!((source.name.as_str(), source.place.as_str()), ("shop", "shop on db:5433"));
        let options = source.config.get_options().unwrap();
        assert!(options.starts_with("-c geqo=off -c default_transaction_read_only=on"), "{options}");
        for wrong in
            ["hunter22", "postgres://me:hunter22@db:port/shop", "postgres://me:hunter22@db/x?sslmode=require"]
        {
            let error = Source::of(wrong, "--database-url").unwrap_err().to_string();
            assert!(!error.contains("hunter22"), "{error}");
        }
    }

    #[tokio::test]
    async fn nothing_can_be_written_over_such_a_connection() {
        let database = sabot_sandbox::postgres::fresh_database().await.unwrap();
        database.connect().await.unwrap().batch_execute("CREATE TABLE t (id int4)").await.unwrap();
        let source = Source::of(&database.url(), "it").unwrap();
        let (client, connection) = source.config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        for writes in ["CREATE TABLE more ()", "INSERT INTO t VALUES (1)", "DROP TABLE t"] {
            let refused = said(&client.batch_execute(writes).await.unwrap_err());
            assert!(refused.contains("read-only transaction"), "{writes}: {refused}");
        }
        let (major, tables) = tables(&source).await.unwrap();
        assert!(major >= 13, "{major}");
        assert_eq!(tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["t"]);
    }
}
