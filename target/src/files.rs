//! A lane's own copies of the target's files: what judges read, and what a sabotage may damage without touching the
//! real ones.

use crate::{Binaries, TargetError};
use sabot_sandbox::Scratch;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// No run takes as long.
const HELD_FOR: Duration = Duration::from_secs(12 * 60 * 60);

/// Copies of files and folders, as the target's description names them.
#[derive(Debug)]
pub struct Files {
    scratch: Scratch,
    missing: Vec<String>,
}

impl Files {
    /// Copies each of `described`; one that is nowhere to be found is an error only for who asks for it.
    pub(crate) fn copy(described: &[String], binaries: &Binaries) -> Result<Self, TargetError> {
        let failed = |what: &str| TargetError::io(format!("copying the target's {what} for the lane"));
        let scratch = Scratch::create("files of a lane", HELD_FOR).map_err(failed("files"))?;
        let mut missing = Vec::new();
        for name in described {
            match find(name, binaries) {
                Some(from) => copy(&from, &scratch.path().join(inside(name))).map_err(failed(name))?,
                None => missing.push(name.clone()),
            }
        }
        Ok(Self { scratch, missing })
    }

    /// Where the lane's copy of `name` lies, a file or folder of the target's description.
    ///
    /// # Errors
    /// [`TargetError::NoFile`] when it was nowhere to be found.
    pub fn path(&self, name: &str) -> Result<PathBuf, TargetError> {
        if self.missing.iter().any(|missing| missing == name) {
            return Err(TargetError::NoFile { name: name.to_owned() });
        }
        Ok(self.scratch.path().join(inside(name)))
    }

    /// The files of `names`, each a file or a folder, of which those count that end in one of `extensions`: the name as
    /// a reader knows it, and where the copy lies; sorted.
    ///
    /// # Errors
    /// [`TargetError::NoFile`], [`TargetError::Io`] when a folder can't be read.
    pub fn list(&self, names: &[String], extensions: &[&str]) -> Result<Vec<(String, PathBuf)>, TargetError> {
        self.found(names, extensions, false)
    }

    /// As [`list`](Self::list), with the files of folders within a folder, at any depth.
    ///
    /// # Errors
    /// As there.
    pub fn list_deep(
        &self,
        names: &[String],
        extensions: &[&str],
    ) -> Result<Vec<(String, PathBuf)>, TargetError> {
        self.found(names, extensions, true)
    }

    fn found(&self, names: &[String], extensions: &[&str], deep: bool) -> Result<Vec<Found>, TargetError> {
        let mut found = Vec::new();
        for name in names {
            let path = self.path(name)?;
            if path.is_dir() {
                within((name.trim_end_matches('/'), &path), extensions, deep, &mut found)?;
            } else {
                found.push((name.clone(), path));
            }
        }
        found.sort();
        Ok(found)
    }
}

/// A file: the name as a reader knows it, and where the copy lies.
type Found = (String, PathBuf);

/// The files of a folder that end in one of `extensions`.
fn within(
    (name, folder): (&str, &Path),
    extensions: &[&str],
    deep: bool,
    found: &mut Vec<Found>,
) -> Result<(), TargetError> {
    let failed = || TargetError::io(format!("reading the folder {name}"));
    for entry in std::fs::read_dir(folder).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        let inner = format!("{name}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let counts = path
            .extension()
            .is_some_and(|extension| extensions.iter().any(|known| extension.eq_ignore_ascii_case(known)));
        if deep && path.is_dir() {
            within((&inner, &path), extensions, deep, found)?;
        } else if counts && path.is_file() {
            found.push((inner, path));
        }
    }
    Ok(())
}

/// The name below the lane's folder: nothing that leads out of it.
fn inside(name: &str) -> PathBuf {
    Path::new(name).components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

/// An absolute path as it is; another below the nearest folder above the services' binaries that has it, then above the
/// working folder: a build lies within what it was built from, unless its folder was put elsewhere.
fn find(name: &str, binaries: &Binaries) -> Option<PathBuf> {
    let path = Path::new(name);
    if path.is_absolute() {
        return path.exists().then(|| path.to_path_buf());
    }
    let working = std::env::current_dir().unwrap_or_default();
    let above = [binaries.folder(), &working];
    above.into_iter().flat_map(Path::ancestors).map(|folder| folder.join(path)).find(|path| path.exists())
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_dir() {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    std::fs::create_dir_all(to.parent().unwrap_or(to))?;
    std::fs::copy(from, to).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_above_the_binaries_is_copied_and_the_original_stays() {
        let root = tempfile::tempdir().unwrap();
        let rules = root.path().join("own-deploy/rules");
        std::fs::create_dir_all(rules.join("tests")).unwrap();
        for name in ["b.yaml", "a.yml", "README.md", "tests/c.yml"] {
            std::fs::write(rules.join(name), name).unwrap();
        }
        let binaries = Binaries::in_folder(root.path().join("build/debug"));
        let described = ["own-deploy/rules".to_owned(), "own-deploy/none.json".to_owned()];
        let files = Files::copy(&described, &binaries).unwrap();
        let listed = files.list(&described[..1], &["yml", "yaml"]).unwrap();
        let names: Vec<_> = listed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["own-deploy/rules/a.yml", "own-deploy/rules/b.yaml"]);
        let deep = files.list_deep(&described[..1], &["yml"]).unwrap();
        let names: Vec<_> = deep.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["own-deploy/rules/a.yml", "own-deploy/rules/tests/c.yml"]);
        std::fs::write(&listed[0].1, "damaged").unwrap();
        assert_eq!(std::fs::read_to_string(rules.join("a.yml")).unwrap(), "a.yml");
        let error = files.list(&described, &["json"]).unwrap_err().to_string();
        assert!(error.contains("own-deploy/none.json"), "{error}");
    }

    #[test]
    fn no_name_leads_out_of_the_lanes_folder() {
        assert_eq!(inside("/etc/../rules/./a.yml"), Path::new("etc/rules/a.yml"));
    }
}
