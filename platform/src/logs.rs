//! Logs: one JSON object a line on standard output, without any credential.

use std::fmt;
use std::io::Write as _;

use sabot_readiness::Redactor;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sends every event, and every panic, to standard output from here on.
///
/// Only the first call in a process has an effect.
pub fn start(service: &'static str, level: LevelFilter, redactor: Redactor) {
    let layer = Lines { service, redactor, sink: to_stdout }.with_filter(level);
    if tracing_subscriber::registry().with(layer).try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            tracing::error!(panic = panic.payload_as_str(), place, "panicked");
        }));
    }
}

/// Writes each event as one line.
///
/// The text of a field is redacted before it is quoted: redacting the quoted line could cut an escape in two.
struct Lines<W> {
    service: &'static str,
    redactor: Redactor,
    sink: W,
}

fn to_stdout(line: &str) {
    // Who reads the log may be gone; that is no reason to stop serving.
    let _unread = std::io::stdout().lock().write_all(line.as_bytes());
}

impl<S: Subscriber, W: Fn(&str) + 'static> Layer<S> for Lines<W> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields { redactor: &self.redactor, map: Map::new() };
        let now = OffsetDateTime::now_utc();
        let now = now.replace_millisecond(now.millisecond()).unwrap_or(now);
        fields.map.insert("timestamp".into(), now.format(&Rfc3339).unwrap_or_default().into());
        fields.map.insert("level".into(), event.metadata().level().as_str().into());
        fields.map.insert("service".into(), self.service.into());
        fields.map.insert("target".into(), event.metadata().target().into());
        event.record(&mut fields);
        (self.sink)(&format!("{}\n", Value::Object(fields.map)));
    }
}

struct Fields<'a> {
    redactor: &'a Redactor,
    map: Map<String, Value>,
}

impl Fields<'_> {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.map.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let redacted = self.redactor.redact(value);
        self.set(field, redacted);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let redacted = self.redactor.redact(&format!("{value:?}"));
        self.set(field, redacted);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let redacted = self.redactor.redact(&with_causes(value));
        self.set(field, redacted);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }
}

/// An error and what caused it, on one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        text = format!("{text}: {current}");
        cause = current.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_line_is_json_and_no_field_of_it_holds_a_credential() {
        let lines = Arc::new(Mutex::new(String::new()));
        let written = lines.clone();
        let sink = move |line: &str| written.lock().unwrap().push_str(line);
        let secret = "canary \"quoted\"\\token";
        let layer = Lines { service: "api", redactor: Redactor::new([secret]), sink };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let error = io::Error::other(format!("sent {secret}"));
            let source: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(text = secret, debug = ?secret, display = %secret, error = source, n = 3_u64, "of {secret}");
        });
        let lines = lines.lock().unwrap();
        let line: Value = serde_json::from_str(lines.trim()).unwrap();
        for field in ["text", "display"] {
            assert_eq!(line[field], "[redacted]", "{field}");
        }
        assert_eq!(line["debug"], "\"[redacted]\"");
        assert_eq!(line["error"], "sent [redacted]");
        assert_eq!(line["message"], "of [redacted]");
        assert_eq!((line["n"].as_u64(), line["level"].as_str()), (Some(3), Some("WARN")));
        assert!(!lines.contains("canary"), "{lines}");
    }
}
