//! Where the files go: never over others without leave, and whole or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The schema, beside the description.
const SCHEMA: &str = "schema.sql";

/// Where description and schema go.
#[derive(Debug)]
pub(crate) struct Place {
    file: PathBuf,
    force: bool,
}

impl Place {
    /// Makes sure, before anything is looked at, that they can be written.
    ///
    /// # Errors
    /// What is in the way, and what to do.
    pub(crate) fn at(file: &Path, force: bool, with_schema: bool) -> Result<Self, String> {
        let place = Self { file: file.to_owned(), force };
        let schema = with_schema.then(|| place.schema());
        for path in [Some(place.file.clone()), schema].into_iter().flatten() {
            if path.is_dir() {
                return Err(format!("{} is a folder; name a file with --output", path.display()));
            }
            if path.exists() && !force {
                return Err(format!(
                    "{} is there already and was left as it is; write over it with --force, or elsewhere with --output",
                    path.display()
                ));
            }
        }
        let folder = place.folder();
        if !folder.is_dir() {
            return Err(format!(
                "there is no folder {}; make it, or name another file with --output",
                folder.display()
            ));
        }
        Ok(place)
    }

    fn folder(&self) -> &Path {
        self.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// The description.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The schema.
    pub(crate) fn schema(&self) -> PathBuf {
        self.folder().join(SCHEMA)
    }

    /// What the schema is called in the description.
    pub(crate) const fn schema_name() -> &'static str {
        SCHEMA
    }

    /// Writes one of them.
    ///
    /// # Errors
    /// Which can't be written, and why.
    pub(crate) fn write(&self, path: &Path, text: &str) -> Result<(), String> {
        self.moved(path, text).map_err(|error| format!("{} can't be written: {error}", path.display()))
    }

    /// Written beside its place under a name of its own, and moved there; it goes by itself where that fails.
    fn moved(&self, path: &Path, text: &str) -> std::io::Result<()> {
        let mut beside = tempfile::Builder::new().prefix(".sabot-init-").tempfile_in(self.folder())?;
        beside.write_all(text.as_bytes())?;
        beside.as_file().sync_all()?;
        let moved = if self.force { beside.persist(path) } else { beside.persist_noclobber(path) };
        moved.map(drop).map_err(|error| error.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_came_in_the_meantime_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sabot.toml");
        let place = Place::at(&file, false, true).unwrap();
        std::fs::write(&file, "mine").unwrap();
        assert!(place.write(&file, "ours").unwrap_err().contains("can't be written"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
        assert!(Place::at(&file, false, false).unwrap_err().contains("--force"));
        Place::at(&file, true, false).unwrap().write(&file, "ours").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "ours");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half written stays");
    }
}
