//! Constants in the source of any language, by pattern.

use std::path::PathBuf;

use regex::Regex;

use super::SourceError;
use crate::Names;

/// Constants in the source of any language, by pattern.
///
/// The name is what the pattern's group `name` holds; in a pattern without one, its first group that took part in the
/// match. `^` and `$` mark the ends of lines, and a match may reach over several.
#[derive(Debug, Clone)]
pub struct Constants {
    pattern: Regex,
    skip_comment_lines: bool,
}

impl Constants {
    /// Those that `pattern` finds.
    ///
    /// # Errors
    /// When it is no pattern, or has no group.
    pub fn new(pattern: &str) -> Result<Self, SourceError> {
        let pattern = Regex::new(pattern)
            .map_err(|error| SourceError::new("pattern", error.to_string(), "write a pattern"))?;
        Ok(Self { pattern, skip_comment_lines: true })
    }

    /// Whether lines that are comments are passed over; they are unless this says otherwise.
    #[must_use]
    pub fn skip_comment_lines(self, skip: bool) -> Self {
        Self { skip_comment_lines: skip, ..self }
    }

    /// Every name in these files, each given with its name for readers.
    ///
    /// # Errors
    /// When a file cannot be read, or the pattern matches in none of them.
    pub fn read(&self, files: &[(String, PathBuf)]) -> Result<Names, SourceError> {
        todo!("{:?} {} {}", files, self.pattern, self.skip_comment_lines)
    }
}
