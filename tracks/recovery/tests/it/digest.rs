//! The content of a database: the same for the same rows wherever they lie, another one for every change.

use sabot_recovery::digest::postgres::{How, Views, content, sequences};
use sabot_recovery::manifest::Database;
use sabot_sandbox::postgres::{Fresh, fresh_database};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Names that need quoting, a column called as the alias is, a table without columns, one of more columns than a
/// function takes arguments, types of every common kind, inheritance, partitions, large objects.
const SCHEMA: &str = r#"
CREATE SCHEMA "Odd schema";
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN short AS varchar(10) CHECK (VALUE <> 'x');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE t (t int PRIMARY KEY, "t.t" text, "a""b
c" text, m mood DEFAULT 'ok', status varchar CHECK (status IN ('a', 'b')));
INSERT INTO t SELECT i, 'text ' || i, NULLIF(i % 3, 0)::text, 'sad', 'a' FROM generate_series(1, 1000) i;
CREATE TABLE "Odd schema"."Select" (n numeric, f float8, b bytea, j json, jb jsonb, a int[], ts timestamptz, i interval,
  u uuid, r int4range, c "char", bp char(8), p pair, d short, x bit(3), o money, net inet, flag boolean, day date);
INSERT INTO "Odd schema"."Select" VALUES (1.50, 0.1, '\x00ff', '{"b":1, "a":2}', '{"b":1, "a":2}', '{1,NULL}', '2026-01-01',
  '1 day', gen_random_uuid(), '[1,5)', 'c', 'pad', ROW(NULL, NULL), 'short', '101', 12.5, '::1', true, '2026-01-01');
INSERT INTO "Odd schema"."Select" (p) VALUES (NULL);
CREATE TABLE nothing ();
INSERT INTO nothing SELECT FROM generate_series(1, 3);
CREATE TABLE empty (id int);
CREATE UNLOGGED TABLE unlogged AS SELECT 1 AS one;
CREATE TABLE parent (id int); CREATE TABLE child (own text) INHERITS (parent);
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 'own');
CREATE TABLE parts (id int, at date) PARTITION BY RANGE (id);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (10);
INSERT INTO parts SELECT i FROM generate_series(0, 9) i;
CREATE INDEX t_text ON t ("t.t") WHERE t > 5;
CREATE SEQUENCE counter; SELECT setval('counter', 41);
CREATE SEQUENCE fresh;
CREATE VIEW seen AS SELECT t.t FROM t WHERE "t.t" IN ('a', 'b');
CREATE MATERIALIZED VIEW counted (how_many) AS SELECT count(*) FROM t;
CREATE MATERIALIZED VIEW never AS SELECT 1 AS one WITH NO DATA;
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER noted BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION noted();
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE POLICY all_of ON t USING (true);
COMMENT ON TABLE t IS 'a table';
SELECT lo_from_bytea(7001, repeat('x', 3000000)::bytea); SELECT lo_from_bytea(7002, '');
"#;

async fn filled() -> Fresh {
    let fresh = fresh_database().await.unwrap();
    let client = fresh.connect().await.unwrap();
    client.batch_execute(SCHEMA).await.unwrap();
    let many: Vec<_> = (0..250).map(|number| format!("c{number} int DEFAULT {number}")).collect();
    client
        .batch_execute(&format!(
            "CREATE TABLE wide ({}); INSERT INTO wide DEFAULT VALUES; INSERT INTO wide (c7) VALUES (NULL)",
            many.join(", ")
        ))
        .await
        .unwrap();
    fresh
}

async fn told(fresh: &Fresh) -> Database {
    content(&fresh.config(), &How::fast(LIMIT)).await.unwrap()
}

/// What differs: tables, and classes of objects.
fn differences(a: &Database, b: &Database) -> Vec<String> {
    let tables = |one: &Database, other: &Database| -> Vec<String> {
        one.tables
            .iter()
            .filter(|table| !other.tables.contains(table))
            .map(|table| table.name.clone())
            .collect()
    };
    let classes = a.objects.iter().zip(&b.objects).filter(|(a, b)| a != b).map(|(a, _)| a.class.clone());
    let mut all: Vec<_> = [tables(a, b), tables(b, a), classes.collect()].concat();
    all.sort();
    all.dedup();
    all
}

