//! `promtool test rules`, where it is installed: what Prometheus itself says of the alerts.
//!
//! Each question becomes a query of the series `ALERTS`, which Prometheus writes of every alert that fires, with the
//! answer that the target promises; those that come out otherwise are named in what `promtool` prints.

use super::super::promql::NAME;
use super::rules::Alert;
use super::scenario::{Question, Scenario, Timing};
use sabot_engine::{CannotTell, Context as _, Judgement};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// It takes a second; a machine with much to do, thirty times that.
const LIMIT: Duration = Duration::from_secs(30);

/// Prometheus forgets a sample after five minutes.
const SAMPLED: usize = 300;

/// Where it is: on the `PATH`, else where the setup has put it.
pub(super) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cached = sabot_sandbox::cache_folder().map(|cache| cache.join("promtool/promtool"));
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("promtool"));
    on_path.chain(cached).find(|tool| tool.is_file())
}

/// What is asked of `promtool` at once.
pub(super) struct Asked<'a> {
    pub(super) questions: &'a [Question],
    pub(super) timing: &'a Timing,
    /// The alerts of one name and severity each.
    pub(super) criers: &'a [Vec<&'a Alert>],
    pub(super) severity_label: &'a str,
}

/// For each crier whether it fires, question by question.
///
/// # Errors
/// When `promtool` does not run, or refuses a file.
pub(super) async fn ask(tool: &Path, asked: &Asked<'_>) -> Judgement<Vec<Vec<bool>>> {
    let folder = tempfile::tempdir().context("making a folder for promtool's test")?;
    let test = folder.path().join("staleness.test.yml");
    // JSON is YAML.
    std::fs::write(&test, asked.test().to_string()).context("writing promtool's test")?;
    let mut command = Command::new(tool);
    command.args(["test", "rules"]).arg(&test).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output())
        .await
        .map_err(|_| CannotTell::new(format!("promtool did not end within {LIMIT:?}")))?
        .context("starting promtool")?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let otherwise = asked.otherwise(&said);
    // Where a rule could not be evaluated the other answers of its test are lacking.
    let refused = said.lines().any(|line| line.trim_start().starts_with("rule:") || line.contains(", err:"));
    if refused || output.status.success() != otherwise.is_empty() {
        // Its own folder is of no interest to anybody.
        let said = said.replace(&folder.path().display().to_string(), "");
        return Err(CannotTell::new(format!("promtool ended with {}: {}", output.status, said.trim())));
    }
    Ok(asked.each(|question, _, mark| asked.questions[question].fires != otherwise.contains(&mark)))
}

impl Asked<'_> {
    /// Something of each question and crier, given its mark too.
    fn each<T>(&self, of: impl Fn(usize, usize, String) -> T) -> Vec<Vec<T>> {
        let criers = 0..self.criers.len();
        criers
            .map(|crier| {
                let questions = 0..self.questions.len();
                questions.map(|question| of(question, crier, format!("q{question}x{crier}q"))).collect()
            })
            .collect()
    }

    /// The marks of the questions that were answered otherwise than promised: `promtool` prints their expressions.
    fn otherwise(&self, said: &str) -> BTreeSet<String> {
        let failed: Vec<_> = said.lines().filter(|line| line.trim_start().starts_with("expr:")).collect();
        let marks = self.each(|_, _, mark| mark).concat().into_iter();
        marks.filter(|mark| failed.iter().any(|line| line.contains(mark.as_str()))).collect()
    }

    fn test(&self) -> Value {
        let files: BTreeSet<_> =
            self.criers.iter().flatten().filter_map(|alert| alert.path.as_ref()).collect();
        // Each test costs promtool a database of its own: one for all questions to the same scenario.
        let mut scenarios: Vec<(&Scenario, Vec<usize>)> = Vec::new();
        for (number, question) in self.questions.iter().enumerate() {
            match scenarios.iter_mut().find(|(scenario, _)| **scenario == question.scenario) {
                Some((_, numbers)) => numbers.push(number),
                None => scenarios.push((&question.scenario, vec![number])),
            }
        }
        let tests = scenarios.into_iter().map(|(scenario, numbers)| {
            let end = numbers.iter().map(|number| self.questions[*number].at).max().unwrap_or_default();
            let asked = numbers.into_iter().flat_map(|number| {
                (0..self.criers.len()).map(move |crier| self.asked_of(number, &self.questions[number], crier))
            });
            json!({
                "interval": format!("{SAMPLED}s"),
                "input_series": series(scenario, end),
                "promql_expr_test": asked.collect::<Vec<_>>(),
            })
        });
        json!({
            "rule_files": files,
            "evaluation_interval": format!("{}s", self.timing.step()),
            "tests": tests.collect::<Vec<_>>(),
        })
    }

    fn asked_of(&self, number: usize, question: &Question, crier: usize) -> Value {
        let alert = self.criers[crier].first();
        let name = Value::from(alert.map(|alert| alert.name.as_str()).unwrap_or_default());
        let says = Value::from(alert.and_then(|alert| alert.says.as_deref()).unwrap_or_default());
        let fires = format!(
            "count(ALERTS{{alertname={name},{}={says},alertstate=\"firing\",mark!=\"q{number}x{crier}q\"}})",
            self.severity_label
        );
        json!({
            "expr": format!("({fires} > bool 0) or vector(0)"),
            "eval_time": format!("{}s", question.at),
            "exp_samples": [{"labels": "{}", "value": u8::from(question.fires)}],
        })
    }
}

/// The series of `scenario` until `end`, in the notation of `promtool`: `VxN` is the value and `N` more of it.
fn series(scenario: &Scenario, end: u64) -> Vec<Value> {
    let noted = scenario.series.iter().map(|series| {
        let name = series.labels.get(NAME).map_or("", String::as_str);
        let labels = series.labels.iter().filter(|(label, _)| *label != NAME);
        let labels: Vec<_> =
            labels.map(|(label, value)| format!("{label}={}", Value::from(value.as_str()))).collect();
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for value in (0..=end).step_by(SAMPLED).filter_map(|at| series.value(at)) {
            match runs.last_mut() {
                Some((last, more)) if *last == value => *more += 1,
                _ => runs.push((value, 0)),
            }
        }
        let values: Vec<_> = runs.into_iter().map(|(value, more)| format!("{value}x{more}")).collect();
        json!({"series": format!("{name}{{{}}}", labels.join(",")), "values": values.join(" ")})
    });
    noted.collect()
}
