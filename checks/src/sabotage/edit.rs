//! Sabotage of cause by `file`: the lane's copy of a file of the target holds a mistake.

use super::{Put, sabotage};
use futures_util::future::BoxFuture;
use sabot_engine::{CannotTell, Context as _, Judgement, Nature, PutOn, Sabotage, Sort, Worn};
use sabot_target::{Files, Lane};
use std::path::PathBuf;
use std::sync::Arc;

/// What becomes of a file's text; the same text where there is nothing in it to damage.
pub(crate) type Change = dyn Fn(&str) -> String + Send + Sync;

/// Which of the target's files are damaged.
#[derive(Debug, Clone)]
pub(crate) struct Which {
    /// Files and folders of the target's description.
    pub(crate) names: Vec<String>,
    /// The ends of those that count in a folder.
    pub(crate) extensions: Vec<String>,
    /// Whether files of folders within a folder count too.
    pub(crate) deep: bool,
}

impl Which {
    /// Files, and files that lie in a folder itself.
    pub(crate) fn in_folders(names: &[String], extensions: &[&str]) -> Self {
        let extensions = extensions.iter().map(|extension| String::from(*extension)).collect();
        Self { names: names.to_vec(), extensions, deep: false }
    }

    fn list(&self, lane: &Lane) -> Judgement<Vec<(String, PathBuf)>> {
        let extensions: Vec<_> = self.extensions.iter().map(String::as_str).collect();
        let files = lane.files()?;
        let listed = if self.deep { Files::list_deep } else { Files::list };
        Ok(listed(files, &self.names, &extensions)?)
    }
}

/// Changes every file of `which` in which there is something to change; undone by writing back what was there.
pub(crate) fn edited(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    which: &Which,
    change: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Sabotage<Lane> {
    edited_all(turns_red, name, mistake, vec![(which.clone(), Arc::new(change))])
}

/// As [`edited`], in several places of which each is damaged in its own way: at least one of them.
pub(crate) fn edited_all(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    parts: Vec<(Which, Arc<Change>)>,
) -> Sabotage<Lane> {
    let put_on: Arc<PutOn<Lane>> = Arc::new(move |lane| {
        let put = put(lane, &parts);
        Box::pin(async move { put })
    });
    sabotage(turns_red, name, mistake, Sort::File, Nature::Cause, put_on)
}

/// Adds a file beside the first of `which`; undone by removing it.
pub(crate) fn added(
    turns_red: &[&'static str],
    name: &str,
    mistake: &str,
    which: &Which,
    (file, contents): (&'static str, String),
) -> Sabotage<Lane> {
    let which = which.clone();
    let put_on: Arc<PutOn<Lane>> = Arc::new(move |lane| {
        let put = add(lane, &which, file, &contents);
        Box::pin(async move { put })
    });
    sabotage(turns_red, name, mistake, Sort::File, Nature::Cause, put_on)
}

fn put(lane: &Lane, parts: &[(Which, Arc<Change>)]) -> Put {
    let mut edits = Vec::new();
    for (which, change) in parts {
        for (name, path) in which.list(lane)? {
            let was = std::fs::read_to_string(&path).context(format!("reading {name}"))?;
            let is = change(&was);
            if is != was {
                edits.push(Edit { name, path, was: Some(was), is });
            }
        }
    }
    if edits.is_empty() {
        let names: Vec<_> = parts.iter().flat_map(|(which, _)| &which.names).map(String::as_str).collect();
        return Err(CannotTell::new(format!("nothing in {} could be damaged so", names.join(", "))));
    }
    write(edits)
}

fn add(lane: &Lane, which: &Which, file: &str, contents: &str) -> Put {
    let first = which.list(lane)?.into_iter().next();
    let (name, beside) = first.ok_or_else(|| CannotTell::new("there is no file to put another beside"))?;
    let path = beside.with_file_name(file);
    if path.exists() {
        return Err(CannotTell::new(format!("{file} is there already")));
    }
    write(vec![Edit { name: format!("{file} beside {name}"), path, was: None, is: contents.to_owned() }])
}

fn write(edits: Vec<Edit>) -> Put {
    let edits = Edits(edits);
    for edit in &edits.0 {
        std::fs::write(&edit.path, &edit.is).context(format!("writing {}", edit.name))?;
    }
    Ok(Box::new(edits))
}

/// One damaged file.
struct Edit {
    name: String,
    path: PathBuf,
    /// What it held; none where it was not there.
    was: Option<String>,
    is: String,
}

impl Edit {
    fn look(&self) -> Judgement<String> {
        let held = std::fs::read_to_string(&self.path).context(format!("reading {} back", self.name))?;
        if held != self.is || Some(&held) == self.was.as_ref() {
            return Err(CannotTell::new(format!("{} does not hold what was put into it", self.name)));
        }
        let was: Vec<_> = self.was.as_deref().unwrap_or_default().lines().collect();
        let differing = held.lines().filter(|line| !was.contains(line)).count();
        let lost = was.iter().filter(|line| !held.lines().any(|held| held == **line)).count();
        Ok(format!("{} reads back, {differing} lines new and {lost} lost", self.name))
    }

    fn restore(&self) -> Judgement {
        let restored = match &self.was {
            Some(was) => std::fs::write(&self.path, was),
            None => std::fs::remove_file(&self.path),
        };
        restored.context(format!("restoring {}", self.name))
    }
}

struct Edits(Vec<Edit>);

impl Worn<Lane> for Edits {
    /// Each file reads back, and is not what it was.
    fn landed<'a>(&'a self, _: &'a Lane) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async move {
            let looks: Vec<_> = self.0.iter().map(Edit::look).collect::<Judgement<_>>()?;
            Ok(looks.join("; "))
        })
    }

    /// Every file is restored, also when one of them can't be.
    fn undo<'a>(self: Box<Self>, _: &'a Lane) -> BoxFuture<'a, Judgement> {
        Box::pin(async move { self.0.iter().map(Edit::restore).fold(Ok(()), Result::and) })
    }
}
