//! The restore: `mongorestore`, all that it says, and what its end is worth.

use super::{LIMIT, messages};
use crate::backup::mongo::REMEDY;
use crate::drill::course::{Course, Stopped, with_causes};
use crate::drill::input::Input;
use crate::mongo::Inventory;
use crate::report::Class;
use crate::tool::{Command, End, Tool};
use sabot_sandbox::mongo::Server;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Restores the archive into the server.
pub(super) async fn restore(
    course: &Course,
    server: &Server,
    input: &Input,
    path: &Path,
    inventory: &Inventory,
) -> Result<(), Stopped> {
    let tool = Tool::find("mongorestore", REMEDY).await;
    let tool = tool.map_err(|error| course.stop(Class::Preflight, "mongorestore", with_causes(&error)))?;
    let command = command(&tool, server, path, is_packed(path));
    let end = command.run().await;
    let end = end.map_err(|error| course.stop(Class::Restore, "mongorestore", with_causes(&error)))?;
    judge(course, input.name(), &end, inventory);
    course.go_on()
}

/// A packed archive is told by its content: others name theirs as they like.
fn is_packed(path: &Path) -> bool {
    let mut first = [0; 2];
    File::open(path).and_then(|mut file| file.read_exact(&mut first)).is_ok() && first == [0x1F, 0x8B]
}

fn command(tool: &Tool, server: &Server, path: &Path, is_packed: bool) -> Command {
    let mut archive = OsString::from("--archive=");
    archive.push(path);
    // There is no password in this address.
    let command = Command::new(tool, LIMIT).arg(format!("--uri={}", server.url())).arg(archive).arg("--drop");
    // What the source kept about itself is nothing for this server: its users, its shards.
    let command = command.args(["--nsExclude=admin.*", "--nsExclude=config.*"]);
    let command = if is_packed { command.arg("--gzip") } else { command };
    if server.is_real_mongod() {
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        return command.arg(format!("--numInsertionWorkersPerCollection={workers}"));
    }
    // SQLite has one writer, and FerretDB gives up on a second one (its issue 3700).
    command.args(["--numParallelCollections=1", "--numInsertionWorkersPerCollection=1"])
}

/// An exit code of 0 is no proof, nor is its summary: documents that failed, and lines that tell of errors, count.
fn judge(course: &Course, name: &str, end: &End, inventory: &Inventory) {
    let said = messages::read(&end.messages.lines);
    for error in &said.errors {
        course.problem(Class::Restore, name, error);
    }
    if end.messages.dropped > 0 {
        let message = format!("mongorestore said {} more lines, which were not kept", end.messages.dropped);
        course.problem(Class::Restore, name, message);
    }
    match said.documents {
        Some((_, 0)) => {}
        Some((restored, failed)) => {
            let message = format!("{failed} documents failed to restore, {restored} were restored");
            course.problem(Class::Restore, name, message);
        }
        // Its newest releases say it even for none.
        None if end.is_success() && inventory.documents() == 0 => {}
        None => {
            course.problem(Class::Restore, name, "mongorestore did not say how many documents it restored")
        }
    }
    if !end.is_success() {
        let last = end.messages.last.clone().unwrap_or_default();
        course.problem(Class::Restore, name, format!("mongorestore ended with {}: {last}", end.exit));
    }
}
