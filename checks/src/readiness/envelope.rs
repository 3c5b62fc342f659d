//! `readiness.envelope`: every service answers in exactly the agreed shape, and its results are recent.

use super::answer::{Answer, readiness, ready, services};
use super::faults::{self, Fault};
use super::rows;
use super::watch::until;
use crate::sabotage::{json, setting};
use futures_util::future::try_join_all;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Instance, Lane, Readiness, Target};
use serde_json::{Map, Value};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub(super) const ID: &str = "readiness.envelope";

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
    // Other forms have media types of their own.
    let is_json = content_type.starts_with("application/json")
        || readiness.form.is_some() && content_type.split(';').next().is_some_and(|of| of.ends_with("+json"));
    if !is_json {
        wrong("content type", "application/json".into(), describe(Some(&content_type.into())));
    }
    let Some(Value::Object(envelope)) = answer.json() else {
        wrong("body", "a JSON object".into(), format!("{} bytes that are none", answer.body.len()));
        return false;
    };
    let named = [&names.overall, &names.service, &names.commit, &names.rows];
    fields(&wrong, readiness, "the envelope", &envelope, &named.map(String::as_str));
    expect_text(&wrong, &envelope, &names.overall, |text| is_word(readiness, text), &vocabulary(readiness));
    expect_text(&wrong, &envelope, &names.service, |text| text == service, service);
    expect_text(&wrong, &envelope, &names.commit, |text| !text.is_empty(), "a commit id");
    let whole = Value::Object(envelope);
    let (rows, listed) = (rows::read(names, &whole), whole.get(&names.rows));
    let entries = match listed {
        Some(Value::Array(entries)) => entries.len(),
        _ => rows.len(),
    };
    if rows.is_empty() || entries != rows.len() {
        wrong(&names.rows, "dependencies, each an object".into(), describe(listed));
        return false;
    }
    for (name, row) in &rows {
        row_shape(&wrong, readiness, name, row);
    }
    overall(&wrong, readiness, whole.get(&names.overall), &rows);
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

/// What the target names must be there; of a form of answer that many share, further fields are everybody's own.
fn fields(wrong: &Wrong<'_>, readiness: &Readiness, what: &str, object: &Map<String, Value>, named: &[&str]) {
    let expected: Vec<_> = named.iter().filter(|name| !name.is_empty()).copied().collect();
    // There an error that is not is left out.
    let optional = |name: &str| {
        readiness.form.is_some()
            && [&readiness.shape.error, &readiness.shape.checked_at].iter().any(|own| *own == name)
    };
    for name in expected.iter().filter(|name| !object.contains_key(**name) && !optional(name)) {
        wrong(what, format!("a field `{name}`"), "it is missing".into());
    }
    if readiness.form.is_some() {
        return;
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

fn row_shape(wrong: &Wrong<'_>, readiness: &Readiness, name: &str, row: &Map<String, Value>) {
    let names = &readiness.shape;
    let words = &readiness.words;
    let name = if name.is_empty() { "a row without a name" } else { name };
    let wrong = |subject: &str, expected: String, observed: String| {
        wrong(&format!("{name}: {subject}"), expected, observed);
    };
    let named = [&names.name, &names.status, &names.latency, &names.error, &names.checked_at];
    fields(&wrong, readiness, "the row", row, &named.map(String::as_str));
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
fn overall(
    wrong: &Wrong<'_>,
    readiness: &Readiness,
    overall: Option<&Value>,
    rows: &[(String, &Map<String, Value>)],
) {
    let (names, ok) = (&readiness.shape, &readiness.words.ok);
    let well = |row: &Map<String, Value>| row.get(&names.status).and_then(Value::as_str) == Some(ok);
    let all_well = rows.iter().all(|(_, row)| well(row));
    if let Some(overall) = overall
        && all_well != (overall.as_str() == Some(ok))
    {
        let expected = if all_well { ok.clone() } else { "not well, as a row is not".into() };
        wrong(&names.overall, expected, describe(Some(overall)));
    }
}

/// Every result is probed again once its period has passed.
async fn recent(cx: &Cx<'_, Lane>, instance: &Instance) -> Judgement {
    let begun = OffsetDateTime::now_utc();
    let lane = cx.lane();
    let readiness = readiness(lane);
    let shape = &readiness.shape;
    if shape.checked_at.is_empty() {
        cx.fact(
            format!("{}: not judged", instance.service()),
            "how old its results are, which no answer says",
        );
        return Ok(());
    }
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
    if !commit.is_empty() {
        let mistake = "one service was built without its commit";
        sabotages.push(json::rewriting(
            &[ID],
            "commit-missing",
            mistake,
            &service,
            &readiness.path,
            move |envelope| {
                envelope.remove(&commit);
            },
        ));
    }
    let row = readiness.matrix.iter().find(|row| row.service == service);
    if let (Some(lever), Some(row), false) =
        (&readiness.levers.period, row, readiness.shape.checked_at.is_empty())
    {
        sabotages.push(setting::turned(
            &[ID],
            "period-of-an-hour",
            "a cache period in the wrong unit: results are an hour old and look new",
            vec![(service.clone(), vec![lever.pull(&service, &[&row.dependency], "1h")])],
        ));
    }
    sabotages
}

/// What is changed in every row of one service, in the fields that it has.
fn on_rows(readiness: &Readiness, service: &str) -> Vec<Sabotage<Lane>> {
    let names = &readiness.shape;
    type Change = fn(&mut Map<String, Value>, &str);
    let status = if readiness.form.is_some() { &names.status } else { &names.latency };
    let all: [(&str, &str, Change, &str); 7] = [
        ("field-missing", "one service leaves a field out", |row, field| drop(row.remove(field)), status),
        ("field-renamed", "one service calls a field otherwise", rename, &names.error),
        ("field-mistyped", "one service writes a number as text", as_text, &names.latency),
        (
            "status-unknown",
            "one service invents a word of its own",
            |row, field| replace(row, field, "alive"),
            &names.status,
        ),
        ("result-stale", "the time shown is that of the start, not of the probe", age, &names.checked_at),
        (
            "time-in-the-future",
            "two clocks, one of them wrong",
            |row, field| replace(row, field, "2999-01-01T00:00:00Z"),
            &names.checked_at,
        ),
        ("time-local", "one service writes local time", local, &names.checked_at),
    ];
    // What may be left out is no mistake where it is not there.
    let has =
        |id: &str, field: &str| !(field.is_empty() || readiness.form.is_some() && id == "field-renamed");
    let put = |(id, mistake, change, field): (&str, &str, Change, &str)| {
        let (names, field) = (names.clone(), field.to_owned());
        json::rewriting(&[ID], id, mistake, service, &readiness.path, move |envelope| {
            rows::change(&names, envelope, |row| change(row, &field));
        })
    };
    all.into_iter().filter(|(id, _, _, field)| has(id, field)).map(put).collect()
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
