//! `readiness.envelope`: every service answers in exactly the agreed shape, and its results are recent.

use super::answer::{Answer, readiness, ready, services};
use super::faults::{self, Fault};
use super::watch::until;
use crate::sabotage::{json, setting};
use futures_util::future::try_join_all;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Instance, Lane, Readiness, Target};
use serde_json::{Map, Value};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const ID: &str = "readiness.envelope";

/// What a result's age may exceed its bound by: scheduling and the wire.
const SLACK: Duration = Duration::from_secs(2);

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "a dashboard or load balancer reads a field that one service calls otherwise, or believes a \
                       result from last week",
        asserts: "the exact fields, their types and vocabulary, the overall status that follows from the rows, and \
                  results that are probed again after their period, in every service alike",
        remedy: "make every service answer with the same envelope type, and let each answer carry the time of the \
                 probe that it reports",
        needs: &[Need::Services, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(20),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let each = services(cx.lane()).into_iter().map(|service| judge_service(cx, service));
    try_join_all(each).await.map(|_: Vec<()>| ())
}

/// All well on the shared instance, then with every dependency refused on an instance of its own.
async fn judge_service(cx: &Cx<'_, Lane>, service: &str) -> Judgement {
    let lane = cx.lane();
    let instance = lane.service(service)?;
    // The first answer may have to probe; those after it must probe again once their period has passed.
    let first = ready(lane, instance).await?;
    if shape(cx, service, "all well", Some(200), &first) {
        recent(cx, instance).await?;
    }
    let broken = lane.further(service, &Vec::new()).await?;
    for wire in broken.wires().values() {
        faults::take_down(wire, Fault::Refused)?;
    }
    let refused = ready(lane, &broken).await?;
    shape(cx, service, "all dependencies refused", None, &refused);
    broken.stop().await;
    Ok(())
}

/// Reports every deviation of one answer; true when its rows can be read at all.
fn shape(cx: &Cx<'_, Lane>, service: &str, when: &str, status: Option<u16>, answer: &Answer) -> bool {
    cx.examined(1);
    let readiness = readiness(cx.lane());
    let names = &readiness.shape;
    let wrong = |subject: &str, expected: String, observed: String| {
        cx.find(Finding::new(format!("{service}, {when}: {subject}"), expected, observed));
    };
    if status.is_some_and(|status| answer.status != status) {
        let observed = if answer.status == 0 { "no answer".into() } else { answer.status.to_string() };
        wrong("the answer", "200".into(), observed);
    }
    let content_type = answer.headers.iter().find(|(name, _)| name == "content-type");
    let content_type = content_type.map_or("none", |(_, value)| value.as_str());
    if !content_type.starts_with("application/json") {
        wrong("content type", "application/json".into(), describe(Some(&content_type.into())));
    }
    let Some(Value::Object(envelope)) = answer.json() else {
        wrong("body", "a JSON object".into(), format!("{} bytes that are none", answer.body.len()));
        return false;
    };
    fields(&wrong, "the envelope", &envelope, &[&names.overall, &names.service, &names.commit, &names.rows]);
    expect_text(&wrong, &envelope, &names.overall, |text| is_word(readiness, text), &vocabulary(readiness));
    expect_text(&wrong, &envelope, &names.service, |text| text == service, service);
    expect_text(&wrong, &envelope, &names.commit, |text| !text.is_empty(), "a commit id");
    let rows = envelope.get(&names.rows).and_then(Value::as_array).filter(|rows| !rows.is_empty());
    let Some(rows) = rows else {
        wrong(&names.rows, "a list of dependencies".into(), describe(envelope.get(&names.rows)));
        return false;
    };
    for row in rows {
        row_shape(&wrong, readiness, row);
    }
    overall(&wrong, readiness, &envelope, rows);
    true
}

fn vocabulary(readiness: &Readiness) -> String {
    let words = &readiness.words;
    format!("{}, {} or {}", words.ok, words.degraded, words.failed)
}

fn is_word(readiness: &Readiness, text: &str) -> bool {
    let words = &readiness.words;
    [&words.ok, &words.degraded, &words.failed].iter().any(|word| *word == text)
}

type Wrong<'a> = dyn Fn(&str, String, String) + 'a;