#[tokio::test]
async fn everything_that_holds_rows_is_told() {
    let database = told(&filled().await).await;
    let rows: Vec<_> = database.tables.iter().map(|table| (table.name.as_str(), table.rows)).collect();
    let expected = [
        ("\"Odd schema\".\"Select\"", 2),
        ("pg_largeobject", 2),
        ("public.child", 1),
        ("public.counted", 1),
        ("public.counter", 1),
        ("public.empty", 0),
        ("public.fresh", 1),
        ("public.never", 0),
        ("public.nothing", 3),
        ("public.parent", 1),
        ("public.parts_low", 10),
        ("public.t", 1000),
        ("public.unlogged", 1),
        ("public.wide", 2),
    ];
    assert_eq!(rows, expected);
    let digest = |name: &str| database.tables.iter().find(|table| table.name == name).unwrap().digest.clone();
    assert_eq!(digest("public.counter"), "41 called");
    assert_eq!(digest("public.fresh"), "1 not called");
    assert_eq!(digest("public.never"), "not populated");
    let counts: Vec<_> =
        database.objects.iter().map(|o| (o.class.as_str(), o.count)).filter(|o| o.1 > 0).collect();
    let expected = [
        ("schema", 2),
        ("table", 10),
        ("column", 283),
        ("index", 2),
        ("constraint", 2),
        ("trigger", 1),
        ("policy", 1),
        ("view", 1),
        ("materialized view", 2),
        ("sequence", 2),
        ("function", 2),
        ("aggregate", 1),
        ("type", 3),
        ("comment", 1),
    ];
    assert_eq!(counts, expected);
    assert_eq!(database.extensions.keys().collect::<Vec<_>>(), ["plpgsql"]);
}

#[tokio::test]
async fn the_same_content_in_another_order_and_place_is_the_same() {
    let fresh = filled().await;
    let before = told(&fresh).await;
    let client = fresh.connect().await.unwrap();
    let sql = r#"CREATE TABLE copy AS SELECT * FROM t; TRUNCATE t; INSERT INTO t SELECT * FROM copy ORDER BY t DESC;
        DROP TABLE copy; SET DateStyle = 'German'; SET extra_float_digits = -5;"#;
    client.batch_execute(sql).await.unwrap();
    client.batch_execute("VACUUM FULL").await.unwrap();
    assert_eq!(told(&fresh).await, before);
    let slow = How { connections: 1, workers: 0, ..How::fast(LIMIT) };
    assert_eq!(content(&fresh.config(), &slow).await.unwrap(), before);
}

#[tokio::test]
async fn every_change_is_seen() {
    let fresh = filled().await;
    let client = fresh.connect().await.unwrap();
    let before = told(&fresh).await;
    let cases: &[(&str, &[&str])] = &[
        ("UPDATE t SET \"t.t\" = 'text 8' WHERE t = 7", &["public.t"]),
        ("DELETE FROM t WHERE t = 7", &["public.t"]),
        ("INSERT INTO nothing DEFAULT VALUES", &["public.nothing"]),
        ("INSERT INTO parts VALUES (7)", &["public.parts_low"]),
        ("UPDATE t SET \"a\"\"b\nc\" = '' WHERE t = 3", &["public.t"]),
        ("UPDATE t SET \"t.t\" = \"a\"\"b\nc\", \"a\"\"b\nc\" = \"t.t\" WHERE t = 1", &["public.t"]),
        ("UPDATE wide SET c7 = 7 WHERE c7 IS NULL", &["public.wide"]),
        ("UPDATE wide SET c249 = 0 WHERE c7 IS NOT NULL", &["public.wide"]),
        ("UPDATE \"Odd schema\".\"Select\" SET n = 1.5 WHERE n = 1.50", &["\"Odd schema\".\"Select\""]),
        ("UPDATE \"Odd schema\".\"Select\" SET p = NULL", &["\"Odd schema\".\"Select\""]),
        (
            "UPDATE \"Odd schema\".\"Select\" SET j = '{\"a\":2, \"b\":1}' WHERE n = 1.5",
            &["\"Odd schema\".\"Select\""],
        ),
        ("UPDATE parent SET id = 3 WHERE id = 2", &["public.child"]),
        ("SELECT lo_put(7001, 2500000, 'y')", &["pg_largeobject"]),
        ("SELECT lo_unlink(7002)", &["pg_largeobject"]),
        ("SELECT nextval('counter')", &["public.counter"]),
        ("SELECT nextval('fresh')", &["public.fresh"]),
        ("ALTER SEQUENCE counter CACHE 5", &["sequence"]),
        ("DROP INDEX t_text", &["index"]),
        ("ALTER TABLE t DISABLE TRIGGER noted", &["trigger"]),
        ("DROP TRIGGER noted ON t", &["trigger"]),
        ("ALTER TABLE t DROP CONSTRAINT t_status_check", &["constraint"]),
        ("ALTER TYPE mood ADD VALUE 'glad'", &["type"]),
        ("CREATE OR REPLACE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 3'", &["function"]),
        ("CREATE OR REPLACE VIEW seen AS SELECT t.t FROM t WHERE \"t.t\" IN ('a', 'c')", &["view"]),
        ("ALTER TABLE t ALTER m SET DEFAULT 'sad'", &["column"]),
        ("DROP POLICY all_of ON t", &["policy"]),
        ("COMMENT ON TABLE t IS NULL", &["comment"]),
        ("DROP TABLE empty", &["column", "public.empty", "table"]),
    ];
    let mut last = before;
    for (sql, changed) in cases {
        client.batch_execute(sql).await.unwrap();
        let now = told(&fresh).await;
        assert_eq!(differences(&last, &now), *changed, "{sql}");
        last = now;
    }
}

