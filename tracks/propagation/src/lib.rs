//! A durable queue on PostgreSQL: what must reach a downstream system after a change reaches it, or is seen not to.
//!
//! A *propagation* is a row, written in the transaction of the change that causes it. A [`Runner`] claims it for the time
//! of a lease, dispatches it to the handler of its kind, and writes down how that ended.
//!
//! ```text
//!                 enqueue, in the caller's transaction
//!                                  │
//!                                  ▼   claim: next_attempt_at := now + lease
//!            ┌──────────────────▶ due ──────────────────────────▶ leased ── applied, or skipped for a ──▶ APPLIED
//!            │                     ▲                             │ │ │ │    harmless reason               applied_at
//!    its time has come             ├── lease ran out ────────────┘ │ │ │                                     │
//!            │                     │   (crash: no attempt)         │ │ │                                     ▼
//!            │                     └── given back (shutdown, ──────┘ │ │                          trimmed after keep_applied
//!            │                         not begun in time)            │ │
//!         waiting ◀── failed: attempts + 1, next_attempt_at := ──────┘ │
//!                     now + schedule[attempts]                         │
//!                                                                      │
//!            due ◀── replay: attempts := 0 ── DEAD ◀── failed for the max_attempts-th time
//!                                             failed_at  ──── discard ──▶ deleted, held by its audit row
//! ```
//!
//! `leased` is `lease IS NOT NULL` with `next_attempt_at` still to come; once that is past, the row is due like any other.
//!
//! # What it promises
//! - A propagation exists if and only if its transaction commits. It ends applied or dead, as long as runners run.
//! - **Exclusive**: while a lease lives nobody else claims the row. Every completion names its lease, and changes nothing
//!   once that has run out; so a late runner changes nothing.
//! - **At least once**: a handler may be called again after a crash, always with the same
//!   [idempotency key](Propagation::idempotency_key).
//! - A crash costs a lease, never an attempt. `attempts` counts the dispatches that failed, and nothing else.
//! - The retry schedule is exact, by the database's clock: `next_attempt_at − last_attempt_at` is the step.
//! - Rows start in the order in which they are due, whoever they belong to. A row that is moved by hand is seen within a
//!   polling period.
//! - Each change of state and its audit row are one statement: neither is without the other. The kinds are
//!   `propagation.applied`, `.retrying`, `.dead_lettered`, `.unknown_kind_dead_lettered`, `.unexpected_skip` (beside
//!   `.retrying` or the death), `.replayed` and `.discarded`.
//! - A kind without a handler is left to newer runners for a lease, then fails like any other, without a call.
//! - No error is stored or logged before it was redacted, whole.
//!
//! # Using it
//! Run the migration [`QUEUE`] after one of your own that makes the enum `propagation_kind` and the table `audit_log` (or
//! say by [`Audit`] what there is in its place), then:
//!
//! ```
//! use deadpool_postgres::{Manager, Pool};
//! use sabot_propagation::{Kind, Outcome, QUEUE, Registry, Runner, enqueue};
//! use tokio_postgres::NoTls;
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Grade { from: String }
//!
//! const TIER_ELEVATION: Kind<Grade> = Kind::new("tier_elevation");
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let database = sabot_sandbox::postgres::fresh_database().await?;
//! # let config = database.config();
//! # let client = database.connect().await?;
//! client.batch_execute("CREATE TYPE propagation_kind AS ENUM ('tier_elevation')").await?;
//! # client.batch_execute("CREATE TABLE audit_log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text,
//! #     team_id bigint, actor text, summary text, payload jsonb, created_at timestamptz DEFAULT now())").await?;
//! client.batch_execute(QUEUE.sql).await?;
//!
//! let (done, mut upgraded) = tokio::sync::mpsc::unbounded_channel();
//! let registry = Registry::builder()
//!     .kind(TIER_ELEVATION, "re-grades the team's resources", move |propagation| {
//!         let done = done.clone();
//!         async move {
//!             // Here the downstream is called, with this header:
//!             let _idempotency_key = propagation.idempotency_key();
//!             done.send((propagation.team_id, propagation.payload.from))?;
//!             Ok(Outcome::Applied)
//!         }
//!     })
//!     .build()?;
//!
//! let pool = Pool::builder(Manager::new(config.clone(), NoTls)).build()?;
//! let redactor = |error: &str| error.replace("the password", "[redacted]");
//! let runner = Runner::builder(pool.clone(), registry, redactor).listen(config, NoTls).build()?;
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let running = tokio::spawn(runner.run(async move { drop(stopped.await) }));
//!
//! let mut connection = pool.get().await?;
//! let transaction = connection.transaction().await?;
//! // … the change itself, and with it:
//! enqueue(&transaction, &TIER_ELEVATION.of(&Grade { from: "free".into() })?.team(7).target_tier("pro")).await?;
//! transaction.commit().await?;
//!
//! assert_eq!(upgraded.recv().await, Some((Some(7), "free".to_owned())));
//! drop(stop);
//! running.await?;
//! # let applied: i64 = client.query_one("SELECT count(*) FROM audit_log", &[]).await?.get(0);
//! # assert_eq!(applied, 1);
//! # Ok(())
//! # }
//! ```
//!
//! Other languages call the SQL function `propagation_enqueue(kind, team_id, target_tier, payload, delay)`, or insert.
//!
//! # What it refuses to do
//! Keep the order of propagations of one team (a retry comes when it comes; [`supersede`](RegistryBuilder::supersede) is for
//! those where only the newest counts), call a downstream exactly once (nobody can), give up before the schedule does, or
//! show an error to nobody's redactor.

mod audit;
mod database;
pub mod dead_letters;
mod enqueue;
mod handler;
mod heartbeat;
mod kind;
mod metrics;
mod redact;
mod registry;
mod runner;
mod schedule;
mod schema;
pub mod sql;

pub use audit::Audit;
pub use enqueue::{EnqueueError, enqueue, enqueue_many};
pub use handler::{HandlerError, Outcome, Propagation, SkipReason};
pub use heartbeat::Heartbeat;
pub use kind::{Kind, New};
pub use redact::{MAX_ERROR_CHARS, Redact};
pub use registry::{Declared, Registry, RegistryBuilder, RegistryError};
pub use runner::{Builder, Runner, Settings, SettingsError};
pub use schedule::{Schedule, ScheduleError};
pub use schema::{Migration, QUEUE, SUPERSESSION};
