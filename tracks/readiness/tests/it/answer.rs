//! What `/readyz` and `/livez` answer, and what a description may not say.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use prometheus_client::registry::Registry;
use sabot_readiness::{BuildError, Criticality, Dependency, ProbeResult, Readiness, Redactor, Status};
use tower::ServiceExt as _;

const SECRET: &str = "correct-horse-battery-staple";

async fn get(app: &Router, path: &str) -> Response<Body> {
    app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 16).await.unwrap().to_vec()).unwrap()
}

fn service(criticality: Criticality, result: ProbeResult) -> Readiness {
    Readiness::builder("api", "f41ed2b")
        .redactor(Redactor::new([SECRET]))
        .dependency(Dependency::critical("well", || async { ProbeResult::ok() }))
        .dependency(Dependency::new("row", criticality, move || std::future::ready(result.clone())))
        .build()
        .unwrap()
}

#[tokio::test]
async fn every_cell_of_the_criticality_matrix_answers_as_promised() {
    use Criticality::{Critical, NonCritical};
    let cases = [
        (Critical, ProbeResult::ok(), Status::Ok, 200),
        (Critical, ProbeResult::degraded("auth_401"), Status::Degraded, 200),
        (Critical, ProbeResult::failed("refused"), Status::Failed, 503),
        (NonCritical, ProbeResult::ok(), Status::Ok, 200),
        (NonCritical, ProbeResult::degraded("auth_401"), Status::Degraded, 200),
        (NonCritical, ProbeResult::failed("refused"), Status::Degraded, 200),
    ];
    for (criticality, result, overall, http_status) in cases {
        let app = service(criticality, result.clone()).routes();
        let response = get(&app, "/readyz").await;
        assert_eq!(response.status().as_u16(), http_status, "{criticality:?} {result:?}");
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let body: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(body["overall"], overall.as_str());
        let row = &body["checks"][1];
        assert_eq!(
            (row["name"].as_str(), row["status"].as_str()),
            (Some("row"), Some(result.status().as_str()))
        );
        assert_eq!(row["last_error"].as_str(), result.raw_error());
        assert_eq!(get(&app, "/livez").await.status().as_u16(), 200);
    }
}

#[tokio::test]
async fn the_keys_are_those_of_the_contract_and_no_others() {
    let app = service(Criticality::Critical, ProbeResult::failed("refused")).routes();
    let body: serde_json::Value = serde_json::from_str(&text(get(&app, "/readyz").await).await).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&body), ["checks", "commit_id", "overall", "service"]);
    for row in body["checks"].as_array().unwrap() {
        assert_eq!(keys(row), ["last_check_at", "last_error", "latency_ms", "name", "status"]);
        assert!(row["latency_ms"].is_u64());
        assert!(row["last_check_at"].as_str().unwrap().ends_with('Z'));
    }
    assert!(body["checks"][0]["last_error"].is_null());
}

#[tokio::test]
async fn no_error_path_shows_a_secret() {
    let errors = [
        format!("upstream said {SECRET}"),
        format!("{}{SECRET}", "x".repeat(70)),
        format!("trace {}", "ab".repeat(32)),
        "connect postgres://app:hunter2@db/app".to_owned(),
    ];
    for error in errors {
        let app = service(Criticality::Critical, ProbeResult::failed(error)).routes();
        let body = text(get(&app, "/readyz").await).await;
        assert!(!body.contains("corr") && !body.contains("abab") && !body.contains("hunter2"), "{body}");
    }
}

#[tokio::test]
async fn the_gauges_say_what_the_last_probe_saw_and_scraping_probes_nothing() {
    let readiness = service(Criticality::Critical, ProbeResult::failed("refused"));
    let mut registry = Registry::default();
    readiness.register_metrics(&mut registry);
    let scrape = || {
        let mut out = String::new();
        prometheus_client::encoding::text::encode(&mut out, &registry).unwrap();
        out
    };
    assert!(!scrape().contains("dependency=\"row\""));
    readiness.check().await;
    let seen = scrape();
    for line in [
        r#"readiness_dependency_status{dependency="row",status="failed"} 1"#,
        r#"readiness_dependency_status{dependency="row",status="ok"} 0"#,
        r#"readiness_dependency_status{dependency="well",status="ok"} 1"#,
        r#"readiness_dependency_probes_total{dependency="row"} 1"#,
        r#"readiness_dependency_latency_seconds{dependency="row"}"#,
        r#"readiness_dependency_last_check_timestamp_seconds{dependency="row"}"#,
    ] {
        assert!(seen.contains(line), "{line} is not in:\n{seen}");
    }
}

#[test]
fn a_description_that_cannot_work_is_refused() {
    let dependency = |name: &str| Dependency::critical(name, || async { ProbeResult::ok() });
    let build = |dependencies: Vec<Dependency>| {
        Readiness::builder("api", "f41ed2b").dependencies(dependencies).build().map(|_| ()).unwrap_err()
    };
    let name = "db".to_owned();
    assert_eq!(
        build(vec![dependency("db"), dependency("db")]),
        BuildError::DuplicateName { name: name.clone() }
    );
    assert_eq!(build(vec![dependency("D B")]), BuildError::InvalidName { name: "D B".to_owned() });
    assert_eq!(
        build(vec![dependency("db").cache_for(Duration::ZERO)]),
        BuildError::ZeroCachePeriod { name: name.clone() }
    );
    assert_eq!(build(vec![dependency("db").limit(Duration::ZERO)]), BuildError::ZeroTimeLimit { name });
}
