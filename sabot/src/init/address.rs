//! The look at a running service: a few requests that only read, one after the other, each with a limit on its time and
//! on what is read of its answer.

use super::ready::{Envelope, envelope};
use crate::cli::Running;
use serde_json::Value;
use std::time::Duration;

/// The longest that one answer may take.
const LIMIT: Duration = Duration::from_secs(4);

/// The most that is read of one answer, in bytes.
const MOST: usize = 256 * 1024;

/// Where readiness is wont to be, the deepest first.
const READY: [&str; 12] = [
    "/readyz",
    "/ready",
    "/health/ready",
    "/q/health/ready",
    "/actuator/health/readiness",
    "/actuator/health",
    "/healthz/ready",
    "/-/ready",
    "/health",
    "/healthz",
    "/status",
    "/_health",
];

/// Where liveness is wont to be.
const LIVE: [&str; 9] = [
    "/livez",
    "/live",
    "/health/live",
    "/q/health/live",
    "/actuator/health/liveness",
    "/-/healthy",
    "/healthz",
    "/health",
    "/ping",
];

/// What was seen of a service.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What it is called.
    pub(crate) name: String,
    /// Its address.
    pub(crate) url: String,
    /// Why it was not to be seen at all.
    pub(crate) silent: Option<String>,
    /// The path that answers 200 whatever its dependencies do, as far as one look tells.
    pub(super) live: Option<&'static str>,
    /// The path of readiness, and what it answers.
    pub(super) ready: Option<(&'static str, Envelope)>,
    /// Paths that answer and show no dependencies.
    pub(super) bare: Vec<(&'static str, u16)>,
}

impl Seen {
    /// The path of readiness, and how many dependencies it shows.
    pub(crate) fn readiness(&self) -> Option<(&'static str, usize)> {
        self.ready.as_ref().map(|(path, envelope)| (*path, envelope.dependencies.len()))
    }
}

/// Asks a running service where its readiness is.
pub(crate) async fn look_at(client: &reqwest::Client, service: &Running) -> Seen {
    let mut seen = Seen {
        name: service.name.clone(),
        url: service.url.clone(),
        silent: None,
        live: None,
        ready: None,
        bare: Vec::new(),
    };
    for path in READY {
        match ask(client, &format!("{}{path}", service.url)).await {
            Ok((status, body)) => {
                let answered = matches!(status, 200 | 503);
                let envelope = body.filter(|_| answered).and_then(|body| envelope(&body));
                match envelope {
                    Some(envelope) if envelope.is_list() => {
                        seen.ready = Some((path, envelope));
                        break;
                    }
                    Some(envelope) => drop(seen.ready.get_or_insert((path, envelope))),
                    None if answered => seen.bare.push((path, status)),
                    None => {}
                }
            }
            Err(why) => {
                // One path that hangs may be just that; nobody there is nobody for every path.
                let nobody = why.is_connect();
                seen.silent = nobody.then(|| "nobody listens there".to_owned());
                if nobody {
                    return seen;
                }
            }
        }
    }
    seen.live = live(client, &service.url, seen.ready.as_ref().map(|(path, _)| *path)).await;
    seen
}

async fn live(client: &reqwest::Client, url: &str, ready: Option<&str>) -> Option<&'static str> {
    for path in LIVE.into_iter().filter(|path| Some(*path) != ready) {
        if let Ok((200, _)) = ask(client, &format!("{url}{path}")).await {
            return Some(path);
        }
    }
    None
}

/// The status, and the body where it is JSON.
async fn ask(client: &reqwest::Client, url: &str) -> Result<(u16, Option<Value>), reqwest::Error> {
    let mut answer = client.get(url).header("accept", "application/json").timeout(LIMIT).send().await?;
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MOST {
            return Ok((status, None));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, serde_json::from_slice(&body).ok()))
}
