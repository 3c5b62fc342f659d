//! Texts as `pg_dump` and `pg_dumpall` write them, and cut ones.

use super::*;

const DUMP: &str = r#"--
-- PostgreSQL database dump
--

\restrict IQsKguDmxLUVkcvznaJmKMpNPVjgI99Wdtphe5jo3UQXjFjXLkOiyDKzmQT3TrD

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
SET client_encoding = 'UTF8';
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE TABLE public.t (
    i integer NOT NULL
);
ALTER TABLE public.t OWNER TO alice;
CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'insert');
ALTER PUBLICATION p OWNER TO boss;
COPY public.t (i) FROM stdin;
1
CREATE EXTENSION not_one;
\.
COPY public."odd ""(name" (a) FROM stdin;
\.
CREATE POLICY own ON public.t FOR SELECT TO carol, dave USING (true);
REVOKE ALL ON TABLE public.t FROM PUBLIC;
GRANT SELECT ON TABLE public.t TO "bob's role" WITH GRANT OPTION;
GRANT pg_read_all_data TO erin;
ALTER DEFAULT PRIVILEGES FOR ROLE frank GRANT SELECT ON TABLES  TO grace;
--
-- PostgreSQL database dump complete
--

\unrestrict IQsKguDmxLUVkcvznaJmKMpNPVjgI99Wdtphe5jo3UQXjFjXLkOiyDKzmQT3TrD

"#;

fn scan(text: &str) -> Script {
    let whole = scan_by(text, usize::MAX);
    assert_eq!(scan_by(text, 7), whole, "where a piece ends does not matter");
    whole
}

fn scan_by(text: &str, length: usize) -> Script {
    let mut scanner = Scanner::default();
    text.as_bytes().chunks(length).for_each(|piece| scanner.feed(piece));
    scanner.finish()
}

#[test]
fn what_a_dump_needs_is_found_and_rows_are_no_statements() {
    let found = scan(DUMP);
    assert!(found.complete && !found.cluster && !found.leaves);
    assert_eq!(found.server_version.as_deref(), Some("15.18 (Debian 15.18-0+deb12u1)"));
    assert_eq!(found.encoding.as_deref(), Some("UTF8"));
    assert_eq!(found.extensions, BTreeSet::from(["pg_trgm".into()]));
    let roles = ["alice", "bob's role", "boss", "carol", "dave", "erin", "frank", "grace"];
    assert_eq!(found.roles, roles.map(String::from).into());
    assert_eq!(found.superusers, BTreeSet::from(["boss".into()]));
    assert_eq!((found.tables, found.bytes), (1, DUMP.len() as u64));
    let rows = [("public.t", 2), (r#"public."odd ""(name""#, 0)];
    let rows = rows.map(|(table, rows)| ((String::new(), table.to_owned()), rows));
    assert_eq!(found.rows, rows.into());
}

#[test]
fn a_dump_that_is_cut_anywhere_before_its_trailer_is_incomplete() {
    let trailer = DUMP.find("-- PostgreSQL database dump complete").unwrap();
    for end in (0..trailer).filter(|end| DUMP.is_char_boundary(*end)) {
        assert!(!scan(&DUMP[..end]).complete, "cut at {end}");
    }
    let within = DUMP.find("CREATE EXTENSION not_one").unwrap();
    assert_eq!(scan(&DUMP[..within]).cut_in.as_deref(), Some("public.t"));
}

#[test]
fn a_trailer_in_the_middle_is_none() {
    let mut text = DUMP.to_owned();
    text.push_str(&"INSERT INTO public.t VALUES (1);\n".repeat(20));
    assert!(!scan(&text).complete);
}

#[test]
fn the_dump_of_a_cluster_makes_its_roles_and_counts_rows_by_database() {
    let text = "--\n-- PostgreSQL database cluster dump\n--\nCREATE ROLE alice;\nCREATE TABLESPACE fast OWNER x LOCATION '/x';\n\
         CREATE DATABASE a;\n\\connect a\nGRANT SELECT ON TABLE t TO alice;\nCOPY public.t (i) FROM stdin;\n1\n\\.\n\
         \\connect -reuse-previous=on \"dbname='b''s'\"\nCOPY public.t (i) FROM stdin;\n1\n2\n\\.\n\
         --\n-- PostgreSQL database cluster dump complete\n--\n";
    let found = scan(text);
    assert!(found.cluster && found.complete && found.leaves);
    assert_eq!(found.made, BTreeSet::from(["alice".into()]));
    assert_eq!(found.roles, BTreeSet::new());
    assert_eq!(found.tablespaces, BTreeSet::from(["fast".into()]));
    let counts: Vec<_> = found.rows.iter().map(|((database, _), rows)| (database.as_str(), *rows)).collect();
    assert_eq!(counts, [("a", 1), ("b''s", 2)]);
}

#[test]
fn a_line_of_any_length_takes_little_memory() {
    let long = format!("{}\n{DUMP}", "x".repeat(MAX_LINE * 5));
    let mut scanner = Scanner::default();
    for piece in long.as_bytes().chunks(1000) {
        scanner.feed(piece);
        assert!(scanner.line.len() <= MAX_LINE);
    }
    assert!(scan(&long).complete);
}
