//! `promtool test rules`, where it is installed: what Prometheus itself says of the alerts.
//!
//! Each question becomes a query of the series `ALERTS`, which Prometheus writes of every alert that fires, with the
//! answer that the target promises; those that come out otherwise are named in what `promtool` prints.

use super::super::promql::NAME;
use super::class::Class;
use super::scenario::{Question, Scenario};
use sabot_engine::{CannotTell, Context as _, Judgement};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// It takes half a second; a machine with much to do, a hundred times that, for it syncs what it writes to the disk.
const LIMIT: Duration = Duration::from_secs(90);

/// Prometheus forgets a sample after five minutes.
const SAMPLED: usize = 300;

/// Where it is: on the `PATH`, else where the setup has put it.
pub(super) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cached = sabot_sandbox::cache_folder().map(|cache| cache.join("promtool/promtool"));
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("promtool"));
    on_path.chain(cached).find(|tool| tool.is_file())
}

/// Of each class, for each crier whether it fires, question by question.
///
/// # Errors
/// When `promtool` does not run, or refuses a file.
pub(super) async fn ask(tool: &Path, classes: &[Class<'_>]) -> Judgement<Vec<Vec<Vec<bool>>>> {
    let asked = Asked(classes);
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
    let answers = classes.iter().enumerate().map(|(class, of)| {
        let fires = |question: usize, crier: usize| {
            of.questions[question].fires != otherwise.contains(&mark(class, question, crier))
        };
        let criers = 0..of.criers.len();
        criers.map(|crier| (0..of.questions.len()).map(|question| fires(question, crier)).collect()).collect()
    });
    Ok(answers.collect())
}

/// By this a question to a crier is known again in what `promtool` prints.
fn mark(class: usize, question: usize, crier: usize) -> String {
    format!("q{class}x{question}x{crier}q")
}

/// The numbers of a class and a question, and the question.
type Numbered<'a> = (usize, usize, &'a Question);

/// What is asked at once.
struct Asked<'a>(&'a [Class<'a>]);

/// The numbers of a class and of its question, and the question.
type Place<'a> = (usize, usize, &'a Question);

impl<'a> Asked<'a> {
    /// Every class and question, by their numbers.
    fn questions(&self) -> impl Iterator<Item = Numbered<'a>> {
        let classes = self.0.iter().enumerate();
        classes.flat_map(|(number, class)| {
            class.questions.iter().enumerate().map(move |(question, asked)| (number, question, asked))
        })
    }

    /// The marks of the questions that were answered otherwise than promised: `promtool` prints their expressions.
    fn otherwise(&self, said: &str) -> BTreeSet<String> {
        let failed: Vec<_> = said.lines().filter(|line| line.trim_start().starts_with("expr:")).collect();
        let marks = self.questions().flat_map(|(class, question, _)| {
            (0..self.0[class].criers.len()).map(move |crier| mark(class, question, crier))
        });
        marks.filter(|mark| failed.iter().any(|line| line.contains(mark.as_str()))).collect()
    }

    fn test(&self) -> Value {
        let alerts = self.0.iter().flat_map(|class| &class.criers).flatten();
        let files: BTreeSet<_> = alerts.filter_map(|alert| alert.path.as_ref()).collect();
        // Each test costs promtool a database of its own: one for all questions to the same scenario.
        let mut scenarios: Vec<(&Scenario, Vec<Place<'_>>)> = Vec::new();
        for asked in self.questions() {
            match scenarios.iter_mut().find(|(scenario, _)| **scenario == asked.2.scenario) {
                Some((_, questions)) => questions.push(asked),
                None => scenarios.push((&asked.2.scenario, vec![asked])),
            }
        }
        let tests = scenarios.into_iter().map(|(scenario, questions)| {
            let end = questions.iter().map(|(_, _, question)| question.at).max().unwrap_or_default();
            let asked: Vec<_> = questions.into_iter().flat_map(|asked| self.asked_of(asked)).collect();
            json!({
                "interval": format!("{SAMPLED}s"),
                "input_series": series(scenario, end),
                "promql_expr_test": asked,
            })
        });
        json!({
            "rule_files": files,
            "evaluation_interval": format!("{}s", self.0.first().map_or(1, |class| class.timing.step())),
            "tests": tests.collect::<Vec<_>>(),
        })
    }

    /// One question to each crier of its class.
    fn asked_of(&self, (class, number, question): Numbered<'_>) -> Vec<Value> {
        let of = &self.0[class];
        let asked = of.criers.iter().enumerate().filter_map(|(crier, alerts)| {
            let alert = alerts.first()?;
            let (name, says) = (Value::from(alert.name.as_str()), Value::from(alert.says.as_deref()?));
            let fires = format!(
                "count(ALERTS{{alertname={name},{}={says},alertstate=\"firing\",mark!=\"{}\"}})",
                of.alerts.severity_label,
                mark(class, number, crier)
            );
            Some(json!({
                "expr": format!("({fires} > bool 0) or vector(0)"),
                "eval_time": format!("{}s", question.at),
                "exp_samples": [{"labels": "{}", "value": u8::from(question.fires)}],
            }))
        });
        asked.collect()
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
