//! Stand-ins: upstreams that Sabot answers for, because the real ones can't be had.

use crate::TargetError;
use crate::description::Answer;
use sabot_wire::http::{HttpWire, HttpWireOptions, Match, Response, Rule};

/// Starts a stand-in with `answers`.
pub(crate) async fn start(name: &str, answers: &[Answer]) -> Result<HttpWire, TargetError> {
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