#[tokio::test]
async fn texts_that_only_move_over_to_the_next_column_differ() {
    let fresh = fresh_database().await.unwrap();
    let client = fresh.connect().await.unwrap();
    client
        .batch_execute("CREATE TABLE m (a text, b text); INSERT INTO m VALUES (E'x\\x1fy', 'z')")
        .await
        .unwrap();
    let before = told(&fresh).await;
    client.batch_execute("UPDATE m SET a = 'x', b = E'y\\x1fz'").await.unwrap();
    assert_eq!(differences(&before, &told(&fresh).await), ["public.m"]);
}

#[tokio::test]
async fn a_null_that_only_changes_places_differs() {
    let fresh = fresh_database().await.unwrap();
    let client = fresh.connect().await.unwrap();
    client.batch_execute("CREATE TABLE n (a int, b int); INSERT INTO n VALUES (1, NULL)").await.unwrap();
    let before = told(&fresh).await;
    client.batch_execute("UPDATE n SET a = NULL, b = 1").await.unwrap();
    assert_eq!(differences(&before, &told(&fresh).await), ["public.n"]);
}

#[tokio::test]
async fn a_snapshot_is_read_as_it_was_and_a_view_as_it_will_be() {
    let fresh = filled().await;
    let mut client = fresh.connect().await.unwrap();
    client.batch_execute("DELETE FROM t WHERE t > 900").await.unwrap();
    let before = told(&fresh).await;
    let holder = client.build_transaction().isolation_level(tokio_postgres::IsolationLevel::RepeatableRead);
    let holder = holder.start().await.unwrap();
    let snapshot: String = holder.query_one("SELECT pg_export_snapshot()", &[]).await.unwrap().get(0);
    let other = fresh.connect().await.unwrap();
    other.batch_execute("DELETE FROM t; SELECT nextval('counter')").await.unwrap();
    let how = How { snapshot: Some(snapshot), ..How::fast(LIMIT) };
    let seen = content(&fresh.config(), &how).await.unwrap();
    // Sequences take no part in snapshots.
    assert_eq!(differences(&before, &seen), ["public.counter"]);
    let refreshed = content(&fresh.config(), &How { views: Views::Refreshed, ..how }).await.unwrap();
    assert_eq!(differences(&seen, &refreshed), ["public.counted"]);
    drop(holder);
    other
        .batch_execute(
            "INSERT INTO t SELECT i, '' FROM generate_series(1, 900) i; REFRESH MATERIALIZED VIEW counted",
        )
        .await
        .unwrap();
    let counted = |database: &Database| database.tables.iter().find(|t| t.name == "public.counted").cloned();
    assert_eq!(counted(&told(&fresh).await), counted(&refreshed));
    let stand = sequences(&fresh.config(), LIMIT).await.unwrap();
    assert_eq!(stand.iter().map(|s| s.digest.as_str()).collect::<Vec<_>>(), ["42 called", "1 not called"]);
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let fresh = filled().await;
    let client = fresh.connect().await.unwrap();
    client
        .batch_execute(
            "CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT USAGE ON SCHEMA \"Odd schema\" TO reader",
        )
        .await
        .unwrap();
    let mut config = fresh.config();
    config.user("reader").password("reader");
    let error = content(&config, &How::fast(LIMIT)).await.unwrap_err().to_string();
    assert!(error.contains("could not be digested; may this user read it?"), "{error}");
    let mut nobody = fresh.config();
    nobody.port(1);
    assert!(content(&nobody, &How::fast(LIMIT)).await.unwrap_err().to_string().contains("no connection"));
}