fn fields(wrong: &Wrong<'_>, what: &str, object: &Map<String, Value>, expected: &[&str]) {
    for name in expected.iter().filter(|name| !object.contains_key(**name)) {
        wrong(what, format!("a field `{name}`"), "it is missing".into());
    }
    for name in object.keys().filter(|name| !expected.contains(&name.as_str())) {
        wrong(what, format!("only the fields {}", expected.join(", ")), format!("a further field `{name}`"));
    }
}

fn expect_text(
    wrong: &Wrong<'_>,
    object: &Map<String, Value>,
    field: &str,
    good: impl Fn(&str) -> bool,
    expected: &str,
) {
    let Some(value) = object.get(field) else { return };
    if !value.as_str().is_some_and(good) {
        wrong(field, format!("the text `{expected}`"), describe(Some(value)));
    }
}

fn row_shape(wrong: &Wrong<'_>, readiness: &Readiness, row: &Value) {
    let names = &readiness.shape;
    let words = &readiness.words;
    let Value::Object(row) = row else {
        wrong(&names.rows, "objects".into(), describe(Some(row)));
        return;
    };
    let name = row.get(&names.name).and_then(Value::as_str).unwrap_or("a row without a name");
    let wrong = |subject: &str, expected: String, observed: String| {
        wrong(&format!("{name}: {subject}"), expected, observed);
    };
    fields(
        &wrong,
        "the row",
        row,
        &[&names.name, &names.status, &names.latency, &names.error, &names.checked_at],
    );
    expect_text(&wrong, row, &names.name, |text| !text.is_empty(), "the dependency's name");
    expect_text(&wrong, row, &names.status, |text| is_word(readiness, text), &vocabulary(readiness));
    let well = row.get(&names.status).and_then(Value::as_str) == Some(&words.ok);
    match row.get(&names.error) {
        Some(Value::Null) if well => {}
        Some(Value::String(_)) if !well => {}
        Some(other) => wrong(&names.error, if well { "null" } else { "text" }.into(), describe(Some(other))),
        None => {}
    }
    if let Some(latency) = row.get(&names.latency)
        && !latency.is_u64()
    {
        wrong(&names.latency, "a whole number of milliseconds, not negative".into(), describe(Some(latency)));
    }
    let past = |time: OffsetDateTime| time <= OffsetDateTime::now_utc() + SLACK;
    let utc = |text: &str| text.ends_with('Z') && OffsetDateTime::parse(text, &Rfc3339).is_ok_and(past);
    expect_text(&wrong, row, &names.checked_at, utc, "a time after RFC 3339 in UTC, not in the future");
}

/// The overall status follows from the rows; with all well it is the word for well.
fn overall(wrong: &Wrong<'_>, readiness: &Readiness, envelope: &Map<String, Value>, rows: &[Value]) {
    let names = &readiness.shape;
    let all_well =
        rows.iter().all(|row| row.get(&names.status).and_then(Value::as_str) == Some(&readiness.words.ok));
    if let Some(overall) = envelope.get(&names.overall)
        && all_well != (overall.as_str() == Some(&readiness.words.ok))
    {
        let expected = if all_well { readiness.words.ok.clone() } else { "not well, as a row is not".into() };
        wrong(&names.overall, expected, describe(Some(overall)));
    }
}

/// Every result is probed again once its period has passed.
async fn recent(cx: &Cx<'_, Lane>, instance: &Instance) -> Judgement {
    let begun = OffsetDateTime::now_utc();
    let lane = cx.lane();
    let readiness = readiness(lane);
    let shape = &readiness.shape;
    let rows: Vec<_> = readiness.matrix.iter().filter(|row| row.service == instance.service()).collect();
    let longest = rows.iter().map(|row| row.period + row.time_limit).max().unwrap_or_default();
    let renewed = |answer: &Answer| {
        answer.rows(shape).iter().all(|row| row.checked_at.is_some_and(|checked_at| checked_at >= begun))
    };
    let Err(last) = until(lane, instance, longest + SLACK, renewed).await? else { return Ok(()) };
    for row in
        last.rows(shape).iter().filter(|row| row.checked_at.is_none_or(|checked_at| checked_at < begun))
    {
        let age = row.checked_at.map_or_else(
            || "no time that can be read".into(),
            |checked_at| {
                format!("last probed {:.1} s ago", (OffsetDateTime::now_utc() - checked_at).as_seconds_f64())
            },
        );
        let subject = format!("{}: {}: {}", instance.service(), row.name, shape.checked_at);
        let expected = format!("probed again within {:?} of being asked", longest + SLACK);
        cx.find(
            Finding::new(subject, expected, age).remedy("let a result older than its period be probed anew"),
        );
    }
    Ok(())
}

