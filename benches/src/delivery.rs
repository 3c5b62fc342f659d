//! Delivery events through the webhook, beside the bare `UPDATE` of the ledger by pgbench, and beside an endpoint that
//! does that one `UPDATE` per request. PostgreSQL writes to disk as in production.

use crate::load::{self, Load};
use crate::{Outcome, ROUNDS, median, pg};
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::{Router, routing::post};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use sabot_delivery::{Brevo, MIGRATIONS, Receiver, Secrets};
use sabot_sandbox::postgres::{Options, Server};
use serde::Deserialize;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_postgres::NoTls;

const MESSAGES: u64 = 200_000;
const CONNECTIONS: usize = 64;
const POOL: usize = 8;
/// Arrays come from fewer: 64 of them at once are more than two seconds' work on a small machine, and the receiver
/// rightly asks some of them to come again.
const BATCH: usize = 100;
const BATCH_CONNECTIONS: usize = 16;
const TIME: Duration = Duration::from_secs(4);
const SECRET: &str = "the-secret-of-the-bench";

/// Numbers the events, so that each is new and changes its row.
static NEXT: AtomicU64 = AtomicU64::new(1);

const UPDATE: &str = "UPDATE forwarder_sent SET classification = 'delivered', delivered_at = to_timestamp($2::bigint) \
     WHERE provider = 'brevo' AND provider_id = $1";

const SCRIPT: &str = "\\set message random(1, 200000)\n\
     UPDATE forwarder_sent SET classification = 'delivered', delivered_at = clock_timestamp() \
     WHERE provider = 'brevo' AND provider_id = 'm' || :message;\n";

struct Peers {
    server: Server,
    ours: SocketAddr,
    bare: SocketAddr,
    script: tempfile::NamedTempFile,
}

/// Everything interleaved: each round has every figure once.
pub(crate) async fn figures() -> Outcome {
    let peers = start().await?;
    let clients = ["1", "8", "32"];
    let mut updates = clients.map(|_| Vec::new());
    let (mut bare, mut single, mut batched) = (Vec::new(), Vec::new(), Vec::new());
    let webhook = format!("/webhooks/brevo/{SECRET}");
    for _ in 0..ROUNDS {
        for (clients, rates) in clients.iter().zip(&mut updates) {
            rates.push(bare_updates(&peers, clients).await?);
        }
        bare.push(load::post(peers.bare, "/update", CONNECTIONS, TIME, event).await?);
        single.push(load::post(peers.ours, &webhook, CONNECTIONS, TIME, event).await?);
        batched.push(load::post(peers.ours, &webhook, BATCH_CONNECTIONS, TIME, batch).await?);
    }
    for (clients, rates) in clients.iter().zip(updates) {
        println!(
            "  {:<44} {:>9.0} updates/s",
            format!("pgbench, the bare UPDATE, {clients} clients"),
            median(rates)
        );
    }
    let bare = row("an endpoint with one UPDATE, a pool of 8", &bare, 1.0);
    let single = row("the webhook, one event per request", &single, 1.0);
    row("the webhook, batches of 100, 16 connections", &batched, BATCH as f64);
    println!(
        "  ratio {:.2} to the endpoint, P99 {:.2} of its ({CONNECTIONS} connections, medians of {ROUNDS} rounds)",
        single.0 / bare.0,
        single.1 / bare.1
    );
    peers.server.stop().await;
    Ok(())
}

/// Events a second, and the 99th percentile in milliseconds.
fn row(what: &str, loads: &[Load], events: f64) -> (f64, f64) {
    let of = |value: fn(&Load) -> f64| median(loads.iter().map(value).collect());
    let (rate, p50, p99) =
        (of(|load| load.rate) * events, of(|load| load.p50.as_secs_f64()), of(|load| load.p99.as_secs_f64()));
    println!("  {what:<44} {rate:>9.0} events/s   p50 {:>6.2} ms   p99 {:>6.2} ms", p50 * 1e3, p99 * 1e3);
    (rate, p99)
}

async fn start() -> Outcome<Peers> {
    let server = Server::start(Options::default().durable()).await?;
    server.create_database("bench").await?;
    let client = server.connect("bench").await?;
    client
        .batch_execute(
            "CREATE TABLE audit_log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, \
                 summary text NOT NULL, payload jsonb NOT NULL)",
        )
        .await?;
    for migration in MIGRATIONS {
        client.batch_execute(migration).await?;
    }
    let rows = format!(
        "INSERT INTO forwarder_sent (audit_id, provider, provider_id, template_kind, classification) \
         SELECT n, 'brevo', 'm' || n, 'team.created', 'accepted' FROM generate_series(1, {MESSAGES}) AS n; \
         ANALYZE; CHECKPOINT"
    );
    client.batch_execute(&rows).await?;
    let receiver = Receiver::new(Brevo, Secrets::new([SECRET])?, server.config("bench"));
    let ours = serve(receiver.routes()).await?;
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let pool =
        Pool::builder(Manager::from_config(server.config("bench"), NoTls, manager)).max_size(POOL).build()?;
    let bare = serve(Router::new().route("/update", post(update)).with_state(pool)).await?;
    let mut script = tempfile::NamedTempFile::new()?;
    script.write_all(SCRIPT.as_bytes())?;
    Ok(Peers { server, ours, bare, script })
}

async fn serve(router: Router) -> Outcome<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn bare_updates(peers: &Peers, clients: &str) -> Outcome<f64> {
    let script = peers.script.path().to_str().ok_or("the script has no name that can be told")?;
    let args = ["-n", "-M", "prepared", "-c", clients, "-j", "2", "-T", "4", "-f", script];
    pg::rate(&pg::pgbench(&peers.server, peers.server.port(), &args).await?)
}

#[derive(Deserialize)]
struct Told {
    #[serde(rename = "message-id")]
    message_id: String,
    ts_event: i64,
}

/// What most would write: no storage, no order, no secret.
async fn update(State(pool): State<Pool>, Json(told): Json<Told>) -> StatusCode {
    let updated = async {
        let client = pool.get().await.ok()?;
        let statement = client.prepare_cached(UPDATE).await.ok()?;
        let id = told.message_id.trim_matches(['<', '>']);
        client.execute(&statement, &[&id, &told.ts_event]).await.ok()
    };
    if updated.await.is_some() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// An event as Brevo sends it, of a message spread over the table.
fn event() -> String {
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let message = n.wrapping_mul(2_654_435_761) % MESSAGES + 1;
    let second = 1_700_000_000 + n;
    format!(
        r#"{{"event":"delivered","email":"ann{message}@example.com","id":814119,"date":"2023-05-31 16:37:07","ts":{second},"message-id":"<m{message}>","ts_event":{second},"subject":"Your plan has changed","X-Mailin-custom":"kind:subscription","sending_ip":"185.41.28.109","ts_epoch":{second}000,"tags":["team.created","5ab07000-0000-5000-8000-{message:012x}"]}}"#
    )
}

fn batch() -> String {
    let events: Vec<_> = (0..BATCH).map(|_| event()).collect();
    format!("[{}]", events.join(","))
}
