//! The restore of a dump: the right tool, all that it says, and what its end is worth.

use super::feed::Feed;
use super::form::Form;
use super::messages::{Fresh, Said, of_pg_restore, of_psql};
use super::ready::{Ready, is_cut};
use super::script::Script;
use super::session::QUICK;
use super::stand::Stand;
use super::{LIMIT, sql};
use crate::drill::course::{Course, Stopped, with_causes};
use crate::drill::input::saying;
use crate::report::{Class, Phase};
use crate::tool::{Command, End, Tool};
use std::collections::BTreeSet;
use std::path::Path;

/// The largest share of a message that the report repeats, in bytes: an error of a `COPY` repeats its row.
const MAX_MESSAGE: usize = 2_000;

/// Restores a dump into a database of this name, which is made; a dump that makes its databases itself is restored from
/// the maintenance database.
pub(super) async fn restore(
    course: &Course,
    stand: &Stand,
    ready: &Ready,
    database: &str,
    folder: &Path,
) -> Result<(), Stopped> {
    let failed = |error: String| course.stop(Class::Restore, "the restore", error);
    let fresh = roles(stand, &ready.script).await.map_err(failed)?;
    if !ready.script.leaves {
        make(stand, database, ready.script.encoding.as_deref()).await.map_err(failed)?;
    }
    match ready.form {
        Form::Plain(_) => {
            let into = if ready.script.leaves { &stand.maintenance } else { database };
            by_psql(course, stand, ready, into, folder, &fresh).await
        }
        _ => by_pg_restore(course, stand, ready, database, &fresh).await,
    }
}

/// Makes every role that the dump names and does not make, so that owners and grants are restored as they were. Nobody
/// can log in as one. Owners of what only a superuser may own are superusers.
async fn roles(stand: &Stand, script: &Script) -> Result<Fresh, String> {
    let session = stand.open(&stand.maintenance).await?;
    let mut roles: BTreeSet<String> =
        session.names("SELECT rolname::text FROM pg_roles").await?.into_iter().collect();
    for role in &script.roles {
        if roles.insert(role.clone()) {
            let superuser = if script.superusers.contains(role) { " SUPERUSER" } else { "" };
            let statement = format!("CREATE ROLE {} NOLOGIN{superuser}", sql::quoted(role));
            session.run(&statement, QUICK).await.map_err(|error| format!("role {role}: {error}"))?;
        }
    }
    Ok(Fresh { roles })
}

/// Makes the database, empty, in the encoding of the dump.
async fn make(stand: &Stand, database: &str, encoding: Option<&str>) -> Result<(), String> {
    let session = stand.open(&stand.maintenance).await?;
    let name = sql::quoted(database);
    if matches!(stand.kind, super::stand::Kind::Own(_)) {
        session.run(&format!("DROP DATABASE IF EXISTS {name}"), QUICK).await?;
    }
    let encoding = encoding.unwrap_or("UTF8").replace('\'', "");
    // Every encoding goes with C; others only with their own.
    let locale = if encoding == "UTF8" { "" } else { " LOCALE 'C'" };
    let statement = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'{locale}");
    session.run(&statement, QUICK).await.map_err(|error| format!("database {database}: {error}"))
}

async fn by_pg_restore(
    course: &Course,
    stand: &Stand,
    ready: &Ready,
    database: &str,
    fresh: &Fresh,
) -> Result<(), Stopped> {
    let failed = |error: String| course.stop(Class::Restore, "pg_restore", error);
    let tool =
        Tool::postgres("pg_restore", stand.major).await.map_err(|error| failed(with_causes(&error)))?;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let command = Command::new(&tool, LIMIT).args(["--no-password", "--no-tablespaces"]);
    let command = command.arg(format!("--jobs={jobs}"));
    let command = command.arg(format!("--dbname={}", conninfo(database))).arg(&ready.path);
    let command = stand.env().into_iter().fold(command, |command, (name, value)| command.env(name, value));
    let end = command.run().await.map_err(|error| failed(with_causes(&error)))?;
    judge(course, &end, &of_pg_restore(&end.messages.lines), fresh);
    Ok(())
}

