//! Which program is taken: the caller's `PATH` decides, as it does in a shell.

use super::{Command, ToolError};
use sabot_sandbox::postgres::Installation;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a program may take to say its version.
const VERSION_LIMIT: Duration = Duration::from_secs(20);

/// An external program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// What it is called, such as `pg_dump`.
    pub name: String,
    /// Where it is.
    pub program: PathBuf,
    /// What it says of itself, such as `15.18`; `unknown` where it says nothing that can be read.
    pub version: String,
}

impl Tool {
    /// The program of MongoDB's of this name: on `PATH`, else where it was built for throwaway servers.
    ///
    /// # Errors
    /// When there is none; `remedy` says what installs it.
    pub async fn mongo(name: &str, remedy: &str) -> Result<Self, ToolError> {
        let missing =
            || ToolError::Missing { name: name.to_owned(), also: String::new(), remedy: remedy.to_owned() };
        Self::at(name, sabot_sandbox::mongo::tool(name).ok_or_else(missing)?).await
    }

    /// The program of this name that can handle a PostgreSQL server of this major version: the one on `PATH`, unless
    /// that is older; then, or where there is none, the one of an installed server, its own version first.
    ///
    /// # Errors
    /// When there is none, or all are older than the server.
    pub async fn postgres(name: &str, server_major: u32) -> Result<Self, ToolError> {
        let mut older = None;
        if let Some(program) = on_path(name) {
            let tool = Self::at(name, program).await?;
            // One that does not say its version is taken at its word: it was put first on PATH.
            if tool.major().is_none_or(|major| major >= server_major) {
                return Ok(tool);
            }
            older = Some(tool.version);
        }
        let installed = tokio::task::spawn_blocking(move || installed(server_major)).await.ok().flatten();
        let program = installed.map(|installation| installation.program(name)).filter(|path| runs(path));
        match (program, older) {
            (Some(program), _) => Self::at(name, program).await,
            (None, Some(found)) => {
                Err(ToolError::TooOld { name: name.to_owned(), found, wanted: server_major })
            }
            (None, None) => Err(ToolError::Missing {
                name: name.to_owned(),
                also: ", nor beside an installed server".to_owned(),
                remedy: format!("install postgresql-client-{server_major}"),
            }),
        }
    }

    /// The major version, where it is known.
    #[must_use]
    pub fn major(&self) -> Option<u32> {
        major_of(&self.version)
    }

    async fn at(name: &str, program: PathBuf) -> Result<Self, ToolError> {
        let unnamed = Self { name: name.to_owned(), program, version: String::new() };
        let (end, printed) = Command::new(&unnamed, VERSION_LIMIT).arg("--version").output().await?;
        let version = end.is_success().then(|| version_in(&printed)).flatten();
        Ok(Self { version: version.unwrap_or("unknown").to_owned(), ..unnamed })
    }
}

/// The first number of a version such as `15.18` or `18beta1`.
#[must_use]
pub fn major_of(version: &str) -> Option<u32> {
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version.get(..end)?.parse().ok()
}

/// The first word that begins like a version: `pg_dump (PostgreSQL) 15.18 (Debian …)`, `mongodump version: 100.9.4`.
fn version_in(printed: &str) -> Option<&str> {
    let first = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    printed.split_whitespace().map(|word| word.trim_start_matches(['v', 'r'])).find(first)
}

/// The installed server whose programs fit best: of the same major version, else the oldest newer one, which changes least.
fn installed(major: u32) -> Option<Installation> {
    let fit = Installation::all().into_iter().filter(|one| one.version.major >= major);
    fit.min_by_key(|one| one.version.major)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| runs(program))
}

fn runs(program: &Path) -> bool {
    program.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_tools_print_them() {
        assert_eq!(version_in("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some("15.18"));
        assert_eq!(version_in("mongodump version: 100.9.4\ngit version: abc\n"), Some("100.9.4"));
        assert_eq!(version_in("mongorestore version: v100.12.0"), Some("100.12.0"));
        assert_eq!(version_in("nothing of the kind"), None);
        assert_eq!((major_of("18beta1"), major_of("15.18"), major_of("unknown")), (Some(18), Some(15), None));
    }
}
