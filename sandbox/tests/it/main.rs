//! Real servers, real processes, real signals.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod collecting;
mod filled;
mod leash;
mod look;
mod mongo;
mod owner;
mod owners;
mod server;
mod template;
