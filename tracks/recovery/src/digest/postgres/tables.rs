//! What there is to digest.

use super::DigestError;
use super::session::Session;

/// Something that holds rows.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// Qualified, and quoted where SQL needs it.
    pub(super) name: String,
    /// In the order of their names.
    pub(super) columns: Vec<Column>,
    pub(super) source: Source,
}

/// Where its rows come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Table,
    /// A materialized view: its query, and its columns in their own order.
    View {
        query: String,
        columns: String,
        populated: bool,
    },
    LargeObjects,
}

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Quoted where SQL needs it.
    pub(super) name: String,
    /// Whether it may be null.
    pub(super) nullable: bool,
    /// Whether its text may hold any character.
    pub(super) is_text: bool,
}

/// Tables and materialized views, the largest first. Those of extensions are made by the extension; partitioned tables
/// have no rows but those of their partitions. 25 and 1043 are `text` and `varchar`.
const RELATIONS: &str = r#"
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind,
       CASE WHEN c.relkind = 'm' THEN rtrim(pg_get_viewdef(c.oid), '; ') END, c.relispopulated,
       a.names, a.nullable, a.texts, a.positions
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
  SELECT string_agg(quote_ident(attname), E'\n' ORDER BY attname COLLATE "C") AS names,
         string_agg(CASE WHEN attnotnull THEN 'f' ELSE 't' END, '' ORDER BY attname COLLATE "C") AS nullable,
         string_agg(CASE WHEN 25 IN (t.oid, t.typbasetype) OR 1043 IN (t.oid, t.typbasetype) THEN 't' ELSE 'f' END, ''
                    ORDER BY attname COLLATE "C") AS texts,
         string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS positions
  FROM pg_attribute JOIN pg_type t ON t.oid = atttypid
  WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) a ON true
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY pg_relation_size(c.oid) DESC, 1"#;

/// Everything whose rows are counted, large objects last.
pub(super) async fn list(session: &Session) -> Result<Vec<Relation>, DigestError> {
    let rows = session.rows("the list of tables", RELATIONS).await?;
    let mut relations = rows.into_iter().map(relation).collect::<Result<Vec<_>, _>>()?;
    let name = "pg_largeobject".to_owned();
    relations.push(Relation { name, columns: Vec::new(), source: Source::LargeObjects });
    Ok(relations)
}

fn relation(row: Vec<Option<String>>) -> Result<Relation, DigestError> {
    let unreadable = || DigestError::Unreadable { subject: "the list of tables".to_owned() };
    let [Some(name), Some(kind), query, populated, names, nullable, texts, positions] =
        <[_; 8]>::try_from(row).map_err(|_| unreadable())?
    else {
        return Err(unreadable());
    };
    // A name may hold a line break, and is quoted then: split where no quote is open.
    let names = names.map(|names| split(&names)).unwrap_or_default();
    let flags =
        |text: Option<String>| text.unwrap_or_default().into_bytes().into_iter().map(|byte| byte == b't');
    let columns: Vec<_> = names
        .into_iter()
        .zip(flags(nullable))
        .zip(flags(texts))
        .map(|((name, nullable), is_text)| Column { name, nullable, is_text })
        .collect();
    let source = match (kind.as_str(), query) {
        ("r", _) => Source::Table,
        (_, Some(query)) => {
            let populated = populated.as_deref() == Some("t");
            Source::View { query, columns: positions.unwrap_or_default(), populated }
        }
        _ => return Err(unreadable()),
    };
    Ok(Relation { name, columns, source })
}

/// Splits at line breaks that are in no quoted name.
fn split(names: &str) -> Vec<String> {
    let (mut parts, mut quoted) = (vec![String::new()], false);
    for character in names.chars() {
        match (character, parts.last_mut()) {
            ('\n', _) if !quoted => parts.push(String::new()),
            (character, Some(part)) => {
                quoted ^= character == '"';
                part.push(character);
            }
            (_, None) => {}
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_where_no_quote_is_open() {
        assert_eq!(split("a\n\"b\nc\"\n\"d\"\"\n\""), ["a", "\"b\nc\"", "\"d\"\"\n\""]);
    }
}
