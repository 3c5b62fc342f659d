//! The corpus: one store, or one file, for each way in which an artifact can be damaged.

use super::super::shelf::{self, Stored};
use sabot_engine::{CannotTell, Context as _, Judgement};
use sabot_target::{Estate, Job};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// How long making one damaged artifact may take.
const LIMIT: Duration = Duration::from_secs(60);

/// One artifact of the corpus.
#[derive(Debug)]
pub(super) enum Damaged {
    /// In a store, with a manifest.
    Stored { what: String, store: PathBuf },
    /// A dump that somebody else made.
    File { what: String, file: PathBuf },
    /// One that nothing is wrong with: a drill that fails everything finds nothing.
    Whole { what: String, file: PathBuf },
}

impl Damaged {
    pub(super) fn what(&self) -> &str {
        match self {
            Self::Stored { what, .. } | Self::File { what, .. } | Self::Whole { what, .. } => what,
        }
    }

    pub(super) const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole { .. })
    }
}

/// All of it, in the estate's scratch folder.
pub(super) async fn corpus(estate: &Estate, job: &Job) -> Judgement<Vec<Damaged>> {
    let maker = Maker { estate, job, folder: estate.scratch("corpus")? };
    let mut all = maker.bytes().await?;
    all.extend(maker.contents().await?);
    all.extend(maker.plain().await?);
    Ok(all)
}

struct Maker<'a> {
    estate: &'a Estate,
    job: &'a Job,
    folder: PathBuf,
}

