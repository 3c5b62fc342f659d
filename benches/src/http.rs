//! `/readyz` beside a bare endpoint, and a transparent HTTP wire beside no wire.

use crate::load::{self, Load};
use crate::{Outcome, ROUNDS, median};
use axum::Router;
use axum::routing::get;
use sabot_readiness::{Criticality, Dependency, ProbeResult, Readiness};
use sabot_wire::http::{HttpWire, HttpWireOptions};
use std::net::SocketAddr;
use std::time::Duration;

const CONNECTIONS: usize = 64;
const TIME: Duration = Duration::from_secs(2);

async fn serve(router: Router) -> Outcome<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// Four dependencies served from their caches, beside an endpoint that answers a constant of the same size.
pub(crate) async fn readiness() -> Outcome {
    let mut builder = Readiness::builder("bench", "f41ed2b");
    for name in ["platform_db", "provisioner", "brevo", "artifact_store"] {
        builder =
            builder.dependency(Dependency::new(name, Criticality::Critical, || async { ProbeResult::ok() }));
    }
    let ready = serve(builder.build()?.routes()).await?;
    let body = "x".repeat(520);
    let bare = serve(Router::new().route("/readyz", get(move || async move { body }))).await?;
    compare("a bare axum endpoint", bare, "/readyz, four dependencies", ready, "/readyz").await
}

/// The same endpoint, asked directly and over a wire without rules.
pub(crate) async fn wire() -> Outcome {
    for size in [100, 100_000] {
        let body = "x".repeat(size);
        let direct = serve(Router::new().route("/", get(move || async move { body }))).await?;
        let wire = HttpWire::start(HttpWireOptions::to(direct)).await?;
        let what = format!("over a wire without rules, {size} bytes");
        compare(&format!("direct, {size} bytes"), direct, &what, wire.address(), "/").await?;
    }
    Ok(())
}

async fn compare(ceiling: &str, at: SocketAddr, ours: &str, ours_at: SocketAddr, path: &str) -> Outcome {
    let (mut theirs, mut own) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(load::get(at, path, CONNECTIONS, TIME).await?);
        own.push(load::get(ours_at, path, CONNECTIONS, TIME).await?);
    }
    let row = |what: &str, loads: &[Load]| {
        let rate = median(loads.iter().map(|load| load.rate).collect());
        let p99 = median(loads.iter().map(|load| load.p99.as_secs_f64() * 1e3).collect());
        println!("  {what:<44} {rate:>9.0} requests/s   p99 {p99:>6.2} ms");
        rate
    };
    let ceiling = row(ceiling, &theirs);
    let ours = row(ours, &own);
    println!("  ratio {:.2} ({CONNECTIONS} connections, medians of {ROUNDS} rounds)", ours / ceiling);
    Ok(())
}
