//! What a condition's NRQL query measures: the age of the newest backup, or a count of successes. Other queries are not
//! judged, for nothing here could evaluate them.

use regex::Regex;
use sabot_target::recovery::Alerts;

/// What a query measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The age of the newest backup, in seconds.
    Age,
    /// How many backups succeeded.
    Successes,
}

/// What is known of a query.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) form: Option<Form>,
    /// What is wrong with it: expected, observed, remedy.
    pub(super) wrong: Vec<(&'static str, String, &'static str)>,
    /// What could not be told of it.
    pub(super) untold: Vec<String>,
}

/// Whether the query speaks of the metric.
pub(super) fn is_about(query: &str, alerts: &Alerts) -> bool {
    query.contains(&alerts.metric)
}

/// Reads `query`.
pub(super) fn read(query: &str, alerts: &Alerts) -> Read {
    let clauses = clauses(query);
    let clause =
        |name: &str| clauses.iter().find(|(keyword, _)| keyword == name).map(|(_, text)| text.as_str());
    let mut read = Read::default();
    let Some(selected) = clause("SELECT") else {
        read.untold.push("its query has no SELECT".into());
        return read;
    };
    read.form = form(selected, alerts, &mut read);
    if read.form == Some(Form::Age) {
        let pinned = clause("WHERE").is_some_and(|condition| filtered(condition, alerts, &mut read));
        let facets = clause("FACET").unwrap_or_default();
        if !pinned && !facets.split(',').any(|facet| bare(facet) == alerts.job_label) {
            let observed = if facets.is_empty() {
                "one signal for all jobs".to_owned()
            } else {
                format!("FACET {facets}")
            };
            read.wrong.push((
                "a signal for each job, so that one that is well hides no other",
                observed,
                "add the attribute of the job to FACET",
            ));
        }
    }
    read
}

/// The clauses of a query: keyword in capitals, and what follows.
fn clauses(query: &str) -> Vec<(String, String)> {
    let words = query.split_whitespace();
    let mut clauses: Vec<(String, Vec<&str>)> = Vec::new();
    for word in words {
        let capital = word.to_uppercase();
        let keywords =
            ["FROM", "SELECT", "WHERE", "FACET", "SINCE", "UNTIL", "LIMIT", "TIMESERIES", "COMPARE", "WITH"];
        match clauses.last_mut() {
            _ if keywords.contains(&capital.as_str()) => clauses.push((capital, Vec::new())),
            Some((_, text)) => text.push(word),
            None => {}
        }
    }
    clauses.into_iter().map(|(keyword, text)| (keyword, text.join(" "))).collect()
}

/// An attribute without its backticks.
fn bare(attribute: &str) -> &str {
    attribute.trim().trim_matches('`')
}

/// What `selected` measures. `timestamp` is in milliseconds, the metric in seconds.
fn form(selected: &str, alerts: &Alerts, read: &mut Read) -> Option<Form> {
    let compact: String =
        selected.chars().filter(|character| !character.is_whitespace() && *character != '`').collect();
    let metric = regex::escape(&alerts.metric);
    let found = |pattern: &str| Some(Regex::new(pattern).ok()?.captures(&compact)?[1].to_owned());
    let age = format!(r"^(?i:max|latest)\(timestamp\)((?:/[0-9.]+)?)-(?i:max|latest)\({metric}\)$");
    let time = format!(r"^(?i:max|latest|min|earliest|average)(\({metric}\))$");
    if let Some(divisor) = found(&age) {
        if divisor != "/1000" {
            read.wrong.push((
                "seconds minus seconds",
                format!("`timestamp{divisor}`, and `timestamp` is in milliseconds"),
                "divide `timestamp` by 1000",
            ));
        }
        return Some(Form::Age);
    }
    if found(&time).is_some() {
        read.wrong.push((
            "the age of the newest backup",
            format!("`{selected}`, the time of the newest backup itself: it is above every threshold"),
            "take it from the present: `max(timestamp) / 1000 - max(metric)`",
        ));
        return Some(Form::Age);
    }
    if found(r"^(?i:count|uniqueCount|filter\(count)(\()").is_some() {
        return Some(Form::Successes);
    }
    read.untold.push(format!("`SELECT {selected}` is none of the forms that are read"));
    None
}

/// What WHERE leaves out; whether it pins one job.
fn filtered(condition: &str, alerts: &Alerts, read: &mut Read) -> bool {
    let compact: String = condition.chars().filter(|character| *character != '`').collect();
    let metric = regex::escape(&alerts.metric);
    let no_zero = Regex::new(&format!(r"^{metric}\s*(>\s*0|!=\s*0|<>\s*0|>=\s*1)$"));
    let equals = Regex::new(r"^(\S+)\s*=\s*'([^']*)'$");
    let mut pinned = false;
    for part in compact.split(" AND ").flat_map(|part| part.split(" and ")).map(str::trim) {
        if no_zero.as_ref().is_ok_and(|pattern| pattern.is_match(part)) {
            read.wrong.push((
                "a metric that is zero counts: no backup has ever succeeded",
                format!("`WHERE {part}`"),
                "do not filter zero out",
            ));
            continue;
        }
        let pin = equals.as_ref().ok().and_then(|pattern| pattern.captures(part));
        let pin = pin.map(|found| (found[1].to_owned(), found[2].to_owned()));
        match pin {
            Some((label, job)) if label == alerts.job_label && alerts.jobs.contains(&job) => {
                pinned = true;
                if alerts.jobs.len() > 1 {
                    read.untold.push(format!("`WHERE {part}` is about one job of several"));
                }
            }
            Some(pin) if alerts.labels.contains(&pin) => {}
            Some((label, _))
                if label == alerts.job_label || alerts.labels.iter().any(|(known, _)| *known == label) =>
            {
                read.wrong.push((
                    "a filter that the metric passes",
                    format!("`WHERE {part}`, which it never does"),
                    "filter by what the metric carries",
                ));
            }
            _ => read.untold.push(format!("whether anything passes `WHERE {part}`")),
        }
    }
    pinned
}
