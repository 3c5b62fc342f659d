//! The receiver as an axum router.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::time::{Instant, timeout_at};

use crate::answer::{Answer, Refusal};
use crate::body::{MAX_ARRAY, limit};
use crate::receiver::Receiver;

/// How long a body may take to come.
const BODY_LIMIT: Duration = Duration::from_secs(10);

impl Receiver {
    /// `POST /webhooks/{provider}/{secret}`, to be merged into an axum router. The route's path as axum knows it
    /// (`MatchedPath`) holds no secret; the request's own does, so log the former.
    ///
    /// Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, or all refused calls count as one source.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let base = format!("/webhooks/{}", self.provider_name());
        Router::new()
            .route(&base, post(receive))
            .route(&format!("{base}/"), post(receive))
            .route(&format!("{base}/{{*secret}}"), post(receive))
            .with_state(self.clone())
    }
}

async fn receive(
    State(receiver): State<Receiver>,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Answer {
    let source = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    // No secret, or one that is not UTF-8: as wrong as any other.
    let secret = path.ok().and_then(|params| params.iter().next().map(|(_, secret)| secret.to_owned()));
    if let Err(answer) = receiver.admit(secret.as_deref().unwrap_or_default(), source) {
        return answer;
    }
    let (parts, body) = request.into_parts();
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    match collect(body, announced).await {
        Ok(body) => receiver.accept(parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes), &body).await,
        Err(refusal) => receiver.refuse(refusal).closing(),
    }
}

/// Reads no further than the limit: it is known once the first character has come.
async fn collect(body: Body, announced: Option<usize>) -> Result<Vec<u8>, Refusal> {
    use futures_util::StreamExt as _;

    if announced.is_some_and(|length| length > MAX_ARRAY) {
        return Err(Refusal::TooLarge);
    }
    let deadline = Instant::now() + BODY_LIMIT;
    let mut stream = body.into_data_stream();
    let mut read = Vec::new();
    loop {
        let chunk = timeout_at(deadline, stream.next()).await.map_err(|_| Refusal::TooSlow)?;
        let Some(chunk) = chunk else { return Ok(read) };
        let chunk = chunk.map_err(|_| Refusal::Malformed("the body did not come whole"))?;
        if read.len() + chunk.len() > MAX_ARRAY {
            return Err(Refusal::TooLarge);
        }
        read.extend_from_slice(&chunk);
        let limit = limit(&read);
        if read.len() > limit || announced.is_some_and(|length| length > limit) {
            return Err(Refusal::TooLarge);
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response =
            (StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK), self.body).into_response();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}
