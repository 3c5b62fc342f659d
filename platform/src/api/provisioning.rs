//! The api's way to the provisioner.

use std::time::Duration;

use axum::http::StatusCode;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Url};
use serde::{Deserialize, Serialize};

use crate::http::ApiError;
use crate::logs::with_causes;
use crate::probes::http_client;
use crate::service::StartError;
use crate::settings::{Secret, Upstream};
use crate::tier::Tier;
use crate::upstreams::{bearer, resource_url};

/// A client of the provisioner; clones share its connections.
#[derive(Debug, Clone)]
pub(super) struct Provisioner {
    client: reqwest::Client,
    base: Url,
    headers: HeaderMap,
}

/// Where a resource is and who may use it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Provisioned {
    pub(super) database: String,
    pub(super) role: String,
    pub(super) connection_limit: i32,
}

#[derive(Serialize)]
struct Wanted<'a> {
    tier: Tier,
    password: &'a str,
}

impl Provisioner {
    pub(super) fn new(upstream: &Upstream, time_limit: Duration) -> Result<Self, StartError> {
        Ok(Self {
            client: http_client(&upstream.url, time_limit, true)?,
            base: upstream.url.clone(),
            headers: bearer(&upstream.credential, "the provisioner")?,
        })
    }

    /// Makes the resource, or makes it what is wanted if it is there already.
    pub(super) async fn ensure(
        &self,
        resource: i64,
        tier: Tier,
        password: &Secret,
    ) -> Result<Provisioned, ApiError> {
        let request = self
            .client
            .put(resource_url(&self.base, resource))
            .json(&Wanted { tier, password: password.expose() });
        let response = self.send(request, resource).await?;
        response.json().await.map_err(|error| unavailable(&with_causes(&error.without_url())))
    }

    /// Removes the resource; that it is not there is as good.
    pub(super) async fn remove(&self, resource: i64) -> Result<(), ApiError> {
        self.send(self.client.delete(resource_url(&self.base, resource)), resource).await.map(|_| ())
    }

    async fn send(&self, request: RequestBuilder, resource: i64) -> Result<reqwest::Response, ApiError> {
        let request = request.headers(self.headers.clone()).header("idempotency-key", resource.to_string());
        match request.send().await {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => Err(unavailable(&format!("it answered {}", response.status()))),
            Err(error) => Err(unavailable(&with_causes(&error.without_url()))),
        }
    }
}

fn unavailable(detail: &str) -> ApiError {
    tracing::warn!(error = detail, "the provisioner did not do as asked");
    ApiError::new(
        StatusCode::BAD_GATEWAY,
        "provisioner_unavailable",
        "the provisioner did not do as asked; the same request again goes on where this one stopped",
    )
}
