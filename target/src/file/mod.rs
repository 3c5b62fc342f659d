//! `sabot.toml`: the description of a target as a file.

mod document;
mod mistake;
mod tree;
mod validate;

pub use mistake::{FileError, Mistake};

use crate::Target;
use document::Document;
use std::path::Path;
use tree::Tree;

/// What the file is called where nobody says otherwise.
pub const FILE_NAME: &str = "sabot.toml";

impl Target {
    /// The target that the file at `path` describes; nothing is started.
    ///
    /// # Errors
    /// [`FileError`], with everything that is wrong with it.
    pub fn from_file(path: &Path) -> Result<Self, FileError> {
        let unreadable = |source| FileError::Unreadable { path: path.to_path_buf(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let path = std::path::absolute(path).map_err(unreadable)?;
        let (mut document, tree, mut mistakes) = read(&text);
        document.take_form(tree.is_given(&["readiness", "words"]));
        mistakes.extend(validate::validate(&document, &tree, path.parent().unwrap_or(Path::new("/"))));
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        mistakes.dedup();
        if mistakes.is_empty() {
            return Ok(document.into_target(path));
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Err(FileError::Wrong { file, mistakes })
    }
}

/// The most mistakes of form that are looked for in one file.
const MOST: usize = 100;

/// What can be read of `text`, each thing that can't be taken out and told of.
fn read(text: &str) -> (Document, Tree<'_>, Vec<Mistake>) {
    let (mut tree, mut mistakes) = Tree::parse(text);
    for _ in 0..MOST {
        match tree.document() {
            Ok(document) => return (document, tree, mistakes),
            Err(error) => {
                let (mistake, taken_out) = tree.take_out(&error);
                mistakes.extend(mistake);
                if !taken_out {
                    break;
                }
            }
        }
    }
    tree.give_up();
    (Document::default(), tree, mistakes)
}

/// The JSON Schema of the file.
pub fn config_schema() -> serde_json::Value {
    schemars::schema_for!(Document).to_value()
}
