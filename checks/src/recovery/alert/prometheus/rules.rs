//! Rule files, and the alerts in them that are about the staleness of backups.

use super::super::File;
use super::reach::{self, Reach, Sight};
use promql_parser::parser::{Expr, parse};
use promql_parser::util::parse_duration;
use sabot_engine::{CannotTell, Judgement};
use sabot_target::recovery::{Alerts, Severity};
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A rule file, or the object of that name that an operator in a cluster reads (`PrometheusRule`), where the groups lie
/// one level deeper.
#[derive(Debug, Deserialize)]
struct Document {
    #[serde(default)]
    groups: Option<Vec<Group>>,
    #[serde(default)]
    spec: Option<Groups>,
}

#[derive(Debug, Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    #[serde(default)]
    interval: Option<String>,
    #[serde(default)]
    rules: Vec<Rule>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    #[serde(default)]
    alert: Option<String>,
    #[serde(default)]
    record: Option<String>,
    expr: Spanned<String>,
    #[serde(default, rename = "for")]
    hold: Option<String>,
    #[serde(default)]
    keep_firing_for: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// One alert on the staleness of backups.
#[derive(Debug)]
pub(super) struct Alert {
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) name: String,
    /// What its label of severity says.
    pub(super) says: Option<String>,
    /// Its own `for`.
    pub(super) hold: Duration,
    /// How often its group is evaluated.
    pub(super) interval: Duration,
    /// Its expression as it is written.
    pub(super) text: String,
    /// Its expression, or why it can't be evaluated here.
    pub(super) expr: Result<Expr, String>,
    /// Why no synthetic series can stand for the real one, where none can.
    pub(super) blind: Option<String>,
    /// The file for `promtool`; none where it does not read such files.
    pub(super) path: Option<PathBuf>,
}

impl Alert {
    /// Its severity, where it is one of those described.
    pub(super) fn severity(&self, alerts: &Alerts) -> Option<Severity> {
        let says = self.says.as_deref()?;
        Severity::ALL.into_iter().find(|severity| alerts.staleness(*severity).severity == says)
    }

    /// Where it stands.
    pub(super) fn place(&self) -> String {
        format!("{}, line {}: {}", self.file, self.line, self.name)
    }
}

/// The alerts of `files` whose expression asks for the metric, itself or through what other rules record of it; and how
/// many rules were looked at.
pub(super) fn find(files: &[File], alerts: &Alerts) -> Judgement<(Vec<Alert>, usize)> {
    let mut read = Vec::new();
    for file in files {
        let document: Document =
            serde_saphyr::from_str(&file.text).map_err(|error| unreadable(file, &error))?;
        let plain = document.groups.is_some();
        let groups = document.groups.or_else(|| document.spec.map(|spec| spec.groups));
        let groups =
            groups.ok_or_else(|| CannotTell::new(format!("{} holds no `groups` of rules", file.name)))?;
        read.push((file, plain, groups));
    }
    let rules = || read.iter().flat_map(|(_, _, groups)| groups).flat_map(|group| &group.rules);
    let pairs = rules().map(|rule| (rule.record.as_deref(), rule.expr.value.as_str()));
    let stale = reach::about(&alerts.metric, &pairs);
    let mut found = Vec::new();
    for (file, plain, group) in
        read.iter().flat_map(|(file, plain, groups)| groups.iter().map(move |group| (file, plain, group)))
    {
        let mut reach = Reach::new(alerts, &stale);
        for rule in group.rules.iter().filter(|rule| reach::asks(&rule.expr.value, &stale)) {
            let expr = parse(&rule.expr.value);
            if let (Some(name), Ok(expr)) = (&rule.record, &expr) {
                reach.recorded(name, expr);
            }
            if let Some(name) = &rule.alert {
                let sight = expr.as_ref().map(|expr| reach.of(expr)).unwrap_or_default();
                let path = plain.then(|| file.path.clone());
                found.push(alert((file, path), (name, group, rule), expr, sight, alerts)?);
            }
        }
    }
    Ok((found, rules().count()))
}

fn unreadable(file: &File, error: &serde_saphyr::Error) -> CannotTell {
    CannotTell::new(format!("{} can't be read: {}", file.name, error.without_snippet()))
}

fn alert(
    (file, path): (&File, Option<PathBuf>),
    (name, group, rule): (&str, &Group, &Rule),
    expr: Result<Expr, String>,
    sight: Sight,
    alerts: &Alerts,
) -> Judgement<Alert> {
    let line = rule.expr.referenced.line();
    let duration = |what: &str, text: &Option<String>, default: Duration| match text.as_deref() {
        None => Ok(default),
        // The parser knows no zero.
        Some(text) if !text.contains(|digit: char| ('1'..='9').contains(&digit)) && text.starts_with('0') => {
            Ok(Duration::ZERO)
        }
        Some(text) => parse_duration(text).map_err(|error| {
            CannotTell::new(format!("{}, line {line}: {name}: `{what}: {text}`: {error}", file.name))
        }),
    };
    let expr = expr.map_err(|error| format!("its expression can't be parsed: {error}"));
    let label = rule.labels.get(&alerts.severity_label).or_else(|| group.labels.get(&alerts.severity_label));
    Ok(Alert {
        file: file.name.clone(),
        line,
        name: name.to_owned(),
        says: label.cloned(),
        hold: duration("for", &rule.hold, Duration::ZERO)?,
        interval: duration("interval", &group.interval, alerts.evaluation_interval)?
            .max(Duration::from_secs(1)),
        text: rule.expr.value.split_whitespace().collect::<Vec<_>>().join(" "),
        expr: match (&rule.keep_firing_for, sight.through) {
            (Some(_), _) => Err("it uses `keep_firing_for`, which is not evaluated here".into()),
            (None, Some(name)) => Err(format!("it asks for `{name}`, which another rule records")),
            (None, None) => expr,
        },
        blind: sight.blind,
        path,
    })
}
