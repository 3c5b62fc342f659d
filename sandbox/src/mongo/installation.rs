//! Which servers for MongoDB's protocol this machine has.

use std::fmt;
use std::path::PathBuf;

use super::Error;
use crate::cache::cache_folder;

/// Where `scripts/setup-mongo.sh` puts FerretDB, in the cache folder. The last number changes with the way it is built.
const FERRETDB: &str = "mongo/ferretdb-1.24.2-1/ferretdb";

/// Where it puts MongoDB's own tools.
const TOOLS: &str = "mongo/tools-100.12.2-1";

/// What a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// MongoDB's own.
    Mongod,
    /// FerretDB 1.x on SQLite files; it judges nothing that a real MongoDB made.
    FerretDb,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mongod => "mongod",
            Self::FerretDb => "ferretdb",
        })
    }
}

/// One server that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The program.
    pub program: PathBuf,
    /// What it is.
    pub kind: Kind,
}

impl Installation {
    /// `mongod` of the `PATH`, else FerretDB of the cache.
    ///
    /// # Errors
    /// When there is neither.
    pub fn find() -> Result<Self, Error> {
        Self::mongod().or_else(|_| Self::ferretdb())
    }

    /// `mongod` of the `PATH`.
    ///
    /// # Errors
    /// When it is not there.
    pub fn mongod() -> Result<Self, Error> {
        let program = tool("mongod").ok_or(Error::NoMongod)?;
        Ok(Self { program, kind: Kind::Mongod })
    }

    /// FerretDB of the cache.
    ///
    /// # Errors
    /// When it is not there.
    pub fn ferretdb() -> Result<Self, Error> {
        let program = cache_folder().map(|cache| cache.join(FERRETDB)).filter(|program| program.is_file());
        Ok(Self { program: program.ok_or(Error::NoInstallation)?, kind: Kind::FerretDb })
    }

    /// Whether it is MongoDB's own server.
    #[must_use]
    pub fn is_real_mongod(&self) -> bool {
        self.kind == Kind::Mongod
    }
}

/// The path of a program such as `mongodump`: on the `PATH`, else in the cache.
#[must_use]
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cached = cache_folder().map(|cache| cache.join(TOOLS));
    let mut found = std::env::split_paths(&path).chain(cached).map(|folder| folder.join(name));
    found
        .find(|program| rustix::fs::access(program, rustix::fs::Access::EXEC_OK).is_ok() && program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_puts_ferretdb_where_it_is_looked_for() {
        let script = include_str!("../../../scripts/setup-mongo.sh");
        let folder = FERRETDB.rsplit_once('/').unwrap().0;
        let (version, recipe) = folder.rsplit_once('-').unwrap();
        let tools = script.lines().find_map(|line| line.strip_prefix("TOOLS=")).unwrap();
        let version = version.strip_prefix("mongo/ferretdb-").unwrap();
        assert!(script.contains(&format!("\nFERRETDB={version}\n")), "the version differs");
        assert!(script.contains(&format!("\nRECIPE={recipe}\n")), "the recipe differs");
        assert!(script.contains("/mongo/ferretdb-$FERRETDB-$RECIPE"), "the folder differs");
        assert!(script.contains("/mongo/tools-$TOOLS-$RECIPE"), "the tools' folder differs");
        assert_eq!(
            TOOLS.strip_prefix("mongo/tools-").and_then(|tools| tools.rsplit_once('-')),
            Some((tools, recipe))
        );
        assert!(include_str!("../../ferretdb/go.mod").contains(&format!("FerretDB v{version}\n")));
    }
}
