//! Reports: files drawn from the finished record, written whole or not at all, and annotations for GitHub.

use sabot_engine::{Record, report};
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// How a kind of report is drawn: from the record, and from the file that it is to replace where that still says
/// something.
type Draw = fn(&Record, &Path) -> Result<String, String>;

/// Every kind that goes to a file, by its name; one line each.
const KINDS: &[(&str, Draw)] = &[
    ("html", |record, _| Ok(report::html(record))),
    ("json", |record, _| serde_json::to_string_pretty(record).map_err(|error| error.to_string())),
    ("junit", |record, _| Ok(report::junit(record))),
    ("markdown", |record, _| Ok(report::markdown(record))),
    ("prometheus", |record, path| Ok(report::prometheus(record, before(path).as_deref()))),
];

/// The kind that goes to no file.
const GITHUB: &str = "github";

/// The file to which GitHub wants the summary of a step appended, and what it takes of it, in bytes.
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";
const SUMMARY_LIMIT: u64 = 1 << 20;

/// With less left, nothing of use can be said.
const SUMMARY_LEAST: u64 = 16 << 10;

/// The most that is read of a file that is to be replaced, in bytes; ours are some hundred kilobytes.
const MOST_BEFORE: u64 = 64 << 20;

/// A report to be written.
#[derive(Debug, Clone)]
pub(crate) enum Report {
    /// A file.
    File { draw: Draw, path: PathBuf },
    /// Annotations on standard output, and the Markdown report where GitHub wants the summary of a step.
    Github,
}

impl FromStr for Report {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == GITHUB {
            return Ok(Self::Github);
        }
        let (name, path) = text
            .split_once('=')
            .ok_or_else(|| format!("a report is KIND=FILE, such as json=record.json, or {GITHUB}"))?;
        if name == GITHUB {
            return Err(format!("{GITHUB} takes no file: it goes to standard output"));
        }
        let Some((_, draw)) = KINDS.iter().find(|(kind, _)| *kind == name) else {
            let kinds = KINDS.iter().map(|(kind, _)| *kind).collect::<Vec<_>>().join(", ");
            return Err(format!("no report is called `{name}`; there are {kinds} and {GITHUB}"));
        };
        if path.is_empty() {
            return Err(format!("the file is missing, as in {name}=FILE"));
        }
        Ok(Self::File { draw: *draw, path: path.into() })
    }
}

/// Makes sure, before anything runs, that the reports can be written.
pub(crate) fn check(reports: &[Report]) -> Result<(), String> {
    for (number, report) in reports.iter().enumerate() {
        let Report::File { path, .. } = report else { continue };
        let same = |other: &Report| matches!(other, Report::File { path: other, .. } if other == path);
        if reports[..number].iter().any(same) {
            return Err(format!("two reports go to {}; name a file for each with --report", path.display()));
        }
        check_place(path)?;
    }
    Ok(())
}

fn check_place(path: &Path) -> Result<(), String> {
    let wrong = |error: &dyn fmt::Display| {
        format!("{} can't be written: {error}; name another file with --report", path.display())
    };
    if path.is_dir() {
        return Err(wrong(&"it is a folder"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let probe = beside(path);
    std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe)).map_err(|error| wrong(&error))
}

/// What became of a report.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Lines for standard output that are the report itself.
    pub(crate) report: String,
    /// Where the report is, for whoever reads along.
    pub(crate) place: Option<PathBuf>,
    /// What of it was lost, and why.
    pub(crate) lost: Option<String>,
}

/// Where a report is, for people: what a browser opens as an address that a terminal makes a link of.
pub(crate) fn address(path: &Path) -> String {
    let whole = path.extension().filter(|end| *end == "html").and_then(|_| path.canonicalize().ok());
    whole.map_or_else(|| path.display().to_string(), |whole| format!("file://{}", escaped(&whole)))
}

/// As RFC 3986 has the path of an address.
fn escaped(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(byte);
    let escape = |byte: &u8| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    path.as_os_str().as_bytes().iter().map(escape).collect()
}

/// Writes every report, whatever becomes of the others.
pub(crate) fn write(reports: &[Report], record: &Record) -> Vec<Written> {
    reports.iter().map(|report| report.write(record)).collect()
}

impl Report {
    fn write(&self, record: &Record) -> Written {
        match self {
            Self::File { draw, path } => {
                // A report that panics is lost, and only that one.
                let drawn = std::panic::catch_unwind(|| draw(record, path))
                    .unwrap_or_else(|_| Err("it could not be drawn".into()));
                let written = drawn.and_then(|text| replace(path, &text).map_err(|error| error.to_string()));
                match written {
                    Ok(()) => Written { place: Some(path.clone()), ..Written::default() },
                    Err(error) => {
                        Written { lost: Some(format!("{}: {error}", path.display())), ..Written::default() }
                    }
                }
            }
            Self::Github => {
                let summary = std::env::var_os(SUMMARY).filter(|path| !path.is_empty()).map(PathBuf::from);
                let lost = summary.and_then(|path| {
                    append(&path, record).err().map(|error| format!("{}: {error}", path.display()))
                });
                Written { report: report::github(record), lost, ..Written::default() }
            }
        }
    }
}

