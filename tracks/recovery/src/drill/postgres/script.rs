//! What the text of a dump says of itself: what it needs, which rows it holds, and whether it has an end.
//!
//! The text of a plain dump, or of what `pg_restore` makes of an archive without its data.

use super::sql;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How much of a line is looked at; what matters is shorter, and a row may be of any length.
const MAX_LINE: usize = 16 * 1024;

/// Among so many last lines the trailer is looked for: behind it stand an empty line or two, and `\unrestrict` since the
/// releases of August 2025.
const TAIL: usize = 12;

/// The line that `pg_dump` ends with, and the one of `pg_dumpall`.
const TRAILERS: [&str; 2] =
    ["-- PostgreSQL database dump complete", "-- PostgreSQL database cluster dump complete"];

/// What was found in the text of a dump.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    /// Whether it is of a whole cluster (`pg_dumpall`).
    pub(super) cluster: bool,
    /// Whether it makes databases or goes to others than the one that it is restored into.
    pub(super) leaves: bool,
    /// Whether its trailer is there.
    pub(super) complete: bool,
    /// The table whose rows it ends within.
    pub(super) cut_in: Option<String>,
    /// The version of the server that it was taken from.
    pub(super) server_version: Option<String>,
    /// Its encoding, as PostgreSQL names it.
    pub(super) encoding: Option<String>,
    /// Extensions that it installs.
    pub(super) extensions: BTreeSet<String>,
    /// Roles that it names and does not make.
    pub(super) roles: BTreeSet<String>,
    /// Those among them that have to be superusers: owners of what only a superuser may own.
    pub(super) superusers: BTreeSet<String>,
    /// Roles that it makes.
    pub(super) made: BTreeSet<String>,
    /// Tablespaces that it makes.
    pub(super) tablespaces: BTreeSet<String>,
    /// How many tables it makes.
    pub(super) tables: u64,
    /// How many rows it holds for each table, by database (empty: the one that it is restored into) and name.
    pub(super) rows: BTreeMap<(String, String), u64>,
    /// How many bytes of text it is.
    pub(super) bytes: u64,
}

/// Takes the text piece by piece. Of its memory only what it finds grows.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    found: Script,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    database: String,
    /// The table whose rows come now, and how many there were.
    copying: Option<(String, u64)>,
    tail: VecDeque<bool>,
}

