//! Which PostgreSQL servers this machine has.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;

/// Where Debian's packages put each major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A version, such as 15.18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 15 of 15.18: what decides whether data files and tools fit together.
    pub major: u32,
    /// 18 of 15.18.
    pub minor: u32,
}

impl Version {
    /// Reads what `postgres --version` prints, such as `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
    fn parse(printed: &str) -> Option<Self> {
        let number = printed.split_ascii_whitespace().nth(2)?;
        let digits = |text: &str| -> Option<u32> {
            // A version under test is printed as `18beta1`.
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            text.get(..end)?.parse().ok()
        };
        let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
        Some(Self { major: digits(major)?, minor: digits(minor).unwrap_or(0) })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A set of server binaries of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The folder that holds `initdb`, `postgres`, `pg_dump`, `psql` …
    pub bin: PathBuf,
    /// What `postgres --version` says.
    pub version: Version,
}

impl Installation {
    /// The newest server of Debian's packages, else the one in `SABOT_POSTGRES_BIN`, else that of `pg_config`.
    ///
    /// # Errors
    /// When there is none.
    pub fn find() -> Result<Self, Error> {
        candidates().find_map(Self::at).ok_or(Error::NoInstallation)
    }

    /// The newest one of this major version.
    ///
    /// # Errors
    /// When there is none; the message names those that there are.
    pub fn of_major(major: u32) -> Result<Self, Error> {
        let all = Self::all();
        let found = all.iter().map(|one| one.version.to_string()).collect::<Vec<_>>().join(", ");
        let found = if found.is_empty() { "none".to_owned() } else { found };
        let chosen = all.into_iter().find(|one| one.version.major == major);
        chosen.ok_or(Error::NoSuchVersion { wanted: major, found })
    }

    /// The server whose folder is on `PATH`: what somebody has put there is what he means.
    #[must_use]
    pub fn on_path() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let server =
            std::env::split_paths(&path).map(|folder| folder.join("postgres")).find(|file| file.is_file())?;
        // Often a link into the folder that holds the rest.
        Self::at(std::fs::canonicalize(server).ok()?.parent()?.to_owned())
    }

    /// Every server found, in the order in which [`find`](Self::find) prefers them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for bin in candidates() {
            if !all.iter().any(|one| one.bin == bin) {
                all.extend(Self::at(bin));
            }
        }
        all
    }

    /// The server in this folder, if it holds `initdb` and a `postgres` that runs.
    #[must_use]
    pub fn at(bin: PathBuf) -> Option<Self> {
        if !bin.join("initdb").is_file() {
            return None;
        }
        let version = Version::parse(&output(bin.join("postgres").as_os_str(), "--version")?)?;
        Some(Self { bin, version })
    }

    /// The path of one of its programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// Where a server may be, best first. Lazy, since each costs the start of a program.
fn candidates() -> impl Iterator<Item = PathBuf> {
    let named = || std::env::var_os("SABOT_POSTGRES_BIN").map(PathBuf::from);
    debian(Path::new(DEBIAN))
        .into_iter()
        .chain(std::iter::once_with(named).chain(std::iter::once_with(pg_config)).flatten())
}

/// Debian's folders, newest first.
fn debian(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    let mut majors: Vec<u32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    majors.sort_unstable_by(|a, b| b.cmp(a));
    majors.into_iter().map(|major| root.join(major.to_string()).join("bin")).collect()
}

fn pg_config() -> Option<PathBuf> {
    output(OsStr::new("pg_config"), "--bindir").map(|bin| PathBuf::from(bin.trim()))
}

/// What a program prints that only says something about itself.
fn output(program: &OsStr, argument: &str) -> Option<String> {
    // `timeout` belongs to coreutils, as `env` does, on which a leash relies anyway.
    let output =
        Command::new("timeout").arg("10").arg(program).arg(argument).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_printed() {
        let read = |printed| Version::parse(printed).map(|version| version.to_string());
        assert_eq!(read("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").as_deref(), Some("15.18"));
        assert_eq!(read("postgres (PostgreSQL) 18beta1").as_deref(), Some("18.0"));
        assert_eq!(read("something else"), None);
    }

    #[test]
    fn the_newest_debian_version_comes_first() {
        let root = tempfile::tempdir().unwrap();
        for name in ["9", "15", "17", "common"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        let found = debian(root.path());
        assert_eq!(found.first(), Some(&root.path().join("17/bin")));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn a_version_that_is_not_there_is_named_with_those_that_are() {
        let error = Installation::of_major(7).unwrap_err().to_string();
        assert!(error.contains("PostgreSQL 7 is not installed"), "{error}");
        assert!(error.contains("postgresql-7"), "{error}");
    }
}
