//! Everything that holds no rows, by class: how many, and a digest of their definitions.

use super::DigestError;
use super::session::Session;
use crate::manifest::Objects;
use std::collections::BTreeMap;

/// Casts, as PostgreSQL writes them into definitions.
const CASTS: &str = r#"'::("[^"]+"|[a-z_0-9]+)(\.("[^"]+"|[a-z_0-9]+))?(\([0-9, ]+\))?( varying| precision| with(out)? time zone)?(\([0-9, ]+\))?(\[\])*'"#;

/// The user's own schemas.
const OWN: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// Each class with the statement that gives name and definition of its objects. What belongs to an extension comes with
/// it; what PostgreSQL makes by itself (clones of a partitioned table's constraints and triggers) comes with what it is
/// made from; an index that is not valid is in no dump.
const CLASSES: &[(&str, &str)] = &[
    ("schema", "SELECT nspname, '' FROM pg_namespace n WHERE {own} AND {not_extension pg_namespace n}"),
    (
        "table",
        "SELECT c.oid::regclass, concat_ws(' ', c.relkind, c.relpersistence, c.reloptions, c.relrowsecurity,
                c.relforcerowsecurity, c.relreplident, CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END,
                pg_get_expr(c.relpartbound, c.oid),
                (SELECT string_agg(inhparent::regclass::text, ',' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = c.oid))
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'f') AND {own_relation}",
    ),
    (
        "column",
        "SELECT c.oid::regclass || '.' || quote_ident(a.attname),
                concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
                          a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid))
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE c.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped AND {own_relation}",
    ),
    (
        "index",
        "SELECT i.indexrelid::regclass, concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisunique, i.indisprimary,
                i.indisclustered, i.indisreplident)
         FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE (i.indisvalid OR c.relkind = 'p') AND {own_relation}",
    ),
    (
        "constraint",
        "SELECT c.oid::regclass || '.' || quote_ident(k.conname), concat_ws(' ', pg_get_constraintdef(k.oid), k.convalidated)
         FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE k.conparentid = 0 AND {own_relation}",
    ),
    (
        "trigger",
        "SELECT c.oid::regclass || '.' || quote_ident(t.tgname), concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
         FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND {own_relation}",
    ),
    (
        "rule",
        "SELECT c.oid::regclass || '.' || quote_ident(r.rulename), concat_ws(' ', pg_get_ruledef(r.oid), r.ev_enabled)
         FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE r.rulename <> '_RETURN' AND {own_relation}",
    ),
    (
        "policy",
        "SELECT c.oid::regclass || '.' || quote_ident(p.polname), concat_ws(' ', p.polcmd, p.polpermissive,
                pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
         FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {own_relation}",
    ),
    (
        "view",
        "SELECT c.oid::regclass, concat_ws(' ', c.reloptions, pg_get_viewdef(c.oid))
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v' AND {own_relation}",
    ),
    (
        "materialized view",
        "SELECT c.oid::regclass, concat_ws(' ', c.reloptions, pg_get_viewdef(c.oid))
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND {own_relation}",
    ),
    (
        "sequence",
        "SELECT c.oid::regclass, concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
                s.seqcache, s.seqcycle)
         FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE {own_relation}",
    ),
    (
        "statistics",
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(s.stxname), pg_get_statisticsobjdef(s.oid)
         FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
         WHERE {own} AND {not_extension pg_statistic_ext s}",
    ),
    (
        "function",
        "SELECT p.oid::regprocedure, pg_get_functiondef(p.oid)
         FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE p.prokind <> 'a' AND {own} AND {not_extension pg_proc p}",
    ),
    (
        "aggregate",
        "SELECT p.oid::regprocedure, concat_ws(' ', a.aggtransfn, a.aggfinalfn, a.aggtranstype::regtype, a.agginitval)
         FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE {own} AND {not_extension pg_proc p}",
    ),
    (
        "type",
        "SELECT t.oid::regtype, concat_ws(' ', t.typtype, format_type(NULLIF(t.typbasetype, 0), t.typtypmod),
                t.typnotnull, t.typdefault, (SELECT rngsubtype::regtype FROM pg_range WHERE rngtypid = t.oid),
                (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
                (SELECT string_agg(pg_get_constraintdef(oid), ',' ORDER BY conname) FROM pg_constraint WHERE contypid = t.oid),
                (SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ',' ORDER BY attnum)
                 FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped))
         FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
         WHERE (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c') AND {own} AND {not_extension pg_type t}",
    ),
    (
        "event trigger",
        "SELECT quote_ident(e.evtname), concat_ws(' ', e.evtevent, e.evtfoid::regproc, e.evtenabled, e.evttags)
         FROM pg_event_trigger e WHERE {not_extension pg_event_trigger e}",
    ),
    (
        "comment",
        "SELECT i.identity, d.description FROM pg_description d,
                LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
         WHERE d.objoid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid
               AND e.objid = d.objoid AND e.deptype = 'e')",
    ),
];