impl Scanner {
    /// Takes the next piece, wherever it ends.
    pub(super) fn feed(&mut self, mut piece: &[u8]) {
        self.found.bytes += piece.len() as u64;
        while let Some(end) = memchr::memchr(b'\n', piece) {
            let (line, rest) = piece.split_at(end);
            piece = rest.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                self.line(line.get(..line.len().min(MAX_LINE)).unwrap_or_default());
            } else {
                self.keep(line);
                let line = std::mem::take(&mut self.line);
                self.line(&line);
                self.line = line;
                self.line.clear();
            }
        }
        self.keep(piece);
    }

    /// Keeps the beginning of a line.
    fn keep(&mut self, part: &[u8]) {
        let room = MAX_LINE.saturating_sub(self.line.len()).min(part.len());
        self.line.extend_from_slice(part.get(..room).unwrap_or_default());
    }

    /// Takes one line, without its end.
    fn line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line).unwrap_or_default();
        self.tail.push_back(TRAILERS.contains(&text));
        if self.tail.len() > TAIL {
            self.tail.pop_front();
        }
        match &mut self.copying {
            Some(_) if line == b"\\." => self.copied(),
            Some((_, rows)) => *rows += 1,
            None => self.statement(text),
        }
    }

    /// What was found, once the last piece was taken.
    pub(super) fn finish(mut self) -> Script {
        let last = std::mem::take(&mut self.line);
        if !last.is_empty() {
            self.line(&last);
        }
        self.found.complete = self.tail.contains(&true);
        self.found.cut_in = self.copying.take().map(|(table, _)| table);
        let Script { roles, made, .. } = &mut self.found;
        roles.retain(|role| !made.contains(role) && !role.starts_with("pg_") && !is_word(role));
        self.found
    }

    fn copied(&mut self) {
        if let Some((table, rows)) = self.copying.take() {
            *self.found.rows.entry((self.database.clone(), table)).or_default() += rows;
        }
    }

    /// Each of these stands at the start of a line: so `pg_dump` writes them. The body of a function may hold a line
    /// that looks the same; that costs a role that nobody needs.
    fn statement(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("COPY ") {
            if let Some((table, _)) = rest.strip_suffix(" FROM stdin;").map(split_columns) {
                self.copying = Some((table.to_owned(), 0));
            }
        } else if let Some(rest) = line.strip_prefix("-- Dumped from database version ") {
            self.found.server_version.get_or_insert_with(|| rest.trim().to_owned());
        } else if line == "-- PostgreSQL database cluster dump" {
            self.found.cluster = true;
        } else if let Some(rest) = line.strip_prefix("SET client_encoding = '") {
            let encoding = rest.trim_end_matches("';").to_owned();
            self.found.encoding.get_or_insert(encoding);
        } else if let Some(rest) = line.strip_prefix("\\connect ") {
            self.found.leaves = true;
            self.database = connected(rest);
        } else if let Some(rest) = line.strip_prefix("CREATE ") {
            self.create(rest);
        } else {
            self.roles(line);
        }
    }

    fn create(&mut self, rest: &str) {
        let named = |rest: &str| sql::name(rest).map(|(name, _)| name);
        if let Some(rest) = rest.strip_prefix("EXTENSION ") {
            let rest = rest.strip_prefix("IF NOT EXISTS ").unwrap_or(rest);
            self.found.extensions.extend(named(rest));
        } else if let Some(rest) =
            rest.strip_prefix("ROLE ").or_else(|| rest.strip_prefix("USER MAPPING FOR "))
        {
            self.found.made.extend(named(rest));
        } else if let Some(rest) = rest.strip_prefix("TABLESPACE ") {
            self.found.tablespaces.extend(named(rest));
        } else if rest.starts_with("DATABASE ") {
            self.found.leaves = true;
        } else if rest.starts_with("TABLE ") || rest.starts_with("UNLOGGED TABLE ") {
            self.found.tables += 1;
        } else if let Some((_, to)) = rest.strip_prefix("POLICY ").and_then(|rest| rest.split_once(" TO ")) {
            self.found.roles.extend(sql::names(to));
        }
    }

    fn roles(&mut self, line: &str) {
        if let Some((_, owner)) = line.strip_prefix("ALTER ").and_then(|rest| rest.rsplit_once(" OWNER TO "))
        {
            let Some((owner, _)) = sql::name(owner) else { return };
            let of_superuser = ["EVENT TRIGGER ", "FOREIGN DATA WRAPPER ", "PUBLICATION ", "SUBSCRIPTION "];
            if of_superuser
                .iter()
                .any(|kind| line.strip_prefix("ALTER ").is_some_and(|rest| rest.starts_with(kind)))
            {
                self.found.superusers.insert(owner.clone());
            }
            self.found.roles.insert(owner);
        } else if let Some(rest) = line.strip_prefix("ALTER DEFAULT PRIVILEGES FOR ROLE ") {
            self.found.roles.extend(sql::name(rest).map(|(name, _)| name));
            self.grantees(rest);
        } else if line.starts_with("GRANT ") || line.starts_with("REVOKE ") {
            self.grantees(line);
        }
    }

    fn grantees(&mut self, line: &str) {
        let grantees = line.rsplit_once(" TO ").or_else(|| line.rsplit_once(" FROM "));
        self.found.roles.extend(grantees.map(|(_, names)| sql::names(names)).unwrap_or_default());
    }
}

/// Words that stand where a role does.
fn is_word(role: &str) -> bool {
    matches!(role, "PUBLIC" | "CURRENT_USER" | "SESSION_USER" | "CURRENT_ROLE")
}

/// The table of `schema.table (a, b)`, as it is written.
fn split_columns(copy: &str) -> (&str, &str) {
    // A name with a bracket in it is quoted: the columns begin behind the last quote before them.
    let mut in_quotes = false;
    for (at, c) in copy.char_indices() {
        match c {
            '"' => in_quotes = !in_quotes,
            ' ' if !in_quotes => return copy.split_at(at),
            _ => {}
        }
    }
    (copy, "")
}

/// The database of `\connect name` and of `\connect -reuse-previous=on "dbname='name'"`.
fn connected(rest: &str) -> String {
    let plain = || sql::name(rest).map(|(name, _)| name);
    let long = rest.split_once("dbname='").and_then(|(_, rest)| {
        let name = rest.rsplit_once('\'')?.0;
        Some(name.replace("\\'", "'").replace("\\\\", "\\"))
    });
    long.or_else(plain).unwrap_or_else(|| rest.trim().to_owned())
}

#[cfg(test)]
mod tests;
