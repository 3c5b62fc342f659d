//! The drill of an archive of MongoDB.
//!
//! The archive is read to its end before anything is restored: that finds every truncation and every flipped bit, and
//! says what must be there afterwards. What was restored is then dumped again, and both must hold the same.
//!
//! What a real MongoDB made, or may have made, is judged by a real `mongod` alone: FerretDB refuses or changes part of
//! what MongoDB holds. Where there is no `mongod` the outcome is *unverified*, and says so.

mod messages;
mod restore;
mod scan;
mod smoke;
mod teardown;
mod verify;

use super::course::{Course, Listener, Stopped, with_causes};
use super::input::Input;
use super::room::room;
use super::{Hold, Request};
use crate::manifest::{Engine, Manifest};
use crate::mongo::Inventory;
use crate::report::{Class, Event, Phase, Report, Verified};
use sabot_sandbox::Place;
use sabot_sandbox::mongo::{Installation, Kind, Options, Server};
use smoke::Smoke;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long one tool may take at most: what takes longer will not end.
const LIMIT: Duration = Duration::from_secs(6 * 60 * 60);

/// How long the server may take to answer one question.
const ASK_LIMIT: Duration = Duration::from_secs(60);

/// Up to so many bytes of data the server lies in memory, where there is room.
const SMALL: u64 = 128 * 1024 * 1024;

/// Drills an archive: restores it, verifies it, and removes everything again, however it goes. `stop` ends it at any
/// moment, and is in the report then. A smoke query is `database.collection`, or `database.collection=MIN`: at least so
/// many documents (1) must be there.
///
/// It must run on a multi-threaded runtime: stopping a server may block a thread.
pub async fn drill(request: &Request, listener: Listener, stop: &CancellationToken) -> Report {
    let course = Course::begin(Engine::Mongo, listener);
    let drill = Drill { course, request, server: OnceLock::new(), restored: AtomicBool::new(false) };
    if stop.run_until_cancelled(Box::pin(drill.work())).await.is_none() {
        drill.course.problem(Class::Interrupted, "the drill", "it was stopped before its end");
    }
    let Drill { course, server, restored, .. } = drill;
    course.phase(Phase::Teardown, Box::pin(teardown::teardown(&course, server.into_inner()))).await;
    course.judge(request.rto, request.rpo);
    // Nothing vouches for an archive that was not restored.
    course.report(!request.smoke.is_empty() && restored.into_inner())
}

/// One drill, and what has to be removed after it.
struct Drill<'a> {
    course: Course,
    request: &'a Request,
    server: OnceLock<Server>,
    restored: AtomicBool,
}

impl Drill<'_> {
    async fn work(&self) -> Result<(), Stopped> {
        let course = &self.course;
        let smoke = smoke::parse(course, &self.request.smoke)?;
        let input = Input::choose(course, &self.request.source, Engine::Mongo).await?;
        let Some(installation) = installation(course, input.manifest())? else {
            return self.only_read(&input).await;
        };
        let server = course.phase(Phase::Server, self.start(&input, installation)).await?;
        let path = course.phase(Phase::Fetch, input.fetch(course, server.folder())).await?;
        let inventory =
            course.phase(Phase::Preflight, preflight(course, &input, &path, server.folder())).await?;
        let restoring = restore::restore(course, server, &input, &path, &inventory);
        course.phase(Phase::Restore, Box::pin(restoring)).await?;
        self.restored.store(true, Ordering::SeqCst);
        let verifying = verify::verify(course, server, input.manifest(), &inventory);
        let verified = course.phase(Phase::Verify, Box::pin(verifying)).await;
        course.phase(Phase::Smoke, self.ask(server, &smoke)).await;
        if verified.is_ok() {
            course.recovered();
        }
        if let Some(hold) = &self.request.hold {
            self.stay(hold, server).await;
        }
        verified
    }

    async fn start(&self, input: &Input, installation: Installation) -> Result<&Server, Stopped> {
        // Only a manifest tells the size well enough to put it into memory.
        let is_small = input.manifest().is_some_and(|manifest| manifest.source_bytes < SMALL);
        let place = if is_small { Place::Auto } else { Place::Disk };
        let options = Options { installation: Some(installation), place, ..Options::default() };
        let started = Server::start(options).await;
        let server =
            started.map_err(|error| self.course.stop(Class::Server, "the server", with_causes(&error)))?;
        Ok(self.server.get_or_init(|| server))
    }

    async fn ask(&self, server: &Server, smoke: &[Smoke]) {
        for query in smoke {
            query.ask(&self.course, server).await;
        }
    }

    async fn stay(&self, hold: &Hold, server: &Server) {
        let seconds = hold.at_most.as_secs();
        self.course.say(&Event::Held { url: server.url(), seconds });
        // Over at the latest of the two events that end it; which, does not matter.
        drop(tokio::time::timeout(hold.at_most, hold.release.cancelled()).await);
    }

    /// All that can be said of an archive that nothing here may judge: it is whole, and what it holds.
    async fn only_read(&self, input: &Input) -> Result<(), Stopped> {
        let course = &self.course;
        let folder = tempfile::Builder::new().prefix("sabot-drill-").tempdir();
        let folder = folder.map_err(|error| {
            course.stop(Class::Preflight, "disk", format!("no temporary folder: {error}; set TMPDIR"))
        })?;
        let path = course.phase(Phase::Fetch, input.fetch(course, folder.path())).await?;
        let inventory =
            course.phase(Phase::Preflight, preflight(course, input, &path, folder.path())).await?;
        let (tables, rows) = (inventory.collections(), inventory.documents());
        let reason = "nothing was restored: it was read to its end and is whole, but `mongod` is not on the PATH, and \
                      what a real MongoDB made is not judged by FerretDB; install MongoDB's package mongodb-org-server";
        course.content(Verified::Counted { tables, rows, reason: reason.to_owned() });
        Ok(())
    }
}

/// The server that may judge the artifact: one of the source's own kind, else a real `mongod`. None where it takes one
/// and there is none.
fn installation(course: &Course, manifest: Option<&Manifest>) -> Result<Option<Installation>, Stopped> {
    let ferretdb = Kind::FerretDb.to_string();
    if !manifest.is_some_and(|manifest| manifest.tools.contains_key(&ferretdb)) {
        return Ok(Installation::mongod().ok());
    }
    let found = Installation::ferretdb().or_else(|_| Installation::find());
    found.map(Some).map_err(|error| course.stop(Class::Server, "the server", with_causes(&error)))
}

/// Reads the archive to its end, and looks whether there is room for what it holds.
async fn preflight(course: &Course, input: &Input, path: &Path, folder: &Path) -> Result<Inventory, Stopped> {
    let inventory = scan::scan(course, input.name(), PathBuf::from(path)).await?;
    // Indexes and journal come on top of the documents.
    room(course, folder, inventory.bytes.saturating_mul(2));
    course.go_on()?;
    Ok(inventory)
}