fn describe(value: Option<&Value>) -> String {
    match value {
        None => "nothing".into(),
        // Longer ones might hold a secret.
        Some(Value::String(text)) if text.len() > 16 => format!("a text of {} bytes", text.len()),
        Some(Value::Array(items)) => format!("a list of {}", items.len()),
        Some(Value::Object(_)) => "an object".into(),
        Some(other) => format!("`{other}`"),
    }
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let readiness = &target.readiness;
    let Some(service) = target.services.last().map(|service| service.name.clone()) else { return Vec::new() };
    let mut sabotages = on_rows(readiness, &service);
    let commit = readiness.shape.commit.clone();
    sabotages.push(json::rewriting(
        &[ID],
        "commit-missing",
        "one service was built without its commit",
        &service,
        &readiness.path,
        move |envelope| {
            envelope.remove(&commit);
        },
    ));
    let row = readiness.matrix.iter().find(|row| row.service == service);
    if let (Some(lever), Some(row)) = (&readiness.levers.period, row) {
        sabotages.push(setting::turned(
            &[ID],
            "period-of-an-hour",
            "a cache period in the wrong unit: results are an hour old and look new",
            vec![(service.clone(), vec![lever.pull(&service, &[&row.dependency], "1h")])],
        ));
    }
    sabotages
}

/// What is changed in every row of one service.
fn on_rows(readiness: &Readiness, service: &str) -> Vec<Sabotage<Lane>> {
    let names = &readiness.shape;
    let on_rows = |id: &str, mistake: &str, change: fn(&mut Map<String, Value>, &str), field: &str| {
        let (rows, field) = (names.rows.clone(), field.to_owned());
        json::rewriting(&[ID], id, mistake, service, &readiness.path, move |envelope| {
            for row in envelope.get_mut(&rows).and_then(Value::as_array_mut).into_iter().flatten() {
                if let Value::Object(row) = row {
                    change(row, &field);
                }
            }
        })
    };
    vec![
        on_rows(
            "field-missing",
            "one service leaves a field out",
            |row, field| drop(row.remove(field)),
            &names.latency,
        ),
        on_rows("field-renamed", "one service calls a field otherwise", rename, &names.error),
        on_rows("field-mistyped", "one service writes a number as text", as_text, &names.latency),
        on_rows(
            "status-unknown",
            "one service invents a word of its own",
            |row, field| replace(row, field, "up"),
            &names.status,
        ),
        on_rows(
            "result-stale",
            "the time shown is that of the start, not of the probe",
            age,
            &names.checked_at,
        ),
        on_rows(
            "time-in-the-future",
            "two clocks, one of them wrong",
            |row, field| replace(row, field, "2999-01-01T00:00:00Z"),
            &names.checked_at,
        ),
        on_rows("time-local", "one service writes local time", local, &names.checked_at),
    ]
}

fn rename(row: &mut Map<String, Value>, field: &str) {
    if let Some(value) = row.remove(field) {
        row.insert("error".into(), value);
    }
}

fn as_text(row: &mut Map<String, Value>, field: &str) {
    let text = row.get(field).map(ToString::to_string).unwrap_or_default();
    replace(row, field, &text);
}

fn replace(row: &mut Map<String, Value>, field: &str, text: &str) {
    row.insert(field.to_owned(), Value::String(text.to_owned()));
}

fn age(row: &mut Map<String, Value>, field: &str) {
    replace(row, field, "2020-01-01T00:00:00Z");
}

fn local(row: &mut Map<String, Value>, field: &str) {
    let text = row.get(field).and_then(Value::as_str).unwrap_or_default().replace('Z', "+00:00");
    replace(row, field, &text);
}
