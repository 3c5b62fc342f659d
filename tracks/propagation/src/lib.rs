//! A durable queue on PostgreSQL.

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