impl Maker<'_> {
    fn store(&self, number: usize) -> Judgement<(PathBuf, Stored)> {
        let store = self.folder.join(format!("store-{number}"));
        let stored = shelf::copied(&self.estate.store(), &self.job.name, &store)?;
        Ok((store, stored))
    }

    /// Bytes that are not those that were stored: under the old hash, and under one that fits.
    async fn bytes(&self) -> Judgement<Vec<Damaged>> {
        let length = shelf::newest(&self.estate.store(), &self.job.name)?.bytes()?.len();
        let text: &[u8] = b"-- PostgreSQL database dump\nSELECT 1;\n";
        let garbage: Vec<u8> =
            (0..4_096_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let changes: Vec<(String, Box<Change>)> = vec![
            ("an empty artifact".into(), Box::new(|stored: &Stored| stored.cut(0))),
            ("an artifact of three bytes".into(), Box::new(|stored: &Stored| stored.cut(3))),
            ("one cut within its header".into(), Box::new(|stored: &Stored| stored.cut(20))),
            ("one cut within its table of contents".into(), Box::new(|stored: &Stored| stored.cut(2_000))),
            ("one cut within its data".into(), Box::new(move |stored: &Stored| stored.cut(length / 2))),
            (
                "one without its last kilobyte".into(),
                Box::new(move |stored: &Stored| stored.cut(length - 1_024)),
            ),
            ("one with a flipped bit in its header".into(), Box::new(|stored: &Stored| stored.flip(6))),
            (
                "one with a flipped bit in its data".into(),
                Box::new(move |stored: &Stored| stored.flip(length / 2)),
            ),
            (
                "one with a flipped bit near its end".into(),
                Box::new(move |stored: &Stored| stored.flip(length * 9 / 10)),
            ),
            ("text in place of an archive".into(), Box::new(move |stored: &Stored| stored.put(text))),
            ("bytes without meaning".into(), Box::new(move |stored: &Stored| stored.put(&garbage))),
        ];
        let mut all = Vec::new();
        for (what, change) in changes {
            let (store, stored) = self.store(all.len())?;
            change(&stored)?;
            all.push(Damaged::Stored { what: format!("{what}, under the old hash"), store });
            let (store, mut stored) = self.store(all.len())?;
            change(&stored)?;
            stored.rehash().await?;
            all.push(Damaged::Stored { what: format!("{what}, under a hash that fits"), store });
        }
        // The last byte is padding to no tool, so that only the hash can tell.
        let (store, stored) = self.store(all.len())?;
        stored.cut(length - 1)?;
        all.push(Damaged::Stored { what: "one without its last byte, under the old hash".into(), store });
        Ok(all)
    }

    /// Archives that are whole, and not what the manifest says.
    async fn contents(&self) -> Judgement<Vec<Damaged>> {
        let mut all = Vec::new();
        let dumps: [(&str, &str, &[&str]); 3] = [
            ("rows of one table missing", &self.job.database, &["--exclude-table-data=public.members"]),
            ("one table missing", &self.job.database, &["--exclude-table=public.wide"]),
            ("another database's dump", "postgres", &[]),
        ];
        for (what, database, options) in dumps {
            let (store, mut stored) = self.store(100 + all.len())?;
            let path = stored.path.clone();
            self.dump(database, options, "custom", &path).await?;
            stored.rehash().await?;
            all.push(Damaged::Stored { what: format!("{what}, under a hash that fits"), store });
        }
        let (store, mut stored) = self.store(100 + all.len())?;
        stored.amend(|manifest| manifest.artifact = manifest.artifact.replace("-", "-0"))?;
        all.push(Damaged::Stored { what: "a manifest of another artifact".into(), store });
        let (store, stored) = self.store(100 + all.len())?;
        stored.spoil_manifest()?;
        all.push(Damaged::Stored { what: "a manifest that is cut".into(), store });
        let (store, stored) = self.store(100 + all.len())?;
        stored.lose()?;
        all.push(Damaged::Stored { what: "a manifest without its artifact".into(), store });
        Ok(all)
    }

    /// Plain dumps of somebody else's, which `psql` restores with exit code 0 wherever they end.
    async fn plain(&self) -> Judgement<Vec<Damaged>> {
        let whole = self.folder.join("whole.sql");
        self.dump(&self.job.database, &[], "plain", &whole).await?;
        let text = std::fs::read(&whole).context("reading a plain dump")?;
        let copy = find(&text, b"\nCOPY ").ok_or_else(|| CannotTell::new("the dump has no COPY"))?;
        let within = find(&text[copy..], b"FROM stdin;\n").map(|at| copy + at + b"FROM stdin;\n".len());
        let within = within.ok_or_else(|| CannotTell::new("the dump's COPY has no data"))?;
        let line = within + 20_000;
        let line = line + find(text.get(line..).unwrap_or_default(), b"\n").unwrap_or_default() + 1;
        let end = find(&text, b"\n-- PostgreSQL database dump complete").unwrap_or(text.len());
        let cuts = [
            ("a plain dump cut between two lines of its data", line),
            ("a plain dump cut within a line of its data", line + 5),
            ("a plain dump cut between two statements", copy),
            ("a plain dump that lacks nothing but its end", end),
        ];
        let mut all = vec![Damaged::Whole { what: "a plain dump as it was written".into(), file: whole }];
        for (what, at) in cuts {
            let file = self.folder.join(format!("cut-{at}.sql"));
            std::fs::write(&file, text.get(..at).unwrap_or(&text)).context("writing a plain dump")?;
            all.push(Damaged::File { what: what.into(), file });
        }
        all.push(self.with_a_failing_statement(&text)?);
        Ok(all)
    }

    /// `psql` goes on after an error and ends with 0.
    fn with_a_failing_statement(&self, text: &[u8]) -> Judgement<Damaged> {
        let file = self.folder.join("failing.sql");
        let broken = String::from_utf8_lossy(text).replacen(
            "CREATE TABLE public.twins (",
            "CREATE TABLE public.twins_ (",
            1,
        );
        std::fs::write(&file, broken).context("writing a plain dump")?;
        Ok(Damaged::File { what: "a plain dump of which a table cannot be filled".into(), file })
    }

    async fn dump(&self, database: &str, options: &[&str], format: &str, to: &Path) -> Judgement {
        let source = self.estate.source();
        let mut command = Command::new(source.installation().program("pg_dump"));
        command.args(options).arg(format!("--format={format}")).arg("--file").arg(to);
        command.arg("--dbname").arg(source.url(database)).stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(LIMIT, command.output()).await.context("dumping a database")?;
        let output = output.context("starting pg_dump")?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        output
            .status
            .success()
            .then_some(())
            .ok_or_else(|| CannotTell::new(format!("pg_dump failed: {said}")))
    }
}

type Change = dyn Fn(&Stored) -> Judgement + Send;

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
