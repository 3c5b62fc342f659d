//! Base backups: a whole server's files, unpacked, verified by their own manifest, and checked once the server runs.

use super::form::{Form, packed};
use super::ready::{counted, damaged};
use super::session::{QUICK, Session};
use super::stand::Stand;
use super::{LIMIT, preflight};
use crate::drill::course::{Course, Stopped, with_causes};
use crate::report::{Class, Phase};
use crate::tool::{Command, End, Tool};
use sabot_sandbox::leash::Exit;
use std::collections::BTreeSet;
use std::path::Path;

/// The manifest of `pg_basebackup`, with the hash of every file.
const BACKUP_MANIFEST: &str = "backup_manifest";

/// Unpacks a base backup to `data` and has `pg_verifybackup` compare every file with the backup's own manifest.
pub(super) async fn restore(
    course: &Course,
    name: &str,
    path: &Path,
    form: Form,
    data: &Path,
) -> Result<(), Stopped> {
    let (from, to) = (path.to_owned(), data.to_owned());
    let work = move |unpacking: &super::unpack::Unpacking<'_>| {
        let Some(base) = packed(&from, "base.tar").filter(|_| form == Form::BaseFolder) else {
            return match form {
                Form::BaseFolder => unpacking.folder(&from, &to),
                _ => unpacking.tar(&from, &to),
            };
        };
        unpacking.tar(&base, &to)?;
        if let Some(wal) = packed(&from, "pg_wal.tar") {
            unpacking.tar(&wal, &to.join("pg_wal"))?;
        }
        let manifest = from.join(BACKUP_MANIFEST);
        if manifest.is_file() { unpacking.expand(&manifest, &to.join(BACKUP_MANIFEST)) } else { Ok(()) }
    };
    let unpacked = counted(course, Phase::Restore, None, work).await;
    unpacked.map_err(|error| damaged(course, name, &error))?;
    verify_files(course, name, data).await
}

async fn verify_files(course: &Course, name: &str, data: &Path) -> Result<(), Stopped> {
    let version = std::fs::read_to_string(data.join("PG_VERSION")).unwrap_or_default();
    let Ok(major) = version.trim().parse::<u32>() else {
        return Err(course.stop(
            Class::Restore,
            name,
            "PG_VERSION is missing in it: these are no data of PostgreSQL",
        ));
    };
    let failed = |error: String| course.stop(Class::Restore, "pg_verifybackup", error);
    if !data.join(BACKUP_MANIFEST).is_file() {
        let message =
            format!("it holds no {BACKUP_MANIFEST}, so that nothing says whether its files are whole");
        return Err(course.stop(Class::Restore, name, message));
    }
    let tool = Tool::postgres("pg_verifybackup", major).await.map_err(|error| failed(with_causes(&error)))?;
    let run = Command::new(&tool, LIMIT).arg("--quiet").arg(data).run().await;
    let end = run.map_err(|error| failed(with_causes(&error)))?;
    told(course, &end, Class::Restore);
    if !end.is_success() && end.messages.lines.is_empty() {
        course.problem(Class::Restore, "pg_verifybackup", format!("it ended with {}", end.exit));
    }
    course.go_on()
}

/// Every line of a tool that should have nothing to say.
fn told(course: &Course, end: &End, class: Class) {
    for line in end.messages.lines.iter().filter(|line| !line.trim().is_empty()) {
        if line.contains(": warning: ") || line.contains(": hint: ") {
            course.harmless(line.clone(), "a warning: the tool went on");
        } else {
            course.problem(class, end.name.clone(), line.clone());
        }
    }
    course.more_problems(end.messages.dropped);
}

/// Every extension of every database must have its files here, or what it made does not work.
pub(super) async fn extensions(course: &Course, stand: &Stand) {
    let listed = async {
        let mut all = BTreeSet::new();
        for database in stand.databases().await? {
            let session = stand.open(&database).await?;
            all.extend(session.names("SELECT extname::text FROM pg_extension").await?);
        }
        Ok::<_, String>(all)
    };
    match listed.await {
        Ok(extensions) => preflight::missing(course, stand, &extensions).await,
        Err(error) => course.problem(Class::Server, "the restored databases", error),
    }
}

/// Has `pg_amcheck` look into every table and index, where it and its extension are installed.
pub(super) async fn amcheck(course: &Course, stand: &Stand) -> Result<(), Stopped> {
    let failed = |error: String| course.stop(Class::Content, "pg_amcheck", error);
    let session = stand.open(&stand.maintenance).await.map_err(failed)?;
    let query = "SELECT FROM pg_available_extensions WHERE name = 'amcheck'";
    let available = !session.rows(query, &[], QUICK).await.map_err(failed)?.is_empty();
    let tool = Tool::postgres("pg_amcheck", stand.major).await;
    let (true, Ok(tool)) = (available, tool) else {
        course.harmless("pg_amcheck was not run", "it or its extension amcheck is not installed here");
        return Ok(());
    };
    drop(session);
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut command = Command::new(&tool, LIMIT).args(["--install-missing", "--no-password"]);
    command = command.arg(format!("--jobs={jobs}"));
    let databases = stand.databases().await.map_err(failed)?;
    let lacking = lacking(stand, &databases).await.map_err(failed)?;
    for database in &databases {
        command = command.arg(format!("--database={}", pattern(database)));
    }
    let command = stand.env().into_iter().fold(command, |command, (name, value)| command.env(name, value));
    // It prints what is corrupt, and says on standard error what kept it from looking.
    let mut running = command.start().await.map_err(|error| failed(with_causes(&error)))?;
    let (mut found, mut buffer) = (Vec::new(), bytes::BytesMut::new());
    while running.read(&mut buffer).await.map_err(|error| failed(with_causes(&error)))? > 0 {
        let room = (1 << 20) - found.len().min(1 << 20);
        found.extend_from_slice(buffer.get(..room.min(buffer.len())).unwrap_or_default());
        buffer.clear();
    }
    let end = running.finish().await.map_err(|error| failed(with_causes(&error)))?;
    for session in lacking {
        // What is looked at afterwards is what was restored.
        session.run("DROP EXTENSION IF EXISTS amcheck", QUICK).await.map_err(failed)?;
    }
    for line in String::from_utf8_lossy(&found).lines().filter(|line| !line.trim().is_empty()) {
        course.problem(Class::Content, "pg_amcheck", line);
    }
    told(course, &end, Class::Content);
    if end.exit == Exit::Code(2) && !course.has_problems() {
        course.problem(Class::Content, "pg_amcheck", "it found the data corrupt");
    } else if !end.is_success() && !course.has_problems() {
        course.problem(Class::Content, "pg_amcheck", format!("it ended with {}", end.exit));
    }
    Ok(())
}

/// Connections to those databases in which `pg_amcheck` will install its extension.
async fn lacking(stand: &Stand, databases: &[String]) -> Result<Vec<Session>, String> {
    let mut lacking = Vec::new();
    for database in databases {
        let session = stand.open(database).await?;
        let installed =
            session.names("SELECT extname::text FROM pg_extension WHERE extname = 'amcheck'").await?;
        if installed.is_empty() {
            lacking.push(session);
        }
    }
    Ok(lacking)
}

/// A pattern that matches this name alone.
fn pattern(name: &str) -> String {
    super::sql::quoted(name)
}
