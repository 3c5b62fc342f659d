//! The drill of a PostgreSQL artifact: a dump in any of its forms, a dump of a whole cluster, or a base backup.

mod base;
mod count;
mod feed;
mod form;
mod given;
mod messages;
mod preflight;
mod ready;
mod restore;
mod script;
mod session;
mod smoke;
mod sql;
mod stand;
mod teardown;
mod traces;
mod unpack;
mod verify;

pub use given::Access;

use super::course::{Course, Listener, Stopped};
use super::input::Input;
use super::room::room;
use super::{Hold, Request};
use crate::manifest::{self, Content, Engine};
use crate::report::{Class, Event, Phase, Report};
use form::Form;
use given::Given;
use ready::Ready;
use sabot_sandbox::postgres::{Held, Server};
use stand::{Driller, Stand, server_words};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use traces::Traces;

/// How long one tool, or one look at all of the content, may take at most: what takes longer will not end.
const LIMIT: Duration = Duration::from_secs(6 * 60 * 60);

/// What only PostgreSQL has.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The database that smoke queries are asked of, where it is not plain which.
    pub smoke_on: Option<String>,
    /// A server of the operator's to restore into, instead of one of our own.
    pub sandbox: Option<Access>,
}

/// Drills an artifact: restores it, verifies it, and removes everything again, however it goes. `stop` ends it at any
/// moment, and is in the report then.
///
/// It must run on a multi-threaded runtime: stopping a server may block a thread.
pub async fn drill(
    request: &Request,
    options: &Options,
    listener: Listener,
    stop: &CancellationToken,
) -> Report {
    let drill = Drill {
        course: Course::begin(Engine::Postgres, listener),
        request,
        options,
        traces: Traces::default(),
        held: Mutex::default(),
        stand: OnceLock::new(),
    };
    if stop.run_until_cancelled(Box::pin(drill.work())).await.is_none() {
        drill.course.problem(Class::Interrupted, "the drill", "it was stopped before its end");
    }
    let Drill { course, traces, held, stand, .. } = drill;
    let held = held.into_inner().unwrap_or_else(PoisonError::into_inner);
    let removing = Box::pin(teardown::teardown(&course, &traces, held, stand.into_inner()));
    course.phase(Phase::Teardown, removing).await;
    course.judge(request.rto, request.rpo);
    course.report(!request.smoke.is_empty())
}

/// One drill, and what has to be removed after it.
struct Drill<'a> {
    course: Course,
    request: &'a Request,
    options: &'a Options,
    traces: Traces,
    /// The sandbox until its server starts.
    held: Mutex<Option<Held>>,
    stand: OnceLock<Stand>,
}

/// Where the parts of an artifact lie.
struct Place {
    folder: PathBuf,
    data: PathBuf,
}

