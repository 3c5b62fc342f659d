//! An artifact at hand becomes one that a tool can read, and is asked what it needs.

use super::form::{Form, Packing};
use super::script::{Scanner, Script};
use super::stand::Stand;
use super::unpack::{Unpacking, Watched, contents_folder, pump};
use super::{LIMIT, form};
use crate::drill::course::{Course, Stopped, with_causes};
use crate::drill::input::saying;
use crate::report::{Class, Phase};
use crate::tool::{Command, Tool, ToolError};
use bytes::BytesMut;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A dump that a tool can read.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) path: PathBuf,
    pub(super) form: Form,
    /// What its text says.
    pub(super) script: Script,
    /// The database that it was taken from, where it says so.
    pub(super) database: Option<String>,
    /// Whether rows of tables are in it, as far as it says.
    pub(super) has_rows: bool,
}

/// Tells the form of an artifact by its content.
pub(super) async fn tell(course: &Course, name: &str, path: &Path) -> Result<Form, Stopped> {
    let at = path.to_owned();
    let told = course.blocking(move |_| Ok(form::tell(&at))).await;
    let told = told.unwrap_or_else(|error| Err(error.to_string()));
    told.map_err(|what| {
        course.stop(if is_cut(&what) { Class::Truncated } else { Class::Preflight }, name, what)
    })
}

/// Unpacks what no tool reads packed; what is unpacked lies in `folder`.
pub(super) async fn unpacked(
    course: &Course,
    name: &str,
    path: &Path,
    form: Form,
    folder: &Path,
) -> Result<PathBuf, Stopped> {
    let (from, file, tree) = (path.to_owned(), folder.join("archive"), folder.join("archive.d"));
    let work = move |unpacking: &Unpacking<'_>| match form {
        Form::PackedFolder(_) => {
            unpacking.tar(&from, &tree)?;
            contents_folder(&tree)
        }
        Form::Custom(Packing::Gzip | Packing::Zstd) => {
            unpacking.expand(&from, &file)?;
            Ok(file)
        }
        _ => Ok(from),
    };
    counted(course, Phase::Fetch, None, work).await.map_err(|error| damaged(course, name, &error))
}

/// Reads all of a dump's text, to know what it needs before it is restored.
pub(super) async fn scanned(course: &Course, name: &str, path: &Path) -> Result<Script, Stopped> {
    let from = path.to_owned();
    let scanning = counted(course, Phase::Preflight, None, move |unpacking| {
        let mut scanner = Scanner::default();
        let mut text = Watched { inner: form::open(&from)?, of: unpacking };
        pump(&mut text, |block| {
            scanner.feed(block);
            Ok(())
        })?;
        Ok(scanner.finish())
    });
    let script = scanning.await.map_err(|error| damaged(course, name, &error))?;
    if !script.complete {
        let within = script.cut_in.as_ref().map(|table| format!(", within the rows of {table}"));
        let message =
            format!("it has no end: the last line of a dump is missing{}", within.unwrap_or_default());
        course.problem(Class::Truncated, name, message);
    }
    Ok(script)
}

/// Has `pg_restore` list what an archive holds, and write all of it that is not rows.
pub(super) async fn listed(
    course: &Course,
    name: &str,
    stand: &Stand,
    path: PathBuf,
    form: Form,
) -> Result<Ready, Stopped> {
    let failed = |error: String| course.stop(Class::Restore, name, error);
    let tool =
        Tool::postgres("pg_restore", stand.major).await.map_err(|error| failed(with_causes(&error)))?;
    let command = || {
        stand
            .env()
            .into_iter()
            .fold(Command::new(&tool, LIMIT), |command, (name, value)| command.env(name, value))
    };
    let listing = command().arg("--list").arg(&path).output().await;
    let (end, list) = listing.map_err(|error| failed(with_causes(&error)))?;
    if !end.is_success() {
        let message = format!("its table of contents cannot be read: {}", end.messages.tail(3));
        return Err(course.stop(Class::Preflight, name, message));
    }
    let sections = ["--section=pre-data", "--section=post-data"];
    let script = written(command().args(sections).arg("--file=-").arg(&path)).await;
    let script = script.map_err(|error| {
        course.stop(Class::Preflight, name, format!("its definitions cannot be read: {error}"))
    })?;
    let database = list.lines().find_map(|line| line.strip_prefix(";     dbname: ")).map(str::to_owned);
    let has_rows = list.lines().any(|line| line.contains(" TABLE DATA "));
    Ok(Ready { path, form, script, database, has_rows })
}

/// Has `pg_restore` write the rows of an archive as SQL, and counts them on the way: what was restored is compared with
/// that where no manifest says what it should be.
pub(super) async fn rows(course: &Course, stand: &Stand, ready: &Ready) -> BTreeMap<(String, String), u64> {
    let read = async {
        let tool = Tool::postgres("pg_restore", stand.major).await.map_err(|error| with_causes(&error))?;
        let command = Command::new(&tool, LIMIT).args(["--section=data", "--file=-"]).arg(&ready.path);
        let command =
            stand.env().into_iter().fold(command, |command, (name, value)| command.env(name, value));
        written(command).await
    };
    match read.await {
        Ok(script) => script.rows,
        Err(error) => {
            let class = if is_cut(&error) { Class::Truncated } else { Class::Restore };
            course.problem(
                class,
                "the rows of the dump",
                format!("they cannot be read to their end: {error}"),
            );
            BTreeMap::new()
        }
    }
}

/// Scans the SQL that a tool writes.
async fn written(command: Command) -> Result<Script, String> {
    let words = |error: ToolError| with_causes(&error);
    let mut writing = command.start().await.map_err(words)?;
    let (mut scanner, mut buffer) = (Scanner::default(), BytesMut::with_capacity(256 * 1024));
    while writing.read(&mut buffer).await.map_err(words)? > 0 {
        scanner.feed(&buffer);
        buffer.clear();
    }
    let end = writing.finish().await.map_err(words)?;
    if end.is_success() { Ok(scanner.finish()) } else { Err(end.messages.tail(3)) }
}

/// Runs something that unpacks, its bytes said.
pub(super) async fn counted<T: Send + 'static>(
    course: &Course,
    phase: Phase,
    of: Option<u64>,
    work: impl FnOnce(&Unpacking<'_>) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let bytes = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&bytes);
    let say = || course.progress(phase, bytes.load(Ordering::Relaxed), of);
    let working = course.blocking(move |over: &AtomicBool| work(&Unpacking { over, bytes: &counter }));
    saying(say, working).await
}

/// What cannot be unpacked to its end.
pub(super) fn damaged(course: &Course, name: &str, error: &io::Error) -> Stopped {
    let what = with_causes(error);
    let class = match error.kind() {
        io::ErrorKind::UnexpectedEof => Class::Truncated,
        io::ErrorKind::Unsupported => Class::Preflight,
        _ if is_cut(&what) => Class::Truncated,
        _ => Class::Restore,
    };
    course.stop(class, name, format!("cannot be unpacked to its end: {what}"))
}

/// Words for an input that ends too early: of the libraries that unpack, and of `pg_restore`.
pub(super) fn is_cut(words: &str) -> bool {
    let of_an_end = [
        "incomplete frame",
        "unexpected EOF",
        "unexpected end",
        "failed to fill whole buffer",
        "failed to write entire file",
        "corrupt deflate stream",
        "end of file",
        "could not read from input file",
    ];
    of_an_end.iter().any(|end| words.contains(end))
}
