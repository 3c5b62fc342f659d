//! The schema of the database that was looked at, as SQL: what a throwaway copy is made from.

use super::Source;
use sabot_recovery::libpq;
use sabot_recovery::tool::{Command, Tool};
use std::time::Duration;

/// How long `pg_dump` may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Whose settings an older server than the program does not know, though the rest of its output is as good there.
const NEWER_SETTINGS: [&str; 1] = ["SET transaction_timeout = 0;"];

/// The schema, or why there is none.
#[derive(Debug)]
pub(crate) enum Schema {
    /// As SQL.
    Sql(String),
    /// Why it is not there, and what to do.
    Missing(String),
}

/// The schema of `source`, on a server of this major version: no rows, no owners, no privileges.
pub(crate) async fn dump(source: &Source, major: u32) -> Schema {
    let tool = match Tool::postgres("pg_dump", major).await {
        Ok(tool) => tool,
        Err(error) => return Schema::Missing(error.to_string()),
    };
    let mut command = Command::new(&tool, LIMIT).args([
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        "--no-tablespaces",
        "--no-publications",
        "--no-subscriptions",
        "--no-security-labels",
        "--lock-wait-timeout=5000",
        "--no-password",
    ]);
    for (name, value) in libpq::environment(&source.config) {
        command = command.env(name, value);
    }
    match command.output().await {
        Ok((end, sql)) if end.is_success() => Schema::Sql(clean(&sql, source.password().as_deref())),
        Ok((end, _)) => Schema::Missing(format!(
            "`pg_dump` failed: {}",
            end.messages.lines.last().map_or("it said nothing", String::as_str)
        )),
        Err(error) => Schema::Missing(error.to_string()),
    }
}

/// Without settings that an older server refuses, and without the password, which a foreign server or a function may hold.
fn clean(sql: &str, password: Option<&str>) -> String {
    let lines = sql.lines().filter(|line| !NEWER_SETTINGS.contains(line));
    let sql = lines.fold(String::with_capacity(sql.len()), |text, line| text + line + "\n");
    let Some(password) = password.filter(|password| !password.is_empty()) else { return sql };
    // A short one may be any word, so only where it stands as one does.
    let sql = sql.replace(&format!("'{password}'"), "'left-out'");
    sql.replace(&format!(":{password}@"), ":left-out@")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_holds_neither_the_password_nor_settings_of_newer_servers() {
        let sql = "SET lock_timeout = 0;\nSET transaction_timeout = 0;\nOPTIONS (password 'hunter22');\n-- pg://a:hunter22@b\n";
        let expected = "SET lock_timeout = 0;\nOPTIONS (password 'left-out');\n-- pg://a:left-out@b\n";
        assert_eq!(clean(sql, Some("hunter22")), expected);
        assert_eq!(clean("a\n", None), "a\n");
    }
}
