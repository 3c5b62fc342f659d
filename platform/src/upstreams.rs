//! The dependencies that several services have alike.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use sabot_readiness::{Criticality, Dependency};

use crate::probes::{HttpProbe, http_client};
use crate::service::StartError;
use crate::settings::{Declared, ReadinessSettings, Secret, Upstream};

/// A probe's connection ends by the dependency's time limit; this one only keeps a forgotten one from living on.
const LAST_RESORT: std::time::Duration = std::time::Duration::from_secs(90);

/// How the platform's database is declared.
pub const PLATFORM_DB: Declared =
    Declared { name: "platform_db", criticality: Criticality::Critical, cache_period: None };

/// How the email provider is declared: its account endpoint allows a hundred calls an hour.
pub const BREVO: Declared = Declared {
    name: "brevo",
    criticality: Criticality::NonCritical,
    cache_period: Some(std::time::Duration::from_secs(300)),
};

/// How the artifact store is declared.
pub const ARTIFACT_STORE: Declared =
    Declared { name: "artifact_store", criticality: Criticality::NonCritical, cache_period: None };

/// The row of the email provider, if it is in use: `GET /v3/account`.
///
/// # Errors
/// When no client can be made for it.
pub fn brevo(
    upstream: Option<&Upstream>,
    readiness: &ReadinessSettings,
) -> Result<Option<Dependency>, StartError> {
    let Some(upstream) = upstream else { return Ok(None) };
    let key = header_value(upstream.credential.expose(), BREVO.name)?;
    let headers = HeaderMap::from_iter([(HeaderName::from_static("api-key"), key)]);
    row(&BREVO, upstream, Method::GET, "v3/account", headers, readiness).map(Some)
}

/// The row of the artifact store, if it is in use: `HEAD /`.
///
/// # Errors
/// When no client can be made for it.
pub fn artifact_store(
    upstream: Option<&Upstream>,
    readiness: &ReadinessSettings,
) -> Result<Option<Dependency>, StartError> {
    let Some(upstream) = upstream else { return Ok(None) };
    let headers = bearer(&upstream.credential, ARTIFACT_STORE.name)?;
    row(&ARTIFACT_STORE, upstream, Method::HEAD, "", headers, readiness).map(Some)
}

/// The row of an upstream on HTTP that is probed at `path`.
///
/// # Errors
/// When no client can be made for it.
pub fn row(
    declared: &Declared,
    upstream: &Upstream,
    method: Method,
    path: &str,
    headers: HeaderMap,
    readiness: &ReadinessSettings,
) -> Result<Dependency, StartError> {
    // The base ends in a slash and the path is ours: joining cannot fail, and the base itself would do no harm.
    let url = upstream.url.join(path).unwrap_or_else(|_| upstream.url.clone());
    let probe = HttpProbe::new(http_client(&url, LAST_RESORT, false)?, method, url, headers);
    Ok(readiness.dependency(declared, move || probe.clone().look()))
}

/// Where the provisioner, whose address is `base`, has a resource.
#[must_use]
pub fn resource_url(base: &Url, resource: i64) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}resources/res_{resource}", base.path()));
    url
}

/// The header that carries a bearer token.
///
/// # Errors
/// When no header can carry it.
pub fn bearer(token: &Secret, upstream: &'static str) -> Result<HeaderMap, StartError> {
    let value = header_value(&format!("Bearer {}", token.expose()), upstream)?;
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

fn header_value(text: &str, upstream: &'static str) -> Result<HeaderValue, StartError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| StartError::Credential { upstream })?;
    value.set_sensitive(true);
    Ok(value)
}
