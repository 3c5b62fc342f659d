//! Counts and times of requests, and `/metrics`.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use sabot_delivery::Seen;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: String,
    route: String,
}

/// Counts and times requests by route; clones share them.
#[derive(Debug, Clone)]
pub struct Requests {
    answered: Family<Answered, Counter>,
    took: Family<Route, Histogram>,
}

impl Requests {
    /// Adds `http_requests_total` and `http_request_duration_seconds`.
    pub fn register(registry: &mut Registry) -> Self {
        const BOUNDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];
        let answered = Family::default();
        let took = Family::new_with_constructor((|| Histogram::new(BOUNDS)) as fn() -> Histogram);
        registry.register("http_requests", "Requests answered, by route and status", answered.clone());
        registry.register_with_unit(
            "http_request_duration",
            "How long they took",
            Unit::Seconds,
            took.clone(),
        );
        Self { answered, took }
    }

    pub(super) async fn measure(State(requests): State<Self>, request: Request, next: Next) -> Response {
        let started = Instant::now();
        let method = request.method().to_string();
        // The route, not the path: a path holds ids, and labels must stay few.
        let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
        let response = next.run(request).await;
        let (status, took) = (response.status().as_u16(), started.elapsed());
        let labels = Route { method: method.clone(), route: route.clone() };
        requests.took.get_or_create(&labels).observe(took.as_secs_f64());
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        tracing::info!(method, route, status, took_us, "request");
        requests.answered.get_or_create(&Answered { method, route, status }).inc();
        response
    }
}

/// `GET /metrics` in the text format of OpenMetrics; what is told of the ledger is brought up to date first.
pub fn metrics_route(registry: Registry, seen: Option<Seen>) -> Router {
    let registry = Arc::new(registry);
    let scrape = move || {
        let (registry, seen) = (registry.clone(), seen.clone());
        async move {
            if let Some(seen) = seen {
                seen.refresh().await;
            }
            let mut text = String::new();
            match prometheus_client::encoding::text::encode(&mut text, &registry) {
                Ok(()) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
    };
    Router::new().route("/metrics", get(scrape))
}

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
