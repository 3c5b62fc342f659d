//! Posting to the webhook, with what it takes to be heard there, and the answer as it came.

use super::desk::delivery;
use sabot_engine::{CannotTell, Context as _, Judgement};
use sabot_target::delivery::Webhook;
use sabot_target::{Instance, Lane};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The content type of an event.
pub(crate) const JSON: &str = "application/json";

/// Where a call goes, and what it shows to be heard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) path: String,
    /// Name and value.
    pub(crate) header: Option<(String, String)>,
}

impl Call {
    /// A call that shows `secret` where the webhook looks for it.
    pub(crate) fn showing(webhook: &Webhook, secret: &str) -> Self {
        let value = || webhook.header_form.replace(SECRET, secret);
        let header = webhook.header.as_ref().map(|name| (name.clone(), value()));
        Self { path: webhook.path.replace(SECRET, secret), header }
    }
}

/// What stands for the secret in a path or a header.
pub(crate) const SECRET: &str = "{secret}";

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// The HTTP status; 0 when none came in time, or the connection broke. That is for the check to judge.
    pub(crate) status: u16,
    /// Whether `retry-after` holds a number of seconds.
    pub(crate) says_when: bool,
    pub(crate) body: String,
    pub(crate) took: Duration,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// What a field of the answer holds; null where it is not there.
    pub(crate) fn field(&self, name: &str) -> Value {
        self.json().get(name).cloned().unwrap_or_default()
    }

    /// Status and body on one line, for evidence; of a long body the start.
    pub(crate) fn sketch(&self) -> String {
        if self.status == 0 {
            return format!("no answer within {:?}", self.took);
        }
        let start: String = self.body.chars().take(160).collect();
        format!("HTTP {} {start}", self.status)
    }
}

/// The lane's credential called `name`.
pub(crate) fn secret(lane: &Lane, name: &str) -> Judgement<String> {
    let found = lane.credentials().find(|(known, _)| *known == name);
    let none = || CannotTell::new(format!("the target's description has no secret called {name}"));
    found.map(|(_, value)| value.to_owned()).ok_or_else(none)
}

/// Posts `body` to the webhook of `instance` over the wire in front of it.
pub(crate) async fn post(
    lane: &Lane,
    instance: &Instance,
    call: &Call,
    content_type: &str,
    body: Vec<u8>,
) -> Judgement<Reply> {
    let limit = delivery(lane).webhook.answers_within;
    let begun = Instant::now();
    let mut request = lane.client().post(instance.url(&call.path)).timeout(limit);
    if let Some((name, value)) = &call.header {
        request = request.header(name, value);
    }
    let sent = request.header("content-type", content_type).body(body).send().await;
    let silent = || Reply { status: 0, says_when: false, body: String::new(), took: begun.elapsed() };
    let response = match sent {
        Ok(response) => response,
        // A builder's error is ours; everything else is what the target, or a wire, did to the request.
        Err(error) if error.is_builder() => return Err(error).context("posting an event"),
        Err(_) => return Ok(silent()),
    };
    let status = response.status().as_u16();
    let after = response.headers().get("retry-after").and_then(|after| after.to_str().ok());
    let says_when = after.is_some_and(|after| after.trim().parse::<u32>().is_ok());
    let Ok(body) = response.text().await else { return Ok(silent()) };
    Ok(Reply { status, says_when, body, took: begun.elapsed() })
}
