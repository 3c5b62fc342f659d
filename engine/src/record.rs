//! The record of a run: versioned, complete, and the only thing that reports are drawn from.

use crate::redact::Clean as _;
use crate::{Baseline, Figure, Finding, Level, Need, Proof, Secrets, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The name of the record's format.
pub const FORMAT: &str = "sabot-record";
/// The version of the record's format; it grows when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// One execution of chosen checks, or one proof of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Always `sabot-record`.
    #[schemars(extend("const" = FORMAT))]
    pub format: String,
    /// The version of the format; it grows when a field changes its meaning or goes, not when one is added.
    #[schemars(extend("const" = VERSION))]
    pub version: u32,
    /// The version of Sabot that wrote it.
    pub sabot: String,
    /// `run` or `prove`.
    #[schemars(extend("enum" = ["run", "prove"]))]
    pub command: String,
    /// What was judged.
    pub target: String,
    /// The settings of the target that differ from its defaults, as printed at the start.
    pub profile: Vec<Fact>,
    /// When it began, UTC.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: OffsetDateTime,
    /// When it ended, UTC.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub finished_at: OffsetDateTime,
    /// One entry for each chosen check, in the order of the registry.
    pub results: Vec<Result>,
    /// One entry for each sabotage, under `prove`.
    pub proofs: Vec<Proof>,
    /// Chosen checks that no sabotage names, under `prove`.
    pub unproven: Vec<String>,
    /// What an earlier record says of this run, under `--baseline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// What this run did not verify, in plain sentences, the weightiest first.
    pub not_verified: Vec<String>,
    /// The number of the signal that interrupted it.
    pub interrupted: Option<i32>,
    /// How long everything took, in milliseconds.
    pub took_ms: u64,
}

/// What became of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Result {
    /// The check's id.
    pub id: String,
    /// Its track.
    pub track: String,
    /// Its level.
    pub level: Level,
    /// What breaks in production where the check is missing.
    pub failure_mode: String,
    /// What it needs.
    pub needs: Vec<Need>,
    /// What became of it.
    pub verdict: Verdict,
    /// Why it could not tell or was skipped.
    pub reason: Option<String>,
    /// Whether the user allowed this skip.
    pub skip_allowed: bool,
    /// What it found.
    pub findings: Vec<Finding>,
    /// What it wrote down.
    pub facts: Vec<Fact>,
    /// What it measured.
    pub series: Vec<Series>,
    /// What it shows rather than tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
    /// How many things it looked at.
    pub examined: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// A name and a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// What it came to.
    pub value: String,
}

/// Measured values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// What was measured.
    pub name: String,
    /// In which unit.
    pub unit: String,
    /// The limit for the 95th percentile.
    pub p95_limit: f64,
    /// Every sample, in the order taken.
    pub samples: Vec<f64>,
}

impl Record {
    /// An empty record that begins now.
    pub fn begin(command: &str, target: &str) -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            format: FORMAT.into(),
            version: VERSION,
            sabot: env!("CARGO_PKG_VERSION").into(),
            command: command.into(),
            target: target.into(),
            profile: Vec::new(),
            started_at: now,
            finished_at: now,
            results: Vec::new(),
            proofs: Vec::new(),
            unproven: Vec::new(),
            baseline: None,
            not_verified: Vec::new(),
            interrupted: None,
            took_ms: 0,
        }
    }

    /// Masks every registered secret, wherever it stands: the last thing to do before anything is drawn, for what was
    /// written early may hold what was registered late.
    pub fn redact(&mut self, secrets: &Secrets) {
        self.clean(secrets);
    }

    /// The tracks of its results, each once, in their order.
    pub fn tracks(&self) -> Vec<&str> {
        let mut tracks: Vec<&str> = Vec::new();
        for result in &self.results {
            if !tracks.contains(&result.track.as_str()) {
                tracks.push(&result.track);
            }
        }
        tracks
    }

    /// How many results have `verdict`.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.results.iter().filter(|result| result.verdict == verdict).count()
    }

    /// Sets the end, and says what was not verified.
    pub fn finish(&mut self) {
        self.finished_at = OffsetDateTime::now_utc();
        self.took_ms = u64::try_from((self.finished_at - self.started_at).whole_milliseconds()).unwrap_or(0);
        self.not_verified.extend(self.results.iter().filter_map(|result| {
            let reason = result.reason.as_deref().unwrap_or("no reason given");
            match result.verdict {
                Verdict::Unverified => Some(format!("{}: {reason}", result.id)),
                Verdict::Skipped => Some(format!("{} was skipped: {reason}", result.id)),
                Verdict::Pass | Verdict::Fail => None,
            }
        }));
    }
}

impl Result {
    /// A result without content, to be filled in.
    pub fn blank(id: &str) -> Self {
        Self {
            id: id.into(),
            track: id.split('.').next().unwrap_or(id).into(),
            level: Level::Baseline,
            failure_mode: String::new(),
            needs: Vec::new(),
            verdict: Verdict::Unverified,
            reason: None,
            skip_allowed: false,
            findings: Vec::new(),
            facts: Vec::new(),
            series: Vec::new(),
            figures: Vec::new(),
            examined: 0,
            took_ms: 0,
        }
    }
}

impl Series {
    /// The `q`-th quantile (0 to 1), by the nearest rank; `None` without samples.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank is a small whole number"
        )]
        let rank = ((q * sorted.len() as f64).ceil() as usize).saturating_sub(1).min(last);
        sorted.get(rank).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_own_json() {
        let mut record = Record::begin("run", "test");
        record.results.push(Result::blank("readiness.envelope"));
        record.finish();
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
        assert!(record.not_verified[0].starts_with("readiness.envelope: "));
    }

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let samples = (1..=200).map(f64::from).collect();
        let series = Series { name: String::new(), unit: "ms".into(), p95_limit: 0.0, samples };
        assert_eq!(series.quantile(0.95), Some(190.0));
        assert_eq!(series.quantile(1.0), Some(200.0));
        assert_eq!(Series { samples: vec![], ..series }.quantile(0.5), None);
    }
}
