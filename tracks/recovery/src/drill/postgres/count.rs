//! Counting what was restored, where no manifest says what it should be.

use super::LIMIT;
use super::ready::Ready;
use super::session::{QUICK, Session};
use super::stand::Stand;
use crate::drill::course::{Course, Stopped};
use crate::report::{Class, Verified};

/// Whatever holds rows of its own, and was not made by the system or an extension.
const RELATIONS: &str = "
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1";

/// Counts tables and rows of every database, and compares them with what the dump says of itself.
pub(super) async fn count(
    course: &Course,
    stand: &Stand,
    ready: Option<&Ready>,
    restored_as: Option<&str>,
    reason: String,
) -> Result<(), Stopped> {
    let failed = |error: String| course.stop(Class::Content, "the restored databases", error);
    let (mut tables, mut rows) = (0, 0);
    for database in stand.databases().await.map_err(failed)? {
        let session = stand.open(&database).await.map_err(failed)?;
        for table in session.names(RELATIONS).await.map_err(failed)? {
            rows += rows_of(&session, &table, "ONLY ").await.map_err(failed)?;
            tables += 1;
        }
        if let Some(ready) = ready {
            let own = restored_as == Some(database.as_str());
            by_the_dump(course, &session, ready, &database, own).await.map_err(failed)?;
        }
    }
    let expected = ready.map_or(0, |ready| ready.script.tables);
    if tables == 0 && expected > 0 {
        let message = format!("the dump makes {expected} tables, none is there");
        course.problem(Class::Content, "the restored databases", message);
    } else if rows == 0 && tables > 0 {
        let message = match ready.is_some_and(|ready| ready.has_rows) {
            true => format!("not one row in {tables} tables, though the dump holds rows"),
            false => {
                format!("not one row in {tables} tables: a backup of definitions alone restores no data")
            }
        };
        course.problem(Class::Content, "the restored databases", message);
    }
    course.content(Verified::Counted { tables, rows, reason });
    Ok(())
}

/// Compares each table of one database with the rows that the text of the dump holds for it.
async fn by_the_dump(
    course: &Course,
    session: &Session,
    ready: &Ready,
    database: &str,
    own: bool,
) -> Result<(), String> {
    let of_this = ready.script.rows.iter().filter(|((of, _), _)| of == database || of.is_empty() && own);
    for ((_, table), expected) in of_this {
        // A partitioned table has its rows in its parts, to which some dumps leave the sharing out.
        let parted = session
            .rows("SELECT FROM pg_class WHERE oid = to_regclass($1) AND relkind = 'p'", &[table], QUICK)
            .await?;
        let only = if parted.is_empty() { "ONLY " } else { "" };
        match rows_of(session, table, only).await {
            Ok(observed) if observed == *expected => {}
            Ok(observed) => {
                let message = format!("the dump holds {expected} rows, observed {observed}");
                course.problem(Class::Content, format!("{database}: {table}"), message);
            }
            Err(error) => course.problem(Class::Content, format!("{database}: {table}"), error),
        }
    }
    Ok(())
}

async fn rows_of(session: &Session, table: &str, only: &str) -> Result<u64, String> {
    let query = format!("SELECT count(*) FROM {only}{table}");
    let rows = session.rows(&query, &[], LIMIT).await.map_err(|error| format!("{table}: {error}"))?;
    let count: i64 = rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or_default();
    Ok(count.unsigned_abs())
}
