//! Where names stand written: sources of any language, documents, a database.

mod comments;
mod constants;
mod document;
mod node;
pub mod postgres;
mod registry;

use std::fs;
use std::path::Path;

pub use constants::Constants;
pub use document::Document;
pub use registry::read_registry;

/// Names that could not be read: where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}; {remedy}")]
pub struct SourceError {
    /// The file with its line, the pattern, or the object of the database.
    pub at: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl SourceError {
    pub(crate) fn new(at: impl ToString, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at: at.to_string(), problem: problem.into(), remedy: remedy.into() }
    }
}

/// The text of a file that readers know as `name`.
fn text(name: &str, path: &Path) -> Result<String, SourceError> {
    fs::read_to_string(path).map_err(|error| {
        let remedy = "give the path of a text file in UTF-8 that this user may read";
        SourceError::new(name, format!("{} cannot be read ({error})", path.display()), remedy)
    })
}
