//! The registry as a JSON or YAML document.

use std::path::Path;

use super::SourceError;
use crate::{Names, Registry};

/// The registry in the document at `path`, which readers know as `name`, and where each of its kinds stands.
///
/// # Errors
/// When the document cannot be read, or is no registry.
pub fn read_registry(name: &str, path: &Path) -> Result<(Registry, Names), SourceError> {
    todo!("{name} {}", path.display())
}
