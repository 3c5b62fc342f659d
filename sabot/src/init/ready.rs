//! What an answer of readiness says: which of its fields are what, by their names and by what they hold.

use super::table::likeness;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The names of an envelope's fields; a field that was not found is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Envelope {
    /// Where the dependencies stand, and how.
    pub(super) rows: String,
    form: Form,
    pub(super) overall: Option<String>,
    pub(super) service: Option<String>,
    pub(super) commit: Option<String>,
    pub(super) name: Option<String>,
    pub(super) status: Option<String>,
    pub(super) latency: Option<String>,
    pub(super) error: Option<String>,
    pub(super) checked_at: Option<String>,
    /// Each dependency and its status.
    pub(super) dependencies: Vec<(String, String)>,
    /// What `error` said, where it was text.
    pub(super) errors: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A list of objects with a name each.
    List,
    /// An object with the dependencies' names as its keys.
    Map,
}

impl Envelope {
    /// Whether the dependencies are a list.
    pub(super) fn is_list(&self) -> bool {
        self.form == Form::List
    }
}

const OVERALL: [&str; 6] = ["overall", "status", "state", "health", "ready", "outcome"];
const SERVICE: [&str; 5] = ["service", "app", "application", "name", "component"];
const COMMIT: [&str; 8] =
    ["commit_id", "commit", "build", "version", "revision", "sha", "release", "git_sha"];
const NAME: [&str; 6] = ["name", "dependency", "component", "check", "id", "target"];
const STATUS: [&str; 6] = ["status", "state", "health", "outcome", "result", "condition"];
const LATENCY: [&str; 8] =
    ["latency_ms", "latency", "duration_ms", "duration", "millis", "took_ms", "elapsed_ms", "response_time"];
const ERROR: [&str; 8] =
    ["last_error", "error", "problem", "reason", "cause", "message", "detail", "failure"];
const CHECKED: [&str; 9] = [
    "last_check_at",
    "checked_at",
    "seen_at",
    "last_checked_at",
    "last_checked",
    "probed_at",
    "timestamp",
    "time",
    "updated_at",
];

/// The envelope that `answer` is, if it shows dependencies.
pub(super) fn envelope(answer: &Value) -> Option<Envelope> {
    let answer = answer.as_object()?;
    let mut found = answer.iter().filter_map(|(key, value)| list(key, value).or_else(|| map(key, value)));
    let mut envelope = found.next()?;
    let mut seen = Vec::new();
    envelope.dependencies.retain(|(name, _)| {
        let new = !seen.contains(name);
        seen.push(name.clone());
        new
    });
    let word = |known: &[&str], taken: &[&Option<String>]| {
        let free = |key: &str| !taken.iter().any(|taken| taken.as_deref() == Some(key));
        field(answer, known, |key, value| value.is_string() && free(key))
    };
    envelope.overall = word(&OVERALL, &[]);
    envelope.service = word(&SERVICE, &[&envelope.overall]);
    envelope.commit = word(&COMMIT, &[&envelope.overall, &envelope.service]);
    Some(envelope)
}

/// The first of `known` that is a key of `object` with a fitting value; one that only holds the word comes after.
fn field(object: &Map<String, Value>, known: &[&str], fits: impl Fn(&str, &Value) -> bool) -> Option<String> {
    let of = |strength: u32| {
        let words = known.iter();
        words
            .flat_map(|word| object.iter().filter(move |(key, _)| likeness(key, &[word]) == strength))
            .find(|(key, value)| fits(key, value))
            .map(|(key, _)| key.clone())
    };
    of(2).or_else(|| of(1))
}

fn list(key: &str, value: &Value) -> Option<Envelope> {
    let rows: Vec<_> = value.as_array()?.iter().filter_map(Value::as_object).collect();
    let first = *rows.first()?;
    let text = |key: &str| rows.iter().all(|row| row.get(key).is_some_and(Value::is_string));
    let name = field(first, &NAME, |key, _| text(key))?;
    let status = field(first, &STATUS, |key, _| text(key) && key != name)?;
    let of = |row: &Map<String, Value>, key: &str| {
        row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let mut envelope = fields(key, Form::List, &rows);
    envelope.dependencies = rows.iter().map(|row| (of(row, &name), of(row, &status))).collect();
    (envelope.name, envelope.status) = (Some(name), Some(status));
    Some(envelope)
}

/// As Spring's `components` and health+json's `checks` have them, the latter in lists of their own.
fn map(key: &str, value: &Value) -> Option<Envelope> {
    let entries = value.as_object()?;
    // Behind a colon health+json has what is measured.
    let dependency = |name: &str| name.split(':').next().unwrap_or_default().to_owned();
    let object = |value: &'_ Value| match value {
        Value::Array(items) => items.first().and_then(Value::as_object).cloned(),
        other => other.as_object().cloned(),
    };
    let rows: Vec<(String, Map<String, Value>)> =
        entries.iter().filter_map(|(name, value)| Some((dependency(name), object(value)?))).collect();
    let status = field(&rows.first()?.1, &STATUS, |_, value| value.is_string())?;
    let objects: Vec<_> = rows.iter().map(|(_, row)| row).collect();
    let mut envelope = fields(key, Form::Map, &objects);
    let of =
        |row: &Map<String, Value>| row.get(&status).and_then(Value::as_str).unwrap_or_default().to_owned();
    envelope.dependencies = rows.iter().map(|(name, row)| (name.clone(), of(row))).collect();
    envelope.status = Some(status);
    Some(envelope)
}

