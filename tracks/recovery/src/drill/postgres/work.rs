//! One drill from the choice of its artifact to the last look at what was restored.

mod look;

use super::form::Form;
use super::given::Given;
use super::ready::{self, Ready};
use super::script::Script;
use super::stand::{Driller, Stand, server_words};
use super::traces::Traces;
use super::{Options, base, preflight, restore};
use crate::drill::Request;
use crate::drill::course::{Course, Listener, Stopped};
use crate::drill::input::Input;
use crate::drill::room::room;
use crate::manifest::{self, Content, Engine};
use crate::report::{Class, Phase};
use sabot_sandbox::postgres::{Held, Server};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// One drill, and what has to be removed after it.
pub(super) struct Drill<'a> {
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

impl<'a> Drill<'a> {
    /// Begins one: its time counts from here.
    pub(super) fn new(request: &'a Request, options: &'a Options, listener: Listener) -> Self {
        Self {
            course: Course::begin(Engine::Postgres, listener),
            request,
            options,
            traces: Traces::default(),
            held: Mutex::default(),
            stand: OnceLock::new(),
        }
    }

    /// What is said about it.
    pub(super) fn course(&self) -> &Course {
        &self.course
    }

    /// What is left of it: to be reported, looked for, removed.
    pub(super) fn into_parts(self) -> (Course, Traces, Option<Held>, Option<Stand>) {
        let held = self.held.into_inner().unwrap_or_else(PoisonError::into_inner);
        (self.course, self.traces, held, self.stand.into_inner())
    }

    /// Everything but the teardown.
    pub(super) async fn work(&self) -> Result<(), Stopped> {
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
            Some(true) => self.fetch_and_unpack(&input, form, &place).await?,
            None => self.course.phase(Phase::Fetch, self.fetch(&input, form, &place)).await?,
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

    /// The same of a base backup, which is unpacked while its hash is computed, where it lies on this machine.
    async fn fetch_and_unpack(
        &self,
        input: &Input,
        form: Option<Form>,
        place: &Place,
    ) -> Result<(PathBuf, Form), Stopped> {
        let fetch = self.course.phase(Phase::Fetch, self.fetch(input, form, place));
        let Some(path) = input.local_path() else { return fetch.await };
        let unpack = async {
            let form = match form {
                Some(form) => form,
                None => ready::tell(&self.course, input.name(), &path).await?,
            };
            if form.is_physical() { self.unpack(input, form, &path, place).await } else { Ok(()) }
        };
        // Both to their end: which of them failed first says nothing about which says more.
        let (fetched, unpacked) = tokio::join!(fetch, Box::pin(unpack));
        unpacked.and(fetched)
    }

    async fn unpack(&self, input: &Input, form: Form, path: &Path, place: &Place) -> Result<(), Stopped> {
        if self.options.sandbox.is_some() {
            let reason = restore::needs_own_server(form, &Script::default()).unwrap_or_default();
            return Err(self.course.stop(Class::Server, "the server given", reason));
        }
        let unpacking = Box::pin(base::restore(&self.course, input.name(), path, form, &place.data));
        self.course.phase(Phase::Restore, unpacking).await
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
                Err(failure) => {
                    let (server, error) = *failure;
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
        let mut ready = course.phase(Phase::Preflight, looking).await?;
        let database = self.database(input, &ready);
        // Of a plain dump the rows are counted already.
        let uncounted = input.manifest().is_none() && !matches!(form, Form::Plain(_));
        let restoring = Box::pin(async {
            let counting =
                async { if uncounted { Some(ready::rows(course, stand, &ready).await) } else { None } };
            tokio::join!(restore::restore(course, stand, &ready, &database, &place.folder), counting)
        });
        let (restored, rows) = course.phase(Phase::Restore, restoring).await;
        restored?;
        if let Some(rows) = rows {
            ready.script.rows = rows;
        }
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

    /// Starts a server on the files of a base backup, which are unpacked already where it lay on this machine.
    async fn physical(
        &self,
        input: &Input,
        form: Form,
        path: &Path,
        place: &Place,
        driller: Driller,
    ) -> Result<(), Stopped> {
        let course = &self.course;
        if !place.data.exists() {
            self.unpack(input, form, path, place).await?;
        }
        self.serve(driller, Start::Filled).await?;
        let stand = self.stand()?;
        course.phase(Phase::Preflight, Box::pin(base::extensions(course, stand))).await;
        course.go_on()
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
