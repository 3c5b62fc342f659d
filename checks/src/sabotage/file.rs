//! Sabotage of cause by `file`: a file that a service reads does not hold what it should, or what starts in its place
//! is not the service alone.

use super::{Put, sabotage, setting};
use futures_util::future::BoxFuture;
use sabot_engine::{CannotTell, Context as _, Judgement, Nature, PutOn, Sabotage, Sort, Worn};
use sabot_target::{Lane, Overrides};
use std::fs::{OpenOptions, read, remove_file};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What stands in the file.
pub(crate) type Contents = dyn Fn(&Lane) -> Judgement<String> + Send + Sync;

/// Gives a service a file with `contents`, by `settings` made of its path; undone by a restart with the ordinary ones.
pub(crate) fn given(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    service: &str,
    settings: impl Fn(&str) -> Overrides + Send + Sync + 'static,
    contents: Arc<Contents>,
) -> Sabotage<Lane> {
    let (file_name, service) = (name.to_owned(), service.to_owned());
    let place = file_name.clone();
    let turned = setting::turned_by(turns_red, name, mistake, move |lane| {
        vec![(service.clone(), settings(&path(lane, &place).display().to_string()))]
    });
    let turn = turned.put_on.clone();
    let put_on: Arc<PutOn<Lane>> = Arc::new(move |lane| {
        let (turn, path, contents) = (turn.clone(), path(lane, &file_name), contents(lane));
        Box::pin(async move { put(lane, &turn, path, contents?).await })
    });
    Sabotage { put_on, sorts: vec![Sort::File, Sort::Setting], ..turned }
}

/// Where it lies: one for each run, lane and sabotage.
fn path(lane: &Lane, name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("sabot-{}-{}-{name}", std::process::id(), lane.index()))
}

async fn put(lane: &Lane, turn: &Arc<PutOn<Lane>>, path: PathBuf, contents: String) -> Put {
    let file = Held::write(path, contents, 0o600)?;
    Ok(Box::new(Given { worn: turn(lane).await?, file }))
}

/// A file that is its owner's alone; gone with the value.
struct Held {
    path: PathBuf,
    contents: String,
}

impl Held {
    fn write(path: PathBuf, contents: String, mode: u32) -> Judgement<Self> {
        let written = |path: &Path| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
            file.write_all(contents.as_bytes())
        };
        written(&path).context("writing the file that the service is to meet")?;
        Ok(Self { path, contents })
    }

    fn reads_back(&self) -> Judgement<String> {
        let held = read(&self.path).context("reading the file back")?;
        if held != self.contents.as_bytes() {
            return Err(CannotTell::new("the file no longer holds what was put into it"));
        }
        Ok(format!("the file reads back, {} bytes", held.len()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Where it is gone already, so much the better.
        drop(remove_file(&self.path));
    }
}

struct Given {
    worn: Box<dyn Worn<Lane>>,
    file: Held,
}

impl Worn<Lane> for Given {
    /// The file reads back, and the running process was told of it.
    fn landed<'a>(&'a self, lane: &'a Lane) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async move {
            let held = self.file.reads_back()?;
            let told = self.worn.landed(lane).await?;
            Ok(format!("{told}; {held}"))
        })
    }

    /// The file goes after the service that reads it.
    fn undo<'a>(self: Box<Self>, lane: &'a Lane) -> BoxFuture<'a, Judgement> {
        Box::pin(async move {
            let Self { worn, file } = *self;
            let undone = worn.undo(lane).await;
            drop(file);
            undone
        })
    }
}

/// What the script says first: by this it is seen in the service's log.
const SAYS: &str = "started by a script";

/// Starts a service by a script that first does `deed`, in the language of `sh`; undone by a restart without it.
pub(crate) fn started_by(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    service: &str,
    deed: &'static str,
) -> Sabotage<Lane> {
    let (file_name, service) = (name.to_owned(), service.to_owned());
    let put_on: Arc<PutOn<Lane>> = Arc::new(move |lane| {
        let (path, service) = (path(lane, &file_name), service.clone());
        Box::pin(async move { put_script(lane, service, path, deed).await })
    });
    sabotage(turns_red, name, mistake, Sort::File, Nature::Cause, put_on)
}

async fn put_script(lane: &Lane, service: String, path: PathBuf, deed: &str) -> Put {
    let own = lane.program(&service)?.display().to_string().replace('\'', r"'\''");
    let file = Held::write(path, format!("#!/bin/sh\necho '{SAYS}'\n{deed}\nexec '{own}' \"$@\"\n"), 0o700)?;
    if let Err(error) = lane.start_by(&service, Some(file.path.clone())).await {
        lane.start_by(&service, None).await.context("starting the service's own program again")?;
        return Err(CannotTell::from(error));
    }
    Ok(Box::new(Script { service, file }))
}

struct Script {
    service: String,
    file: Held,
}

impl Worn<Lane> for Script {
    /// The file reads back, and the log of the running service begins with what it says.
    fn landed<'a>(&'a self, lane: &'a Lane) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async move {
            let held = self.file.reads_back()?;
            let log = lane.service(&self.service)?.log(usize::MAX);
            match log.iter().any(|line| line == SAYS) {
                true => Ok(format!("{held}; the log of {} shows that it ran", self.service)),
                false => Err(CannotTell::new("nothing in the service's log shows that the script ran")),
            }
        })
    }

    fn undo<'a>(self: Box<Self>, lane: &'a Lane) -> BoxFuture<'a, Judgement> {
        Box::pin(async move {
            let Self { service, file } = *self;
            let undone = lane.start_by(&service, None).await.map_err(CannotTell::from);
            drop(file);
            undone
        })
    }
}
