//! The arguments, as documented by `--help`.

mod backup;
mod drill;
mod init;

pub(crate) use backup::{BackupArgs, BackupEngine, BackupInto, BackupMongoArgs, BackupPostgresArgs};
pub(crate) use drill::{DrillArgs, DrillEngine, DrillMongoArgs, DrillPostgresArgs, DrillSource};
pub(crate) use init::{InitArgs, Running};

use crate::reports::Report;
use clap::{Args, Parser, Subcommand, ValueEnum};
use sabot_engine::Need;
use std::path::PathBuf;
use std::time::Duration;

/// Proves that a backend keeps its reliability promises, and proves that each of those proofs is able to fail.
///
/// Exit codes: 0 all chosen checks passed; 1 a check failed, or under `prove` a sabotage survived; 2 something could
/// not be verified; 3 bad configuration or usage; 4 nothing selected; 130 and 143 interrupted, after clean-up.
#[derive(Debug, Parser)]
#[command(name = "sabot", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run checks.
    Run(RunArgs),
    /// Say what a run would do, before it touches anything: starts nothing, connects to nothing.
    Plan(PlanArgs),
    /// Run the checks clean, then break the target in every way they guard against, and demand that they turn red.
    Prove(ProveArgs),
    /// List the checks with failure modes, needs and sabotages.
    List(ListArgs),
    /// Explain one check in full.
    Explain(ExplainArgs),
    /// Look at a running database and at running services, only reading, and write a `sabot.toml` that says why.
    ///
    /// Exit codes: 0 it is written; 2 something could not be looked at; 3 bad usage, or a file that is there already; 130
    /// and 143 interrupted.
    Init(InitArgs),
    /// Say what is lacking here, and which checks hang on it.
    Doctor(DoctorArgs),
    /// Take a backup, with a manifest that says what must be in it.
    Backup(BackupArgs),
    /// Restore a backup into a throwaway server, verify it, measure, and remove everything again.
    Drill(DrillArgs),
    /// Start the embedded platform and leave it up until Ctrl-C.
    Platform,
    /// Remove what dead runs left.
    Gc,
    /// Print the JSON Schema of something that Sabot writes or reads.
    Schema(SchemaArgs),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArg {
    /// The file that describes the target. Without it `sabot.toml` in the working folder, and where there is none the
    /// embedded platform.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Which checks, of what.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    #[command(flatten)]
    pub(crate) of: ConfigArg,
    /// Tracks, ids or globs; all checks when none is given.
    #[arg(value_name = "TRACK, ID or GLOB")]
    pub(crate) patterns: Vec<String>,
    /// Choose only checks all of whose needs are named: files, services, database, wires, disposable, cluster, tool:NAME.
    #[arg(long, value_name = "NEED,…", value_delimiter = ',')]
    pub(crate) with: Option<Vec<Need>>,
    /// Let checks be skipped for the want of these needs, or these checks or tracks altogether.
    #[arg(long, value_name = "NEED, TRACK or ID,…", value_delimiter = ',')]
    pub(crate) allow_skips: Vec<String>,
    /// How many lanes, each a whole target of its own, go side by side.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) lanes: u8,
}

#[derive(Debug, Args)]
pub(crate) struct Chosen {
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// What to show: `text` is live on a terminal and plain lines elsewhere, `json` is the record.
    #[arg(long, value_enum, default_value_t = Show::Text)]
    pub(crate) format: Show,
    /// Also write reports, such as `json=record.json,html=report.html`; the kinds are html, json, junit, markdown
    /// and prometheus, and without a file `github`, annotations on standard output.
    #[arg(long, value_name = "KIND=FILE,…", value_delimiter = ',')]
    pub(crate) report: Vec<Report>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    /// An earlier record, as `--report json=FILE` wrote it: fail only on what is new against it, and list the rest.
    #[arg(long, value_name = "RECORD")]
    pub(crate) baseline: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// What to show: `text` for people, `json` for programs.
    #[arg(long, value_enum, default_value_t = Show::Text)]
    pub(crate) format: Show,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    /// One sabotage for each check, and only the checks that it names: quick, with a thin matrix.
    #[arg(long)]
    pub(crate) one_each: bool,
    /// Run only the named checks under each sabotage, not every chosen one.
    #[arg(long)]
    pub(crate) named_only: bool,
    /// Only sabotages whose id matches one of these globs.
    #[arg(long, value_name = "GLOB,…", value_delimiter = ',')]
    pub(crate) sabotage: Vec<String>,
    /// Put the sabotages on in an order shuffled by this seed.
    #[arg(long, value_name = "SEED")]
    pub(crate) shuffle: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) of: ConfigArg,
    /// Tracks, ids or globs; all checks when none is given.
    #[arg(value_name = "TRACK, ID or GLOB")]
    pub(crate) patterns: Vec<String>,
    /// How to write it.
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub(crate) format: ListFormat,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) of: ConfigArg,
    /// The check's id.
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Of what.
    #[command(subcommand)]
    pub(crate) of: SchemaOf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchemaOf {
    /// The record of a run, as `--report json=FILE` and `--format json` write it.
    Record,
    /// The file that describes a target, `sabot.toml`.
    Config,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) of: ConfigArg,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell.
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Show {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    Text,
    Json,
    Markdown,
}

/// Reads `90s`, `5m`, `30h` or `2d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration; write one such as 90s, 5m, 30h or 2d");
    let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(end);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("30h"), Ok(Duration::from_secs(108_000)));
        for wrong in ["", "5", "m", "5 m", "-5m", "99999999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
