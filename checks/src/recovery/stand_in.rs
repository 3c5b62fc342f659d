//! Sabotage of cause by `file`: a program first on the `PATH` of a drill that is not what it is taken for, or files of the
//! store that are not what they were.

use crate::sabotage::{Put, sabotage};
use futures_util::future::BoxFuture;
use sabot_engine::{CannotTell, Context as _, Judgement, Nature, PutOn, Sabotage, Sort, Worn};
use sabot_sandbox::mongo;
use sabot_target::{Estate, Lane};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

/// A line that every stand-in writes into the file of its runs: by this it is seen that it is run.
const RUNS: &str = "stand-in-runs";

/// The body of a script in the language of `sh`, made on the lane. Within it `$REAL` is the program whose place it takes,
/// `$HERE` a folder of its own.
pub(super) type Script = dyn Fn(&Lane, &Estate) -> Judgement<String> + Send + Sync;

/// Puts a script in the place of `program` for everything that a drill starts, or of the drill itself.
pub(super) fn program(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    program: &str,
    script: impl Fn(&Lane, &Estate) -> Judgement<String> + Send + Sync + 'static,
) -> Sabotage<Lane> {
    let nothing: Arc<Deed> = Arc::new(|_, _| Box::pin(async { Ok(()) }));
    program_that_writes(turns_red, name, mistake, program, script, nothing)
}

/// As [`program`], of one that writes elsewhere than into the estate's files: `erase` takes that away again.
pub(super) fn program_that_writes(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    program: &str,
    script: impl Fn(&Lane, &Estate) -> Judgement<String> + Send + Sync + 'static,
    erase: Arc<Deed>,
) -> Sabotage<Lane> {
    let (program, script): (String, Arc<Script>) = (program.to_owned(), Arc::new(script));
    let put_on: Arc<PutOn<Lane>> = Arc::new(move |lane| {
        let (program, script, erase) = (program.clone(), script.clone(), erase.clone());
        Box::pin(async move {
            let estate = lane.estate().await?;
            put_script(estate, &program, &script(lane, estate)?, erase)
        })
    });
    sabotage(turns_red, name, mistake, Sort::File, Nature::Cause, put_on)
}

fn put_script(estate: &Estate, program: &str, body: &str, erase: Arc<Deed>) -> Put {
    use std::io::Write as _;
    let real = real(estate, program)?;
    let path = estate.bin().join(program);
    let text = format!(
        "#!/bin/sh\nREAL='{}'\nHERE='{}'\necho run >> \"$HERE/{RUNS}\"\n{body}\n",
        real.display(),
        estate.bin().display()
    );
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o755).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).context("putting a stand-in on the PATH")?;
    Ok(Box::new(StandIn { path, text, erase }))
}

/// The program that would be found without the stand-in.
fn real(estate: &Estate, program: &str) -> Judgement<PathBuf> {
    if estate.program().file_name().is_some_and(|own| own == program) {
        return Ok(estate.program().to_owned());
    }
    let installed = estate.source().installation().program(program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file());
    let found = found.or_else(|| installed.is_file().then_some(installed)).or_else(|| mongo::tool(program));
    found.ok_or_else(|| CannotTell::new(format!("`{program}` is nowhere to be found")))
}

struct StandIn {
    path: PathBuf,
    text: String,
    erase: Arc<Deed>,
}

impl Worn<Lane> for StandIn {
    /// The file reads back, can be run, and stands first on the `PATH` of every drill.
    fn landed<'a>(&'a self, lane: &'a Lane) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async move {
            let held = std::fs::read_to_string(&self.path).context("reading the stand-in back")?;
            let first = lane.estate().await?.bin();
            if held != self.text || self.path.parent() != Some(first.as_path()) {
                return Err(CannotTell::new("the stand-in no longer stands first on the PATH"));
            }
            Ok(format!("{} stands first on the PATH", self.path.file_name().unwrap_or_default().display()))
        })
    }

    fn undo<'a>(self: Box<Self>, lane: &'a Lane) -> BoxFuture<'a, Judgement> {
        Box::pin(async move {
            let estate = lane.estate().await?;
            end_strays(estate);
            let erased = (self.erase)(lane, estate).await;
            estate.reset()?;
            erased
        })
    }
}

/// Ends what a stand-in has left running on purpose: their numbers stand in files called `stray-*`.
fn end_strays(estate: &Estate) {
    let Ok(entries) = std::fs::read_dir(estate.bin()) else { return };
    let strays = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("stray-"));
    for stray in strays {
        let pid = std::fs::read_to_string(stray.path()).ok().and_then(|text| text.trim().parse().ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            // It may have gone by itself.
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Something that is done to an estate.
pub(super) type Deed = dyn for<'a> Fn(&'a Lane, &'a Estate) -> BoxFuture<'a, Judgement> + Send + Sync;

/// Does `damage` to the store of the estate; undone by putting all of it back.
pub(super) fn store(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    damage: Arc<Deed>,
) -> Sabotage<Lane> {
    let put_on: Arc<PutOn<Lane>> = Arc::new(move |lane| {
        let damage = damage.clone();
        Box::pin(async move {
            let estate = lane.estate().await?;
            let before = listing(&estate.store())?;
            if let Err(error) = damage(lane, estate).await {
                estate.reset()?;
                return Err(error);
            }
            Ok(Box::new(Damaged { before }) as Box<dyn Worn<Lane>>)
        })
    });
    sabotage(turns_red, name, mistake, Sort::File, Nature::Cause, put_on)
}

struct Damaged {
    before: Vec<(PathBuf, Vec<u8>)>,
}

impl Worn<Lane> for Damaged {
    /// The files of the store are no longer those that were there.
    fn landed<'a>(&'a self, lane: &'a Lane) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async move {
            let now = listing(&lane.estate().await?.store())?;
            let gone = self.before.iter().filter(|file| !now.contains(file)).count();
            let new = now.iter().filter(|file| !self.before.contains(file)).count();
            if gone + new == 0 {
                return Err(CannotTell::new("every file of the store is as it was"));
            }
            Ok(format!("{gone} files of the store are no longer as they were, {new} are new or changed"))
        })
    }

    fn undo<'a>(self: Box<Self>, lane: &'a Lane) -> BoxFuture<'a, Judgement> {
        Box::pin(async move { lane.estate().await?.reset().map_err(CannotTell::from) })
    }
}

/// Every file below `folder` with what it holds: some megabytes, so that a changed byte shows.
fn listing(folder: &std::path::Path) -> Judgement<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).context("reading the store")? {
        let path = entry.context("reading the store")?.path();
        if path.is_dir() {
            files.extend(listing(&path)?);
        } else {
            let bytes = std::fs::read(&path).context("reading a file of the store")?;
            files.push((path, bytes));
        }
    }
    files.sort();
    Ok(files)
}
