//! Where names stand written: sources of any language, documents, a database.
//!
//! [`Constants`] finds names by a pattern, so that it needs no parser of the language; a pattern is narrow enough when it
//! reads the constants and nothing else (mind that `\s` goes on to the next line, and `[ \t]` doesn't). Lines that are
//! comments do not count. Patterns that are tested:
//!
//! Go, `const KindTeamCreated Kind = "team.created"`, in a block or alone, typed or not:
//! ```text
//! ^\s*(?:const )?Kind\w+\s+(?:Kind )?= ["`]([^"`]+)["`]
//! ```
//! TypeScript, an object: `TeamCreated: "team.created",`
//! ```text
//! ^\s*"?[A-Z]\w*"?: ["'`]([^"'`]+)["'`]
//! ```
//! TypeScript, an enum: `TeamCreated = "team.created",`
//! ```text
//! ^\s*[A-Z]\w* = ["']([^"']+)["']
//! ```
//! TypeScript, a union: `| "team.created"`
//! ```text
//! ^\s*\| ["']([^"']+)["']
//! ```
//! Python, a `StrEnum`: `TEAM_CREATED = "team.created"`
//! ```text
//! ^[ \t]+[A-Z_]+ = ["']([^"']+)["']
//! ```
//! Java, an enum with the name as the constructor's first argument: `TEAM_CREATED("team.created"),`
//! ```text
//! ^\s*[A-Z_]+\(\s*"([^"]+)"
//! ```
//! Java, constants: `public static final String TEAM_CREATED = "team.created";`
//! ```text
//! static final String [A-Z_]+\s*=\s*"([^"]+)"
//! ```
//! Rust, the macro [`kinds!`](crate::kinds): `TeamCreated = "team.created" =>`
//! ```text
//! ^ +[A-Z]\w* = "([^"]+)" =>
//! ```
//!
//! ```
//! use sabot_contract::source::Constants;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("kinds.go");
//! # std::fs::write(&path, "const KindTeamCreated Kind = \"team.created\"\n")?;
//! let go = Constants::new(r#"^\s*(?:const )?Kind\w+\s+(?:Kind )?= ["`]([^"`]+)["`]"#)?;
//! let declared = go.read(&[("audit/kinds.go".into(), path)])?;
//! let (name, places) = declared.iter().next().unwrap();
//! assert_eq!((name, places[0].to_string().as_str()), ("team.created", "audit/kinds.go:1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
    pub(crate) fn new(at: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at: at.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

/// The text of a file that readers know as `name`.
fn text(name: &str, path: &Path) -> Result<String, SourceError> {
    fs::read_to_string(path).map_err(|error| {
        let remedy = "give the path of a text file in UTF-8 that this user may read";
        SourceError::new(name, format!("{} cannot be read ({error})", path.display()), remedy)
    })
}
