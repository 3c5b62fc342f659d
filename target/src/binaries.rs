//! The services' programs: ours are found beside our own executable, and refused when they are of another build; those of
//! a described target below its folder or on the `PATH`.

use crate::{Target, TargetError, command};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// What this crate was built from.
const BUILD: &str = env!("SABOT_FINGERPRINT");

/// How long a binary may take to say its version.
const LIMIT: Duration = Duration::from_secs(10);

/// What the commands of a described target inherit of our environment.
const INHERITED: [&str; 2] = ["PATH", "HOME"];

/// Where the services' binaries are.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
    /// They are somebody else's, and run in that folder.
    described: bool,
}

impl Binaries {
    /// Beside this executable; for a test's executable, one folder up.
    ///
    /// # Errors
    /// When the system does not say where this executable is.
    pub fn beside_this() -> Result<Self, TargetError> {
        let this = std::env::current_exe().map_err(TargetError::io("asking where this executable is"))?;
        let folder = this.parent().unwrap_or(Path::new("/"));
        let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
        Ok(Self::in_folder(folder))
    }

    /// In `folder`.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), described: false }
    }

    /// Those of a target that is described by a file in `folder`: searched on the `PATH`, and run there.
    pub fn described_in(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), described: true }
    }

    /// Those of `target`.
    ///
    /// # Errors
    /// When the system does not say where this executable is.
    pub fn of(target: &Target) -> Result<Self, TargetError> {
        match &target.file {
            Some(file) => Ok(Self::described_in(file.parent().unwrap_or(Path::new("/")))),
            None => Self::beside_this(),
        }
    }

    /// Where they are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of `program`, which may be a path itself.
    ///
    /// # Errors
    /// [`TargetError::NoBinary`] or [`TargetError::NoProgram`] when there is no such file.
    pub fn find(&self, program: &str) -> Result<PathBuf, TargetError> {
        if self.described {
            return self.search(program);
        }
        let path = self.folder.join(program);
        let none = || TargetError::NoBinary { name: program.to_owned(), folder: self.folder.clone() };
        path.is_file().then_some(path).ok_or_else(none)
    }

    /// A program with a `/` in its name below the folder; another on the `PATH`, or else beside this executable, where
    /// Sabot itself is.
    fn search(&self, program: &str) -> Result<PathBuf, TargetError> {
        let none = || TargetError::NoProgram { name: program.to_owned(), folder: self.folder.clone() };
        if program.is_empty() {
            return Err(none());
        }
        if program.contains('/') {
            return Some(self.folder.join(program)).filter(|path| runs(path)).ok_or_else(none);
        }
        let on_path = std::env::var_os("PATH").unwrap_or_default();
        let found =
            std::env::split_paths(&on_path).map(|folder| folder.join(program)).find(|path| runs(path));
        found.or_else(|| Self::beside_this().ok()?.find(program).ok()).ok_or_else(none)
    }

    /// What a described target's commands inherit of our environment; ours inherit nothing.
    pub(crate) fn inherited(&self) -> Vec<(&'static str, OsString)> {
        let names = INHERITED.into_iter().filter(|_| self.described);
        names.filter_map(|name| Some((name, std::env::var_os(name)?))).collect()
    }

    /// The folder in which commands run, where it is not ours.
    pub(crate) fn runs_in(&self) -> Option<&Path> {
        self.described.then_some(&*self.folder)
    }

    /// A command that reads nothing, and has what it inherits and nothing else in its environment.
    ///
    /// # Errors
    /// Those of [`find`](Self::find).
    pub(crate) fn command(&self, command_line: &[String]) -> Result<Command, TargetError> {
        let empty = || TargetError::NoSuch { what: "a command", name: String::new() };
        let (program, args) = command_line.split_first().ok_or_else(empty)?;
        let mut command = Command::new(self.find(program)?);
        command.args(args).env_clear().envs(self.inherited()).stdin(Stdio::null());
        if let Some(folder) = self.runs_in() {
            command.current_dir(folder);
        }
        Ok(command)
    }

    /// What a program prints that is asked something, with nothing in its environment but what it inherits.
    ///
    /// # Errors
    /// [`TargetError::NoBinary`]; [`TargetError::Command`] when it fails, or takes too long.
    pub async fn ask(&self, command_line: &[String]) -> Result<String, TargetError> {
        command::run(&mut self.command(command_line)?, &command_line.join(" "), LIMIT).await
    }

    /// Refuses `program` unless it was built from the same sources as this crate, or is somebody else's.
    ///
    /// # Errors
    /// Those of [`find`](Self::find), or [`TargetError::OtherBuild`].
    pub async fn same_build(&self, program: &str) -> Result<(), TargetError> {
        let path = self.find(program)?;
        if self.described {
            return Ok(());
        }
        let mut command = Command::new(&path);
        command.arg("--version").stdin(Stdio::null()).kill_on_drop(true);
        let said = match tokio::time::timeout(LIMIT, command.output()).await {
            Ok(output) => {
                output.map_err(TargetError::io(format!("running {} --version", path.display())))?.stdout
            }
            Err(_) => Vec::new(),
        };
        let said = String::from_utf8_lossy(&said);
        let found = said.split("(build ").nth(1).and_then(|rest| rest.split(')').next()).unwrap_or("unknown");
        if found == BUILD {
            return Ok(());
        }
        Err(TargetError::OtherBuild { path, found: found.to_owned(), wanted: BUILD.to_owned() })
    }
}

/// Whether it is a file that may be executed.
fn runs(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(folder: &Path, says: &str) -> Binaries {
        let draft = folder.join("draft");
        std::fs::write(&draft, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o755)).unwrap();
        // Copied by another process: a child that another test forks just now would hold what we write open, and what
        // is open for writing can't be started.
        let mut copy = std::process::Command::new("cp");
        copy.args(["-f", "--preserve=mode"]).arg(&draft).arg(folder.join("sabot-fake"));
        assert!(copy.status().unwrap().success());
        Binaries::in_folder(folder)
    }

    #[tokio::test]
    async fn a_program_is_asked_and_its_failure_told() {
        let folder = tempfile::tempdir().unwrap();
        let command = |program: &str| vec![program.to_owned(), "ask".to_owned()];
        assert_eq!(
            fake(folder.path(), "an answer").ask(&command("sabot-fake")).await.unwrap(),
            "an answer\n"
        );
        let failing = fake(folder.path(), "'; echo why >&2; exit 3; '").ask(&command("sabot-fake")).await;
        let error = failing.unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("why"), "{error}");
    }

    #[tokio::test]
    async fn services_of_another_build_are_refused_with_the_command_that_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let ours = fake(folder.path(), &format!("sabot-fake 0.1.0 (build {BUILD})"));
        assert!(ours.same_build("sabot-fake").await.is_ok());
        let others = fake(folder.path(), "sabot-fake 0.1.0 (build 0123)");
        let error = others.same_build("sabot-fake").await.unwrap_err().to_string();
        assert!(error.contains("build 0123") && error.contains("cargo build --workspace"), "{error}");
        let missing = others.same_build("sabot-none").await.unwrap_err().to_string();
        assert!(missing.contains("cargo build -p sabot-platform"), "{missing}");
    }
}
