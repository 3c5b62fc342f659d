//! A script that stands in for a program.

use sabot_recovery::tool::Tool;
use std::os::unix::fs::PermissionsExt as _;

pub(crate) struct StandIn {
    folder: tempfile::TempDir,
    name: String,
}

impl StandIn {
    pub(crate) fn new(name: &str, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, name: name.to_owned() }
    }

    pub(crate) fn tool(&self) -> Tool {
        Tool { name: self.name.clone(), program: self.folder.path().join(&self.name), version: "1".into() }
    }
}
