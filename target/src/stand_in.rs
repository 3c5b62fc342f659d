//! Stand-ins: upstreams that Sabot answers for, because the real ones can't be had.

use crate::brevo::{Brevo, Settings};
use crate::description::{Answer, StandIn};
use crate::{Target, TargetError};
use sabot_wire::http::{HttpWire, HttpWireOptions, Match, Response, Rule};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The stand-ins of a lane by name.
#[derive(Debug, Default)]
pub(crate) struct StandIns(BTreeMap<String, Running>);

#[derive(Debug)]
enum Running {
    Canned(HttpWire),
    Brevo(Brevo),
}

impl StandIns {
    /// Starts all that `target` describes.
    pub(crate) async fn start(
        target: &Target,
        secrets: &BTreeMap<String, String>,
    ) -> Result<Self, TargetError> {
        let mut all = BTreeMap::new();
        for (name, described) in &target.stand_ins {
            let running = match described {
                StandIn::Answers(answers) => Running::Canned(canned(name, answers).await?),
                StandIn::Brevo(account) => {
                    let none = || TargetError::NoSuch { what: "a secret", name: account.key.clone() };
                    Running::Brevo(brevo(secrets.get(&account.key).ok_or_else(none)?).await?)
                }
            };
            all.insert(name.clone(), running);
        }
        Ok(Self(all))
    }

    /// Where one listens.
    pub(crate) fn address(&self, name: &str) -> Result<SocketAddr, TargetError> {
        match self.0.get(name) {
            Some(Running::Canned(wire)) => Ok(wire.address()),
            Some(Running::Brevo(brevo)) => Ok(brevo.address()),
            None => Err(none("a stand-in", name)),
        }
    }

    /// One that gives canned answers.
    pub(crate) fn canned(&self, name: &str) -> Result<&HttpWire, TargetError> {
        match self.0.get(name) {
            Some(Running::Canned(wire)) => Ok(wire),
            Some(Running::Brevo(_)) | None => Err(none("a stand-in with canned answers", name)),
        }
    }

    /// The simulator.
    pub(crate) fn brevo(&self) -> Result<&Brevo, TargetError> {
        let brevo = self.0.values().find_map(|running| match running {
            Running::Brevo(brevo) => Some(brevo),
            Running::Canned(_) => None,
        });
        brevo.ok_or_else(|| none("a stand-in", "the Brevo simulator"))
    }

    /// Makes every simulator as it was at the start.
    pub(crate) fn reset(&self) {
        for running in self.0.values() {
            if let Running::Brevo(brevo) = running {
                brevo.reset();
            }
        }
    }
}

fn none(what: &'static str, name: &str) -> TargetError {
    TargetError::NoSuch { what, name: name.to_owned() }
}

/// The simulator of a lane. Its services probe the account more often than an operator would have them do.
async fn brevo(key: &str) -> Result<Brevo, TargetError> {
    let mut settings = Settings::with_key(key);
    settings.limits.account = settings.limits.account.told_only();
    Brevo::start(settings).await
}

async fn canned(name: &str, answers: &[Answer]) -> Result<HttpWire, TargetError> {
    let wire = HttpWire::start(HttpWireOptions::alone())
        .await
        .map_err(TargetError::io(format!("starting the stand-in for {name}")))?;
    for answer in answers {
        let response = Response::status(answer.status)
            .header("content-type", "application/json")
            .body(answer.body.clone());
        wire.set(Rule::on(Match::path(&answer.path)).answer(response));
    }
    Ok(wire)
}
