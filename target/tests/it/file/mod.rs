//! `sabot.toml`: what it may say, what it may not, and its reference in `docs/src/configuration.md`.

mod delivery;
mod mistakes;
mod propagation;
mod reading;
mod reference;

use sabot_target::{FileError, Mistake, Target};
use std::path::Path;

/// A description in which every table that there is stands.
pub(crate) const WHOLE: &str = include_str!("whole.toml");

/// What `text` describes, in a folder with the files that it names.
pub(crate) fn described(text: &str) -> Result<Target, FileError> {
    let folder = tempfile::tempdir().unwrap();
    for file in ["rules.yml", "conditions.json", "kinds.py", "contract.json"] {
        std::fs::write(folder.path().join(file), "").unwrap();
    }
    write_and_read(folder.path(), text)
}

fn write_and_read(folder: &Path, text: &str) -> Result<Target, FileError> {
    let file = folder.join("sabot.toml");
    std::fs::write(&file, text).unwrap();
    Target::from_file(&file)
}

/// All that is wrong with `text`.
pub(crate) fn mistakes(text: &str) -> Vec<Mistake> {
    match described(text) {
        Ok(_) => Vec::new(),
        Err(FileError::Wrong { mistakes, .. }) => mistakes,
        Err(error) => panic!("{error}"),
    }
}