async fn by_psql(
    course: &Course,
    stand: &Stand,
    ready: &Ready,
    database: &str,
    folder: &Path,
    fresh: &Fresh,
) -> Result<(), Stopped> {
    let failed = |error: String| course.stop(Class::Restore, "psql", error);
    let tool = Tool::postgres("psql", stand.major).await.map_err(|error| failed(with_causes(&error)))?;
    let feed = Feed::new(&ready.path, folder).map_err(|error| failed(format!("its input: {error}")))?;
    let command = Command::new(&tool, LIMIT)
        .args([
            "-X",
            "--quiet",
            "--no-password",
            "--echo-errors",
            "--set=ON_ERROR_STOP=0",
            "--output=/dev/null",
        ])
        .arg(format!("--dbname={}", conninfo(database)))
        .arg("--file")
        .arg(feed.fifo());
    let command = stand.env().into_iter().fold(command, |command, (name, value)| command.env(name, value));
    let of = Some(ready.script.bytes);
    let say = || course.progress(Phase::Restore, feed.bytes(), of);
    let (end, fed) = saying(say, feed.until(course, command.run())).await;
    let end = end.map_err(|error| failed(with_causes(&error)))?;
    if let Err(error) = fed {
        course.problem(Class::Truncated, "the dump", format!("cannot be read to its end: {error}"));
    }
    let said = of_psql(&end.messages.lines);
    // By default psql goes on after an error and exits with 0; what it does say counts all the more.
    judge(course, &end, &said, fresh);
    Ok(())
}

/// Every message is a problem or harmless for a reason; the exit code must agree with them.
fn judge(course: &Course, end: &End, said: &Said, fresh: &Fresh) {
    let (mut bad, mut errors) = (0, 0);
    for message in &said.messages {
        let text = shown(&message.text);
        errors += u64::from(!message.is_warning);
        match fresh.harmless(message) {
            Some(reason) => course.harmless(text, reason),
            None => {
                bad += 1;
                let subject =
                    if message.statement.is_empty() { &message.subject } else { &message.statement };
                let class = if is_cut(&message.text) { Class::Truncated } else { Class::Restore };
                course.problem(class, shown(subject), text);
            }
        }
    }
    course.more_problems(end.messages.dropped);
    if let Some(ignored) = said.ignored.filter(|ignored| *ignored != errors) {
        let message = format!("it counts {ignored} errors and told {errors}");
        course.problem(Class::Restore, end.name.clone(), message);
    }
    let explained = bad > 0 || said.ignored.is_some_and(|ignored| ignored == errors);
    if !end.is_success() && !explained {
        let last = end.messages.last.as_ref().map(|last| format!(": {last}")).unwrap_or_default();
        course.problem(Class::Restore, end.name.clone(), format!("it ended with {}{last}", end.exit));
    }
}

/// A message as it may be shown: of bounded length, and without the hash of a role's password.
fn shown(text: &str) -> String {
    let mut end = text.len().min(MAX_MESSAGE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let rest = if end < text.len() { " …" } else { "" };
    format!("{}{rest}", without_passwords(text.get(..end).unwrap_or_default()))
}

/// Leaves out what stands in quotes behind PASSWORD.
fn without_passwords(text: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("PASSWORD '") {
        kept.push_str(before);
        kept.push_str("PASSWORD '…");
        // The quote that ends it stays; cut before it, nothing of it is shown.
        rest = after.find('\'').and_then(|end| after.get(end..)).unwrap_or_default();
    }
    kept.push_str(rest);
    kept
}

/// A database's name where a tool would also take a whole address.
fn conninfo(database: &str) -> String {
    format!("dbname='{}'", database.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Whether a form is one that a running server of the operator's can take.
pub(super) fn needs_own_server(form: Form, script: &Script) -> Option<&'static str> {
    match form {
        Form::Base(_) | Form::BaseFolder => {
            Some("a base backup is a whole server; it is drilled in a sandbox of our own")
        }
        Form::Plain(_) if script.cluster || script.leaves => Some(
            "the dump changes roles and databases of the whole server; it is drilled in a sandbox of our own",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_shows_a_password_and_none_is_without_bound() {
        let statement = "ALTER ROLE a PASSWORD 'SCRAM-SHA-256$4096:x' VALID UNTIL 'infinity';";
        assert_eq!(shown(statement), "ALTER ROLE a PASSWORD '…' VALID UNTIL 'infinity';");
        assert_eq!(shown("ALTER ROLE a PASSWORD 'SCRAM-SHA"), "ALTER ROLE a PASSWORD '…");
        assert!(shown(&"ä".repeat(MAX_MESSAGE)).len() < MAX_MESSAGE + 10);
    }

    #[test]
    fn a_name_is_never_taken_for_a_whole_address() {
        assert_eq!(conninfo("a b'c\\ host=x"), "dbname='a b\\'c\\\\ host=x'");
    }
}
