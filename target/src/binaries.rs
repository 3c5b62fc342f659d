//! The services' binaries: found beside our own executable, and refused when they are of another build.

use crate::{TargetError, command};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// What this crate was built from.
const BUILD: &str = env!("SABOT_FINGERPRINT");

/// How long a binary may take to say its version.
const LIMIT: Duration = Duration::from_secs(10);

/// Where the services' binaries are.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
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
        Ok(Self { folder: folder.to_path_buf() })
    }

    /// In `folder`.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where they are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of `program`, which may be a path itself.
    ///
    /// # Errors
    /// [`TargetError::NoBinary`] when there is no such file.
    pub fn find(&self, program: &str) -> Result<PathBuf, TargetError> {
        let path = self.folder.join(program);
        let none = || TargetError::NoBinary { name: program.to_owned(), folder: self.folder.clone() };
        path.is_file().then_some(path).ok_or_else(none)
    }

    /// What a program prints that is asked something, with nothing in its environment.
    ///
    /// # Errors
    /// [`TargetError::NoBinary`]; [`TargetError::Command`] when it fails, or takes too long.
    pub async fn ask(&self, command_line: &[String]) -> Result<String, TargetError> {
        let told = command_line.join(" ");
        let empty = || TargetError::NoSuch { what: "a command", name: told.clone() };
        let (program, args) = command_line.split_first().ok_or_else(empty)?;
        let mut command = Command::new(self.find(program)?);
        command.args(args).env_clear().stdin(Stdio::null());
        command::run(&mut command, &told, LIMIT).await
    }

    /// Refuses `program` unless it was built from the same sources as this crate.
    ///
    /// # Errors
    /// [`TargetError::NoBinary`], or [`TargetError::OtherBuild`].
    pub async fn same_build(&self, program: &str) -> Result<(), TargetError> {
        let path = self.find(program)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

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