/// Writes `text` beside its place and moves it there, so that no reader meets half a report.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = beside(path);
    let written = std::fs::File::create(&beside)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // What is half written is of no use; that it can't be removed either is the lesser error.
        drop(std::fs::remove_file(&beside));
    }
    written
}

/// Appends the Markdown report to the summary of a step, within what is left of the length that GitHub takes.
fn append(path: &Path, record: &Record) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    let left = SUMMARY_LIMIT.saturating_sub(file.metadata()?.len());
    if left < SUMMARY_LEAST {
        // GitHub would drop the whole summary, and not only ours.
        return Err(std::io::Error::other("the summary of this step is full; give Sabot a step of its own"));
    }
    let text = report::markdown_within(record, usize::try_from(left).unwrap_or(usize::MAX));
    file.write_all(text.as_bytes())
}

/// What a file says that is to be replaced; one that can't be read, or that is no ordinary file, says nothing.
fn before(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    (metadata.is_file() && metadata.len() <= MOST_BEFORE).then_some(())?;
    std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kind: &str, path: &Path) -> Report {
        format!("{kind}={}", path.display()).parse().unwrap()
    }

    fn record() -> Record {
        let mut record = Record::begin("run", "test");
        record.finish();
        record
    }

    #[test]
    fn a_report_that_is_lost_takes_no_other_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let panics = Report::File { draw: |_, _| panic!("a bug"), path: folder.path().join("panics") };
        let reports =
            [report("json", &gone.join("a.json")), panics, report("junit", &folder.path().join("b.xml"))];
        check(&reports).unwrap();
        std::fs::remove_dir(&gone).unwrap();
        let record = record();
        let written = write(&reports, &record);
        assert!(written[0].lost.as_ref().unwrap().contains("a.json"), "{written:?}");
        assert!(written[1].lost.as_ref().unwrap().contains("could not be drawn"), "{written:?}");
        assert!(
            written[2].lost.is_none() && written[2].place.is_some() && folder.path().join("b.xml").is_file()
        );
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "nothing half written stays");
    }

    #[test]
    fn the_page_is_told_by_an_address_that_can_be_opened() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("a b#ü.html");
        assert_eq!(address(&page), page.display().to_string(), "it is not there yet");
        std::fs::write(&page, "").unwrap();
        let told = address(&page);
        assert!(told.starts_with("file:///") && told.ends_with("/a%20b%23%C3%BC.html"), "{told}");
        assert_eq!(address(Path::new("record.json")), "record.json");
    }

    #[test]
    fn a_report_that_cannot_be_written_is_refused_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        let refused = check(&[report("json", folder.path())]).unwrap_err();
        assert!(refused.contains("it is a folder; name another file"), "{refused}");
        let file = folder.path().join("a");
        let refused = check(&[report("json", &file), report("junit", &file)]).unwrap_err();
        assert!(refused.contains("two reports go to"), "{refused}");
    }

    #[test]
    fn an_unknown_kind_is_answered_with_those_that_there_are() {
        let refused = |text: &str| text.parse::<Report>().unwrap_err();
        assert_eq!(
            refused("pdf=a"),
            "no report is called `pdf`; there are html, json, junit, markdown, prometheus and github"
        );
        assert!(refused("json").contains("KIND=FILE"));
        assert!(refused("json=").contains("json=FILE"));
        assert!(refused("github=a").contains("takes no file"));
    }

    #[test]
    fn the_times_of_a_file_that_is_replaced_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sabot.prom");
        let line = "sabot_last_pass_timestamp_seconds{track=\"a\"} 1000\n";
        // Bytes that are no text are no error.
        std::fs::write(&path, [line.as_bytes(), &[0xff, 0, b'\n']].concat()).unwrap();
        let reports = [report("prometheus", &path)];
        let record = record();
        for _ in 0..2 {
            assert!(write(&reports, &record).iter().all(|written| written.lost.is_none()));
            assert!(std::fs::read_to_string(&path).unwrap().contains(line));
        }
    }

    #[test]
    fn the_summary_of_a_step_is_appended_within_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.md");
        std::fs::write(&path, "before\n").unwrap();
        append(&path, &record()).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("before\n# Sabot"));
        let full = (1 << 20) - 100;
        std::fs::write(&path, vec![b'x'; full]).unwrap();
        assert!(append(&path, &record()).unwrap_err().to_string().contains("is full"));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), full as u64);
    }
}
