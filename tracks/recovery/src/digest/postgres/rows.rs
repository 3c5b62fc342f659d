//! The statement that counts and digests the rows of a table.

use super::tables::Column;
use std::fmt::Write as _;

/// A function takes 100 arguments at most.
const MOST: usize = 90;

/// Stands between two columns: a character that next to no text holds.
const BETWEEN: &str = r"E'\x1f'";

/// Begins the text of a row with nulls, in which each column has its mark.
const WITH_NULLS: &str = r"E'\x1e'";

/// Every large object, by the MD5 of each MiB of it: their pages lie differently after a restore.
pub(super) const LARGE_OBJECTS: &str = r"
SELECT count(*), coalesce(sum(hashtextextended(m.oid::text || ':' || parts.md5, 0)), 0)
FROM pg_largeobject_metadata m CROSS JOIN LATERAL (
  WITH RECURSIVE part(number, data) AS (
    SELECT 0::bigint, lo_get(m.oid, 0, 1048576)
    UNION ALL
    SELECT number + 1, lo_get(m.oid, (number + 1) * 1048576, 1048576) FROM part WHERE length(data) = 1048576)
  SELECT string_agg(md5(data), '' ORDER BY number) AS md5 FROM part) parts";

/// Counts and digests `from`, whose rows are called `t`.
///
/// `concat_ws` is several times as fast as the text of a whole row, but passes over nulls: so the (rarer) rows that
/// have one get a mark for each column. Where one text ends and the next begins is told by their lengths, in the seed.
pub(super) fn digest(columns: &[Column], from: &str) -> String {
    if columns.is_empty() {
        return format!("SELECT count(*), 0 FROM {from}");
    }
    let values: Vec<_> = columns.iter().map(|column| format!("t.{}", column.name)).collect();
    let nullable: Vec<_> =
        columns.iter().filter(|column| column.nullable).map(|column| format!("t.{}", column.name)).collect();
    let plain = joined(&values);
    let text = if nullable.is_empty() {
        plain
    } else {
        // Of a composite value `IS NULL` would ask about its fields.
        let marked = values.iter().map(|value| format!("{value} IS NOT DISTINCT FROM NULL, {value}"));
        let marked = joined_pairs(&marked.collect::<Vec<_>>());
        format!("CASE WHEN {} = 0 THEN {plain} ELSE concat({WITH_NULLS}, {marked}) END", nulls(&nullable))
    };
    let seed = seed(columns);
    format!(r#"SELECT count(*), coalesce(sum(hashtextextended({text} COLLATE "C", {seed})), 0) FROM {from}"#)
}

/// Every text's length, each weighed by its place.
fn seed(columns: &[Column]) -> String {
    let texts = columns.iter().filter(|column| column.is_text).enumerate();
    texts.fold("0".to_owned(), |mut seed, (at, column)| {
        // Writing to a string cannot fail.
        let _ = write!(seed, " + {} * coalesce(octet_length(t.{}), 0)::bigint", at + 1, column.name);
        seed
    })
}

fn joined(values: &[String]) -> String {
    nested(values, MOST)
}

/// The same for values that are two arguments each.
fn joined_pairs(values: &[String]) -> String {
    nested(values, MOST / 2)
}

fn nested(values: &[String], most: usize) -> String {
    if values.len() <= most {
        return format!("concat_ws({BETWEEN}, {})", values.join(", "));
    }
    let groups: Vec<_> = values.chunks(most).map(|group| nested(group, most)).collect();
    nested(&groups, most)
}

/// How many of these are null.
fn nulls(values: &[String]) -> String {
    let groups: Vec<_> =
        values.chunks(MOST).map(|group| format!("num_nulls({})", group.join(", "))).collect();
    groups.join(" + ")
}
