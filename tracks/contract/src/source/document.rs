//! Names in a JSON or YAML document, at a pointer.

use std::path::Path;

use super::SourceError;
use crate::Names;

/// The names at a pointer into a JSON or YAML document.
#[derive(Debug, Clone)]
pub struct Document {
    pointer: String,
}

impl Document {
    /// Those at `pointer`.
    ///
    /// # Errors
    /// When it is no pointer.
    pub fn new(pointer: &str) -> Result<Self, SourceError> {
        Ok(Self { pointer: pointer.to_owned() })
    }

    /// Every name in the document at `path`, which readers know as `name`; its ending says whether it is JSON or YAML.
    ///
    /// # Errors
    /// When the document cannot be read, or the pointer leads nowhere in it.
    pub fn read(&self, name: &str, path: &Path) -> Result<Names, SourceError> {
        todo!("{} {name} {}", self.pointer, path.display())
    }
}
