//! Services that can't be judged: missing, of another build, or unwilling to start.

use super::running::Running;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::TempDir;

const SERVICES: [&str; 3] = ["sabot-api", "sabot-worker", "sabot-provisioner"];

/// A folder with a copy of the program, and in place of each service what `script` makes of its name.
fn folder_with(script: impl Fn(&str) -> Option<String>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_sabot"), folder.path().join("sabot")).unwrap();
    for service in SERVICES {
        let Some(script) = script(service) else { continue };
        let path = folder.path().join(service);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// Runs a check there, which can't be verified; returns what was said.
fn unverified(folder: &TempDir) -> String {
    let program = folder.path().join("sabot");
    let (status, text) = Running::start_program(&program, &["run", "readiness.matrix"], &[]).end();
    assert_eq!(status.code(), Some(2), "{text}");
    text
}

#[test]
fn a_service_that_does_not_start_is_named_with_its_last_words() {
    let built = Path::new(env!("CARGO_BIN_EXE_sabot"));
    let folder = folder_with(|service| {
        // It says its version and migrates as the real one, and will not serve.
        let real = built.with_file_name(service);
        let refuses = "echo 'no memory for the frobnicator'; exit 1";
        Some(format!("[ $# -gt 0 ] && exec {} \"$@\"\n{refuses}", real.display()))
    });
    let text = unverified(&folder);
    assert!(text.contains("did not answer") && text.contains("no memory for the frobnicator"), "{text}");
}

#[test]
fn a_service_that_is_missing_is_named_with_the_command_that_builds_it() {
    let text = unverified(&folder_with(|_| None));
    assert!(text.contains("cargo build -p sabot-platform"), "{text}");
}

#[test]
fn a_service_of_another_build_is_refused() {
    let text = unverified(&folder_with(|service| {
        // Were it to be started all the same, that would show.
        Some(format!("[ \"$1\" = --version ] || exit 1\necho '{service} 0.1.0 (build 0123456789abcdef)'"))
    }));
    assert!(text.contains("build 0123456789abcdef") && text.contains("cargo build --workspace"), "{text}");
}
