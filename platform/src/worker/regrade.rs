//! The handler of tier changes: every active resource of the team is re-graded by the provisioner.
//!
//! A resource counts as active once it is `ready`. One that is still in the making gets the tier that its team has when
//! it becomes so, which the api sees to; one that is on its way out is left alone.
//!
//! Each resource has an idempotency key of its own, and the provisioner leaves alone what is right already: so a change
//! that reached some of them and not others fails as a whole, and the retry goes on where it stopped.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::{StreamExt as _, stream};
use reqwest::header::HeaderMap;
use reqwest::{Response, Url};
use sabot_propagation::{HandlerError, Outcome, Propagation, SkipReason};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::tally::{Failure, Graded, TallyError, tally};
use crate::db::{Database, DatabaseError};
use crate::logs::with_causes;
use crate::probes::http_client;
use crate::propagation::TierChange;
use crate::service::{StartError, upstream_limit};
use crate::settings::Upstream;
use crate::tier::{Tier, UnknownTier};
use crate::upstreams::{bearer, resource_url};

/// How many resources of one team are re-graded at once.
const AT_ONCE: usize = 4;

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 16 * 1024;

/// Re-grades; clones share its connections.
#[derive(Clone)]
pub(super) struct Regrader {
    database: Database,
    client: reqwest::Client,
    base: Url,
    headers: HeaderMap,
    limit: Duration,
}

/// What the provisioner answers.
#[derive(Deserialize)]
struct Answer {
    outcome: String,
    reason: Option<String>,
}

/// Why a tier change did not reach all of its resources.
#[derive(Debug, thiserror::Error)]
pub(super) enum RegradeError {
    /// Written by hand, or by another build.
    #[error("the propagation lacks its team or its tier")]
    Incomplete,
    #[error(transparent)]
    Tier(#[from] UnknownTier),
    #[error("the team's resources cannot be read")]
    Resources(#[from] DatabaseError),
    #[error("the team's resources could not be read in time")]
    Late,
    #[error(transparent)]
    Tally(#[from] TallyError),
}

impl Regrader {
    pub(super) fn new(
        database: Database,
        provisioner: &Upstream,
        dispatch_limit: Duration,
    ) -> Result<Self, StartError> {
        Ok(Self {
            database,
            client: http_client(&provisioner.url, dispatch_limit, true)?,
            base: provisioner.url.clone(),
            headers: bearer(&provisioner.credential, "the provisioner")?,
            // What is not done by then is told by name, which a dispatch that is cut off could not.
            limit: upstream_limit(dispatch_limit),
        })
    }

    /// Handles one tier change.
    pub(super) async fn regrade_team(
        &self,
        propagation: Propagation<TierChange>,
    ) -> Result<Outcome, HandlerError> {
        Ok(self.regrade_all(&propagation).await?)
    }

    async fn regrade_all(&self, propagation: &Propagation<TierChange>) -> Result<Outcome, RegradeError> {
        let deadline = Instant::now() + self.limit;
        let (Some(team), Some(tier)) = (propagation.team_id, &propagation.target_tier) else {
            return Err(RegradeError::Incomplete);
        };
        let tier: Tier = tier.parse()?;
        let resources = timeout_at(deadline, self.active(team)).await.map_err(|_| RegradeError::Late)??;
        let graded = stream::iter(resources)
            .map(|resource| async move {
                let key = propagation.idempotency_key_for(resource);
                let graded = timeout_at(deadline, self.regrade(resource, tier, &key)).await;
                (resource, graded.unwrap_or(Err(Failure::Late)))
            })
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        Ok(tally(&graded)?)
    }

    /// The team's active resources, oldest first.
    async fn active(&self, team: i64) -> Result<Vec<i64>, DatabaseError> {
        let read = self.database.run(move |client| {
            Box::pin(async move {
                let statement = client
                    .prepare_cached(
                        "SELECT id FROM resources WHERE team_id = $1 AND state = 'ready' ORDER BY id",
                    )
                    .await?;
                client.query(&statement, &[&team]).await.map_err(DatabaseError::from)
            })
        });
        Ok(read.await?.iter().map(|row| row.get(0)).collect())
    }

    async fn is_active(&self, resource: i64) -> Result<bool, DatabaseError> {
        let read = self.database.run(move |client| {
            Box::pin(async move {
                let statement = client
                    .prepare_cached("SELECT EXISTS (SELECT FROM resources WHERE id = $1 AND state = 'ready')")
                    .await?;
                client.query_one(&statement, &[&resource]).await.map_err(DatabaseError::from)
            })
        });
        Ok(read.await?.get(0))
    }

    async fn regrade(&self, resource: i64, tier: Tier, key: &str) -> Result<Graded, Failure> {
        let request = self
            .client
            .patch(resource_url(&self.base, resource))
            .headers(self.headers.clone())
            .header("idempotency-key", key)
            .json(&json!({ "tier": tier }));
        let response = request.send().await.map_err(unreachable)?;
        match response.status() {
            // Removed since it was read: then there is nothing to re-grade, and nothing wrong.
            StatusCode::NOT_FOUND if !self.is_active(resource).await? => {
                Ok(Graded::Skipped(SkipReason::AlreadyCorrect))
            }
            status if status.is_success() => read(response).await,
            // The body is left unread: it may hold what does not belong into an error.
            status => Err(Failure::Status(status)),
        }
    }
}

async fn read(mut response: Response) -> Result<Graded, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Failure::Unreadable);
        }
        body.extend_from_slice(&chunk);
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| Failure::Unreadable)?;
    match (answer.outcome.as_str(), answer.reason) {
        ("applied", _) => Ok(Graded::Applied),
        ("skipped", reason) => {
            Ok(Graded::Skipped(SkipReason::parse(reason.as_deref().unwrap_or("no reason given"))))
        }
        _ => Err(Failure::Unreadable),
    }
}

fn unreachable(error: reqwest::Error) -> Failure {
    // The address may stand in the error, and is no part of what went wrong.
    Failure::Unreachable(with_causes(&error.without_url()))
}
