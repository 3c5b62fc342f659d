//! What a real PostgreSQL declares.

use sabot_contract::source::postgres::{check_values, enum_values, lookup_values};
use sabot_contract::{Names, SourceError};
use sabot_sandbox::postgres::{Fresh, fresh_database};
use tokio_postgres::Client;

/// A fresh database with what `sql` makes.
async fn database(sql: &str) -> (Fresh, Client) {
    let database = fresh_database().await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute(sql).await.unwrap();
    (database, client)
}

fn list(names: &Names) -> Vec<&str> {
    names.iter().map(|(name, _)| name).collect()
}

fn says(outcome: Result<Names, SourceError>) -> String {
    outcome.unwrap_err().to_string()
}

const ENUMS: &str = r#"
    CREATE TYPE propagation_kind AS ENUM ('tier_elevation', 'it''s', 'a b');
    CREATE SCHEMA "Odd Schema";
    CREATE TYPE "Odd Schema"."Kind" AS ENUM ('odd');
    CREATE DOMAIN word AS text"#;

#[tokio::test]
async fn an_enum_is_read_by_its_name_also_in_a_schema_that_must_be_quoted() {
    let (_database, client) = database(ENUMS).await;
    let names = enum_values(&client, "propagation_kind").await.unwrap();
    assert_eq!(list(&names), ["a b", "it's", "tier_elevation"]);
    assert_eq!(names.iter().next().unwrap().1[0].to_string(), "enum propagation_kind");
    assert_eq!(list(&enum_values(&client, "public.propagation_kind").await.unwrap()), list(&names));
    assert_eq!(list(&enum_values(&client, r#""Odd Schema"."Kind""#).await.unwrap()), ["odd"]);
}

#[tokio::test]
async fn a_type_that_is_no_enum_and_one_that_is_not_there_are_told_apart() {
    let (_database, client) = database(ENUMS).await;
    for no_enum in ["word", "integer", "propagation_kind[]"] {
        assert!(says(enum_values(&client, no_enum).await).contains("is a type, but no enum"), "{no_enum}");
    }
    let gone = says(enum_values(&client, "propagation_kinds").await);
    assert_eq!(
        gone,
        "enum propagation_kinds: is not in this database; name it as `type` or `schema.type`; did you mean \
         \"propagation_kind\"?"
    );
}

const CHECKS: &str = r#"
    CREATE SCHEMA "Odd Schema";
    CREATE TYPE grade AS ENUM ('low', 'high');
    CREATE TABLE "Odd Schema"."Log" (
        "Kind" varchar(40) CONSTRAINT "Kinds" CHECK ("Kind" IN ('it''s', 'a\b', 'a "b"'))
    );
    CREATE TABLE log (
        listed text CONSTRAINT listed CHECK (listed IN ('a.b', 'c.d')),
        short varchar(20) CONSTRAINT short CHECK (short IN ('a', 'b')),
        padded char(5) CONSTRAINT padded CHECK (padded IN ('a', 'b')),
        literal text CONSTRAINT literal CHECK (literal = ANY ('{a,"b c",NULL}')),
        arrayed varchar(20) CONSTRAINT arrayed CHECK (arrayed = ANY (ARRAY['a', 'b'])),
        single text CONSTRAINT single CHECK (single IN ('a')),
        alternative text CONSTRAINT alternative CHECK (alternative IS NULL OR alternative = 'a' OR alternative IN ('b', 'c')),
        graded grade CONSTRAINT graded CHECK (graded IN ('low', 'high')),
        denied text CONSTRAINT denied CHECK (denied NOT IN ('a', 'b')),
        matched text CONSTRAINT matched CHECK (matched ~ '^a'),
        CONSTRAINT two CHECK (listed IN ('a.b') AND single IN ('a'))
    );
    ALTER TABLE log ADD CONSTRAINT later CHECK (listed IN ('a.b', 'e.f')) NOT VALID"#;

#[tokio::test]
async fn a_check_is_read_however_its_list_is_written() {
    let (_database, client) = database(CHECKS).await;
    for (constraint, expected) in [
        ("listed", vec!["a.b", "c.d"]),
        ("short", vec!["a", "b"]),
        ("padded", vec!["a", "b"]),
        ("literal", vec!["a", "b c"]),
        ("arrayed", vec!["a", "b"]),
        ("single", vec!["a"]),
        ("alternative", vec!["a", "b", "c"]),
        ("graded", vec!["high", "low"]),
        ("later", vec!["a.b", "e.f"]),
    ] {
        assert_eq!(list(&check_values(&client, "log", constraint).await.unwrap()), expected, "{constraint}");
    }
    let odd = check_values(&client, r#""Odd Schema"."Log""#, "Kinds").await.unwrap();
    assert_eq!(list(&odd), [r#"a "b""#, r"a\b", "it's"]);
    assert_eq!(odd.iter().next().unwrap().1[0].to_string(), r#"constraint Kinds of "Odd Schema"."Log""#);
}

#[tokio::test]
async fn a_check_that_asks_anything_else_is_refused_with_its_definition() {
    let (_database, client) = database(CHECKS).await;
    for constraint in ["denied", "matched", "two"] {
        let says = says(check_values(&client, "log", constraint).await);
        assert!(
            says.contains("is no mere list of values: CHECK ((") && says.contains("; write it as"),
            "{says}"
        );
    }
}

#[tokio::test]
async fn a_constraint_or_table_that_is_not_there_gets_the_nearest() {
    let (_database, client) = database(CHECKS).await;
    let gone = says(check_values(&client, "log", "listd").await);
    assert!(gone.ends_with("name a CHECK constraint of log; did you mean \"listed\"?"), "{gone}");
    let gone = says(check_values(&client, "logs", "listed").await);
    assert!(gone.contains("there is no table logs in this database; "), "{gone}");
    assert!(gone.ends_with("did you mean \"log\"?"), "{gone}");
}

const LOOKUP: &str = r#"
    CREATE SCHEMA "Odd Schema";
    CREATE TABLE "Odd Schema"."Kinds" ("The ""Name""" text);
    INSERT INTO "Odd Schema"."Kinds" VALUES ('a.b'), ('it''s'), ('a.b'), (NULL);
    CREATE TABLE data AS SELECT n FROM generate_series(1, 10001) n;
    CREATE TABLE nothing (kind text)"#;

#[tokio::test]
async fn a_lookup_table_is_read_whatever_its_names() {
    let (_database, client) = database(LOOKUP).await;
    let names = lookup_values(&client, r#""Odd Schema"."Kinds""#, r#"The "Name""#).await.unwrap();
    assert_eq!(list(&names), ["a.b", "it's"]);
    assert!(lookup_values(&client, "nothing", "kind").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lookup_that_leads_nowhere_or_into_data_is_refused() {
    let (_database, client) = database(LOOKUP).await;
    let gone = says(lookup_values(&client, "nothing", "kinds").await);
    assert_eq!(
        gone,
        "column kinds of nothing: is not in this database; name a column of nothing; did you mean \"kind\"?"
    );
    assert!(says(lookup_values(&client, "data", "n").await).contains("has more than 10000 different values"));
    let gone = says(lookup_values(&client, "nowhere.kinds", "kind").await);
    assert!(gone.contains("there is no table nowhere.kinds"), "{gone}");
}

#[tokio::test]
async fn a_right_that_is_missing_is_told_in_the_words_of_the_database() {
    let sql = "CREATE TABLE kinds (kind text); SET ROLE pg_signal_backend";
    let (_database, client) = database(sql).await;
    let refused = says(lookup_values(&client, "kinds", "kind").await);
    assert!(refused.contains("the database refused to say (permission denied for table kinds)"), "{refused}");
}
