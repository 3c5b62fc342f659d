//! One answer of a readiness endpoint, read by the names of the target's description.

use super::rows;
use sabot_engine::{Context as _, Judgement};
use sabot_target::{Instance, Lane, Readiness, Shape};
use serde_json::{Map, Value};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The longest that a check waits for any one answer; far beyond every limit that is judged.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// One answer, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The HTTP status; 0 when none came within [`PATIENCE`]. That is for the check to judge: silence is what some of
    /// them guard against.
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) took: Duration,
}

/// One dependency of an answer; a field that is missing or of another type reads as empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) error: Option<String>,
    pub(crate) checked_at: Option<OffsetDateTime>,
}

/// Asks `instance` for `path` over its inbound wire.
pub(crate) async fn ask(lane: &Lane, instance: &Instance, path: &str) -> Judgement<Answer> {
    let what = || format!("asking {} for {path}", instance.service());
    let begun = Instant::now();
    match fetch(lane, &instance.url(path)).await {
        Ok(answer) => Ok(Answer { took: begun.elapsed(), ..answer }),
        Err(error) if error.is_timeout() => {
            Ok(Answer { status: 0, headers: Vec::new(), body: String::new(), took: begun.elapsed() })
        }
        Err(error) => Err(error).context(what()),
    }
}

async fn fetch(lane: &Lane, url: &str) -> Result<Answer, reqwest::Error> {
    let response = lane.client().get(url).timeout(PATIENCE).send().await?;
    let status = response.status().as_u16();
    let header =
        |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), header(value))).collect();
    Ok(Answer { status, headers, body: response.text().await?, took: Duration::ZERO })
}

/// Asks `instance` for its readiness.
pub(crate) async fn ready(lane: &Lane, instance: &Instance) -> Judgement<Answer> {
    ask(lane, instance, &readiness(lane).path).await
}

/// What the lane's target promises about readiness.
pub(crate) fn readiness(lane: &Lane) -> &Readiness {
    &lane.target().readiness
}

/// Every service of the target, whether any dependency of it is declared or not.
pub(crate) fn services(lane: &Lane) -> Vec<&str> {
    lane.target().services.iter().map(|service| service.name.as_str()).collect()
}

impl Answer {
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    pub(crate) fn overall(&self, shape: &Shape) -> String {
        let overall = self.json().and_then(|json| json.get(&shape.overall)?.as_str().map(str::to_owned));
        overall.unwrap_or_default()
    }

    pub(crate) fn rows(&self, shape: &Shape) -> Vec<Row> {
        let Some(json) = self.json() else { return Vec::new() };
        let read = |(name, row)| Row::read(name, row, shape);
        rows::read(shape, &json).into_iter().map(read).collect()
    }

    pub(crate) fn row(&self, shape: &Shape, name: &str) -> Option<Row> {
        self.rows(shape).into_iter().find(|row| row.name == name)
    }

    /// Whether the dependency of `row` is well, by what the answer says; `None` where it says nothing of it.
    pub(crate) fn is_well(&self, readiness: &Readiness, row: &sabot_target::Row) -> Option<bool> {
        if readiness.shows(row) {
            let shown = self.row(&readiness.shape, &row.dependency)?;
            return Some(shown.status == readiness.words.ok);
        }
        row.critical.then_some(self.status == 200)
    }

    /// Status, overall and rows on one line, for evidence. Of what the target wrote freely only its length is told: it
    /// might hold a secret.
    pub(crate) fn sketch(&self, readiness: &Readiness) -> String {
        if self.status == 0 {
            return format!("no answer within {PATIENCE:?}");
        }
        let (shape, words) = (&readiness.shape, &readiness.words);
        let word = |text: &str| {
            let known = [&words.ok, &words.degraded, &words.failed, &readiness.unauthorised];
            if known.into_iter().chain(&readiness.error_words).any(|word| word == text) {
                text.to_owned()
            } else {
                format!("text of {} bytes", text.len())
            }
        };
        let row = |row: &Row| match &row.error {
            Some(error) => format!("{} {} ({})", row.name, word(&row.status), word(error)),
            None => format!("{} {}", row.name, word(&row.status)),
        };
        let rows: Vec<_> = self.rows(shape).iter().map(row).collect();
        if shape.overall.is_empty() {
            return format!("HTTP {}", self.status);
        }
        format!("HTTP {}, overall {}: {}", self.status, word(&self.overall(shape)), rows.join(", "))
    }
}

impl Row {
    fn read(name: String, row: &Map<String, Value>, shape: &Shape) -> Self {
        let text = |field: &str| row.get(field).and_then(Value::as_str).map(str::to_owned);
        Self {
            name,
            status: text(&shape.status).unwrap_or_default(),
            error: text(&shape.error),
            checked_at: text(&shape.checked_at).and_then(|time| OffsetDateTime::parse(&time, &Rfc3339).ok()),
        }
    }
}