impl Drill<'_> {
    async fn work(&self) -> Result<(), Stopped> {
        let input = Input::choose(&self.course, &self.request.source, Engine::Postgres).await?;
        // What a manifest vouches for is looked into once its hash was checked; of a file the form is told at once.
        let form = match input.local_path().filter(|_| input.manifest().is_none()) {
            Some(path) => Some(ready::tell(&self.course, input.name(), &path).await?),
            None => None,
        };
        let physical = input.manifest().map(|manifest| manifest.form == manifest::Form::BaseBackup);
        let physical = physical.or(form.map(Form::is_physical));
        let driller = Driller::new().map_err(|error| self.course.stop(Class::Server, "the server", error))?;
        let place = self
            .course
            .phase(Phase::Preflight, async { self.hold(&input, form, physical, &driller) })
            .await?;
        let (fetched, form) = match physical {
            Some(false) => {
                let fetch = self.course.phase(Phase::Fetch, self.fetch(&input, form, &place));
                let (fetched, ()) = tokio::try_join!(fetch, self.serve(driller.clone(), Start::Empty))?;
                fetched
            }
            _ => self.course.phase(Phase::Fetch, self.fetch(&input, form, &place)).await?,
        };
        if let Some(said) = physical.filter(|said| *said != form.is_physical()) {
            let (said, is) = if said { ("base backup", "dump") } else { ("dump", "base backup") };
            let message = format!("its manifest says that it is a {said}, and it is a {is}");
            return Err(self.course.stop(Class::Manifest, input.name(), message));
        }
        let (database, ready) = if form.is_physical() {
            self.physical(&input, form, &fetched, &place, driller).await?;
            (None, None)
        } else {
            // Fetched from afar and without a manifest: only now it is known that it needs an empty server.
            if self.stand.get().is_none() {
                self.serve(driller, Start::Empty).await?;
            }
            let (database, ready) = self.logical(&input, form, fetched, &place).await?;
            (database, Some(ready))
        };
        self.look(&input, database.as_deref(), ready.as_ref()).await
    }

    /// Holds the sandbox's folder, once there is room for it.
    fn hold(
        &self,
        input: &Input,
        form: Option<Form>,
        physical: Option<bool>,
        driller: &Driller,
    ) -> Result<Place, Stopped> {
        let course = &self.course;
        let physical = physical.unwrap_or(false);
        let needed = preflight::needed(input, form);
        let installation = preflight::installation(course, input.manifest(), physical)?;
        // Only a manifest tells the size well enough to put it into memory.
        let known = input.manifest().map(|_| needed);
        let held = Held::new(driller.options(known, installation));
        let held = held.map_err(|error| course.stop(Class::Server, "the server", server_words(&error)))?;
        self.traces.held(&held);
        let place = Place { folder: held.folder().to_owned(), data: held.data_dir() };
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
        room(course, &place.folder, needed);
        course.go_on()?;
        Ok(place)
    }

    /// Has the artifact at hand: fetched, its form told, unpacked where no tool reads it packed.
    async fn fetch(
        &self,
        input: &Input,
        form: Option<Form>,
        place: &Place,
    ) -> Result<(PathBuf, Form), Stopped> {
        let path = input.fetch(&self.course, &place.folder).await?;
        let form = match form {
            Some(form) => form,
            None => ready::tell(&self.course, input.name(), &path).await?,
        };
        let path = ready::unpacked(&self.course, input.name(), &path, form, &place.folder).await?;
        Ok((path, form))
    }

    /// Starts the server, or accepts the one that the operator gave.
    async fn serve(&self, driller: Driller, start: Start) -> Result<(), Stopped> {
        self.course.phase(Phase::Server, Box::pin(self.start(driller, start))).await
    }

    async fn start(&self, driller: Driller, start: Start) -> Result<(), Stopped> {
        let failed = |error: String| self.course.stop(Class::Server, "the server", error);
        let taken = || self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        let stand = if let Some(access) = &self.options.sandbox {
            let given = Given::accept(access).await;
            let given =
                given.map_err(|reason| failed(format!("the server given is no sandbox: {reason}")))?;
            let held = taken().ok_or_else(|| failed("the sandbox is gone".to_owned()))?;
            Stand::given(given, held)
        } else {
            let held = taken().ok_or_else(|| failed("the sandbox is gone".to_owned()))?;
            let id = held.id().to_owned();
            let server: Server = match start {
                Start::Empty => held.start_empty().await,
                Start::Filled => held.start_filled().await,
            }
            .map_err(|error| failed(server_words(&error)))?;
            match driller.move_in(server, id).await {
                Ok(stand) => stand,
                Err((server, error)) => {
                    server.stop().await;
                    return Err(failed(error));
                }
            }
        };
        // Nothing else sets it.
        self.stand.set(stand).map_err(|_| failed("it was started twice".to_owned()))
    }

    fn stand(&self) -> Result<&Stand, Stopped> {
        self.stand.get().ok_or_else(|| self.course.stop(Class::Server, "the server", "there is none"))
    }

    /// Restores a dump; gives the database that a dump of one went into.
    async fn logical(
        &self,
        input: &Input,
        form: Form,
        path: PathBuf,
        place: &Place,
    ) -> Result<(Option<String>, Ready), Stopped> {
        let (course, stand) = (&self.course, self.stand()?);
        let looking = Box::pin(async {
            let ready = self.required(input, form, path).await?;
            preflight::script(course, stand, &ready.script, input.manifest()).await;
            if self.options.sandbox.is_some()
                && let Some(reason) = restore::needs_own_server(form, &ready.script)
            {
                course.problem(Class::Server, "the server given", reason);
            }
            course.go_on()?;
            Ok::<_, Stopped>(ready)
        });
        let ready = course.phase(Phase::Preflight, looking).await?;
        let database = self.database(input, &ready);
        let restoring = Box::pin(restore::restore(course, stand, &ready, &database, &place.folder));
        course.phase(Phase::Restore, restoring).await?;
        Ok(((!ready.script.leaves).then_some(database), ready))
    }

    async fn required(&self, input: &Input, form: Form, path: PathBuf) -> Result<Ready, Stopped> {
        if let Form::Plain(_) = form {
            let script = ready::scanned(&self.course, input.name(), &path).await?;
            let has_rows = script.rows.values().any(|rows| *rows > 0);
            return Ok(Ready { path, form, script, database: None, has_rows });
        }
        ready::listed(&self.course, input.name(), self.stand()?, path, form).await
    }

    /// The name of the database to restore into: the source's, where it is known.
    fn database(&self, input: &Input, ready: &Ready) -> String {
        let named = match input.manifest().map(|manifest| &manifest.content) {
            Some(Content::Yes { databases, .. }) => databases.first().map(|database| database.name.clone()),
            _ => None,
        };
        let name = named.or_else(|| ready.database.clone()).unwrap_or_else(|| "restored".to_owned());
        let taken = self.options.sandbox.is_some() && ["postgres", "template1"].contains(&name.as_str());
        if taken { format!("{name}_restored") } else { name }
    }

    /// Restores a base backup: unpacked, its files verified, and a server started on them.
    async fn physical(
        &self,
        input: &Input,
        form: Form,
        path: &std::path::Path,
        place: &Place,
        driller: Driller,
    ) -> Result<(), Stopped> {
        let course = &self.course;
        if self.options.sandbox.is_some() {
            let reason = restore::needs_own_server(form, &script::Script::default()).unwrap_or_default();
            return Err(course.stop(Class::Server, "the server given", reason));
        }
        let unpacking = Box::pin(base::restore(course, input.name(), path, form, &place.data));
        course.phase(Phase::Restore, unpacking).await?;
        self.serve(driller, Start::Filled).await?;
        let stand = self.stand()?;
        course.phase(Phase::Preflight, Box::pin(base::extensions(course, stand))).await;
        course.go_on()
    }

    /// Verifies, asks the smoke queries, and stays up for a while where that is wanted.
    async fn look(
        &self,
        input: &Input,
        database: Option<&str>,
        ready: Option<&Ready>,
    ) -> Result<(), Stopped> {
        let (course, stand) = (&self.course, self.stand()?);
        let verifying = Box::pin(async {
            verify::verify(course, stand, input.manifest(), database, ready).await?;
            if ready.is_none() {
                base::amcheck(course, stand).await?;
            }
            Ok::<_, Stopped>(())
        });
        let verified = course.phase(Phase::Verify, verifying).await;
        let asked = Box::pin(async {
            let database = self.asked(database).await;
            if let Some(database) = &database {
                smoke::ask(course, stand, database, &self.request.smoke).await;
            }
            database
        });
        let database = course.phase(Phase::Smoke, asked).await;
        if verified.is_ok() {
            course.recovered();
        }
        if let Some(hold) = &self.request.hold {
            self.stay(hold, stand, &database.unwrap_or_else(|| stand.maintenance.clone())).await;
        }
        verified
    }

    /// The database that smoke queries are asked of: the one that is named, the one restored, or the only one there is.
    async fn asked(&self, restored: Option<&str>) -> Option<String> {
        if let Some(named) = self.options.smoke_on.as_deref().or(restored) {
            return Some(named.to_owned());
        }
        let stand = self.stand().ok()?;
        let mut all = stand.databases().await.unwrap_or_default();
        if all.len() > 1 {
            all.retain(|name| name != "postgres");
        }
        if all.len() > 1 && !self.request.smoke.is_empty() {
            let message =
                format!("it is not plain which database they are for; name one of {all:?} by --smoke-on");
            self.course.problem(Class::Smoke, "smoke queries", message);
            return None;
        }
        all.into_iter().next()
    }

    async fn stay(&self, hold: &Hold, stand: &Stand, database: &str) {
        let seconds = hold.at_most.as_secs();
        self.course.say(&Event::Held { url: stand.url(database), seconds });
        // Over at the latest of the two events that end it; which, does not matter.
        drop(tokio::time::timeout(hold.at_most, hold.release.cancelled()).await);
    }
}

/// How a server of our own starts.
#[derive(Debug, Clone, Copy)]
enum Start {
    /// With an empty cluster.
    Empty,
    /// On the data that were laid into its folder.
    Filled,
}
