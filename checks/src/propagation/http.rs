//! Requests to the target: changes that cause propagations, and what is done with dead letters.

use super::desk::Desk;
use super::queue::Subject;
use sabot_engine::{CannotTell, Context as _, Judgement};
use sabot_target::{Instance, Lane};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest that an answer is awaited.
const LIMIT: Duration = Duration::from_secs(10);

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The HTTP status; 0 when none came in time, or the connection broke. That is for the check to judge.
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Status and body on one line, for evidence; of a long body the start.
    pub(crate) fn sketch(&self) -> String {
        if self.status == 0 {
            return "no answer".to_owned();
        }
        let start: String = self.body.chars().take(160).collect();
        format!("HTTP {} {start}", self.status)
    }
}

/// Asks for `path` of `instance`, over the wire in front of it, as who has the lane's `credential`.
pub(crate) async fn ask(
    lane: &Lane,
    instance: &Instance,
    (method, path): (reqwest::Method, &str),
    credential: &str,
    body: Option<Value>,
) -> Judgement<Reply> {
    let found = lane.credentials().find(|(name, _)| *name == credential);
    let none = || CannotTell::new(format!("the target's description has no secret called {credential}"));
    let (_, token) = found.ok_or_else(none)?;
    let mut request = lane.client().request(method, instance.url(path)).timeout(LIMIT).bearer_auth(token);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let silent = || Reply { status: 0, body: String::new() };
    let response = match request.send().await {
        Ok(response) => response,
        // A builder's error is ours; everything else is what the target, or a wire, did to the request.
        Err(error) if error.is_builder() => return Err(error).context(format!("asking for {path}")),
        Err(_) => return Ok(silent()),
    };
    let status = response.status().as_u16();
    Ok(response.text().await.map_or_else(|_| silent(), |body| Reply { status, body }))
}

impl Desk<'_> {
    /// Changes the tier of `subject`'s team by the target's own means.
    pub(crate) async fn change(&self, subject: &Subject, tier: &str) -> Judgement<Reply> {
        let source = &self.propagation.source;
        let path = source.path.replace("{team}", &subject.team.to_string());
        let instance = self.lane.service(&source.service)?;
        let body = json!({ &source.tier: tier });
        ask(self.lane, instance, (reqwest::Method::POST, &path), &source.credential, Some(body)).await
    }

    /// Asks the service that has the dead letters.
    pub(crate) async fn letters(&self, method: reqwest::Method, path: &str) -> Judgement<Reply> {
        let letters = &self.propagation.dead_letters;
        let instance = self.lane.service(&letters.service)?;
        ask(self.lane, instance, (method, path), &letters.credential, None).await
    }
}