/// Every class, in the order above; those without objects as well.
pub(super) async fn objects(session: &Session) -> Result<Vec<Objects>, DigestError> {
    let classes = CLASSES.iter().enumerate().map(|(at, (class, sql))| statement(at, class, sql));
    let sql = format!("{} ORDER BY 1", classes.collect::<Vec<_>>().join(" UNION ALL "));
    let subject = "the definitions of tables, functions and the like";
    let unreadable = || DigestError::Unreadable { subject: subject.to_owned() };
    let rows = session.rows(subject, &sql).await?;
    rows.into_iter()
        .map(|row| {
            let [_, Some(class), Some(count), Some(digest)] =
                <[_; 4]>::try_from(row).map_err(|_| unreadable())?
            else {
                return Err(unreadable());
            };
            let count = count.parse().map_err(|_| unreadable())?;
            Ok(Objects { class, count, digest })
        })
        .collect()
}

/// The extensions, each with its version.
pub(super) async fn extensions(session: &Session) -> Result<BTreeMap<String, String>, DigestError> {
    let rows = session.rows("the extensions", "SELECT extname, extversion FROM pg_extension").await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| match <[_; 2]>::try_from(row) {
            Ok([Some(name), Some(version)]) => Some((name, version)),
            _ => None,
        })
        .collect())
}

fn statement(at: usize, class: &str, sql: &str) -> String {
    let sql =
        sql.replace("{own_relation}", "{own} AND c.relpersistence <> 't' AND {not_extension pg_class c}");
    let sql = without_extensions(&sql.replace("{own}", OWN));
    // Casts and parentheses come out differently when a definition that was restored is written again.
    format!(
        r#"SELECT {at}, '{class}', count(*), coalesce(sum(hashtextextended((o.name || ' ' ||
             translate(regexp_replace(o.definition, {CASTS}, '', 'g'), E'() \n\t', '')) COLLATE "C", 0)), 0)::text
           FROM (SELECT * FROM ({sql}) AS raw(identity, text)) AS all_of,
                LATERAL (SELECT all_of.identity::text AS name, coalesce(all_of.text::text, '') AS definition) o"#
    )
}

/// `{not_extension CATALOGUE ALIAS}`: it is no member of an extension.
fn without_extensions(sql: &str) -> String {
    let mut parts = sql.split("{not_extension ");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (what, rest) = part.split_once('}').unwrap_or((part, ""));
        let (catalogue, alias) = what.split_once(' ').unwrap_or((what, "c"));
        whole.push_str(&format!(
            "NOT EXISTS (SELECT FROM pg_depend member WHERE member.classid = '{catalogue}'::regclass
                AND member.objid = {alias}.oid AND member.deptype = 'e')"
        ));
        whole.push_str(rest);
    }
    whole
}