/// What rows have beside name and status.
fn fields(key: &str, form: Form, rows: &[&Map<String, Value>]) -> Envelope {
    // A field may be there only where something is wrong.
    let any = |known: &[&str], fits: fn(&Value) -> bool| {
        rows.iter().find_map(|row| field(row, known, |_, value| fits(value)))
    };
    let error = any(&ERROR, |value| value.is_null() || value.is_string());
    let errors = error.iter().flat_map(|error| rows.iter().filter_map(move |row| row.get(error)?.as_str()));
    Envelope {
        rows: key.to_owned(),
        form,
        overall: None,
        service: None,
        commit: None,
        name: None,
        status: None,
        latency: any(&LATENCY, Value::is_number),
        checked_at: any(&CHECKED, |value| value.as_str().is_some_and(is_time)),
        errors: errors.map(str::to_owned).collect(),
        error,
        dependencies: Vec::new(),
    }
}

/// Whether it is written as RFC 3339 has times.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits =
        |from: usize, to: usize| bytes.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    digits(0, 4) && digits(5, 7) && digits(8, 10) && matches!(bytes.get(10), Some(b'T' | b' '))
}

/// Families of words: well, degraded, failed.
const FAMILIES: [[&str; 3]; 7] = [
    ["ok", "degraded", "failed"],
    ["up", "", "down"],
    ["pass", "warn", "fail"],
    ["healthy", "degraded", "unhealthy"],
    ["available", "limited", "unavailable"],
    ["green", "yellow", "red"],
    ["good", "impaired", "bad"],
];

/// The words for well, degraded and failed, as far as those that were seen tell.
pub(super) fn words(envelope: &Envelope) -> [String; 3] {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, status) in &envelope.dependencies {
        *counts.entry(status.as_str()).or_default() += 1;
    }
    let known = |family: &[&str; 3]| {
        counts.keys().filter(|word| family.contains(&word.to_lowercase().as_str())).count()
    };
    let family = FAMILIES.into_iter().rev().max_by_key(known).filter(|family| known(family) > 0);
    let usual = counts.iter().max_by_key(|(_, count)| **count).map_or("ok", |(word, _)| *word);
    match family {
        // In the case in which they are written.
        Some(family) if usual == usual.to_uppercase() => family.map(str::to_uppercase),
        Some(family) => family.map(|word| {
            counts.keys().find(|seen| seen.to_lowercase() == word).map_or(word, |seen| seen).to_owned()
        }),
        None => [usual, "degraded", "failed"].map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_of_dependencies_is_read_under_foreign_names() {
        let answer = json!({"state": "healthy", "app": "orders", "build": "dev-1", "dependencies": [
            {"dependency": "db", "state": "healthy", "millis": 3, "problem": null, "seen_at": "2026-05-20T12:00:00.5Z"},
            {"dependency": "payments", "state": "down", "millis": 250, "problem": "timeout", "seen_at": "2026-05-20T12:00:00Z"},
        ]});
        let found = envelope(&answer).unwrap();
        let some = |text: &str| Some(text.to_owned());
        assert!(found.is_list());
        assert_eq!(found.rows, "dependencies");
        assert_eq!(
            (found.overall.clone(), found.service.clone(), found.commit.clone()),
            (some("state"), some("app"), some("build"))
        );
        assert_eq!((found.name.clone(), found.status.clone()), (some("dependency"), some("state")));
        assert_eq!(
            (found.latency.clone(), found.error.clone(), found.checked_at.clone()),
            (some("millis"), some("problem"), some("seen_at"))
        );
        assert_eq!(found.errors, ["timeout"]);
        assert_eq!(found.dependencies, [("db".into(), "healthy".into()), ("payments".into(), "down".into())]);
    }

    #[test]
    fn dependencies_by_name_are_seen_as_such() {
        let spring =
            json!({"status": "UP", "components": {"db": {"status": "UP"}, "mail": {"status": "DOWN"}}});
        let found = envelope(&spring).unwrap();
        assert!(!found.is_list());
        assert_eq!(words(&found), ["UP", "", "DOWN"]);
        let health = json!({"status": "pass", "checks": {"pg:connections": [{"status": "pass"}]}});
        assert_eq!(envelope(&health).unwrap().dependencies, [("pg".to_owned(), "pass".to_owned())]);
    }

    #[test]
    fn an_answer_without_dependencies_is_no_envelope() {
        for answer in
            [json!({"status": "ok"}), json!("ok"), json!([1]), json!({"rows": [1, 2]}), json!({"items": []})]
        {
            assert_eq!(envelope(&answer), None, "{answer}");
        }
    }

    #[test]
    fn words_that_were_seen_are_kept_as_they_are() {
        let of = |words: &[&str]| {
            let rows: Vec<_> = words.iter().map(|word| json!({"name": word, "status": word})).collect();
            super::words(&envelope(&json!({"checks": rows})).unwrap())
        };
        assert_eq!(of(&["ok", "ok"]), ["ok", "degraded", "failed"]);
        assert_eq!(of(&["healthy"]), ["healthy", "degraded", "unhealthy"]);
        assert_eq!(of(&["fine"]), ["fine", "degraded", "failed"]);
    }
}
