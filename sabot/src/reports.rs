//! Reports: files drawn from the finished record, written whole or not at all.

use sabot_engine::{Record, report};
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A report to be written.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    kind: Kind,
    path: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Html,
    Json,
    Markdown,
}

impl FromStr for Report {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, path) = text.split_once('=').ok_or("a report is KIND=FILE, such as json=record.json")?;
        let kind = match kind {
            "html" => Kind::Html,
            "json" => Kind::Json,
            "markdown" => Kind::Markdown,
            other => return Err(format!("no report is called `{other}`; there are html, json and markdown")),
        };
        if path.is_empty() {
            return Err("the file is missing, as in json=record.json".into());
        }
        Ok(Self { kind, path: path.into() })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl Report {
    /// Makes sure, before anything runs, that the report can be written.
    pub(crate) fn check(&self) -> Result<(), String> {
        let folder = self.folder();
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let probe = self.beside();
        std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe)).map_err(|error| {
            format!("{} can't be written: {error}; name another file with --report", self.path.display())
        })
    }

    /// Writes it beside its place and moves it there, so that no reader meets half a report.
    pub(crate) fn write(&self, record: &Record) -> Result<(), String> {
        let text = match self.kind {
            Kind::Html => report::html(record),
            Kind::Json => serde_json::to_string_pretty(record).map_err(|error| error.to_string())?,
            Kind::Markdown => report::markdown(record),
        };
        let beside = self.beside();
        let written = std::fs::File::create(&beside)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&beside, &self.path));
        written.map_err(|error| format!("{}: {error}", self.path.display()))
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn beside(&self) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        self.path.with_file_name(name)
    }
}
