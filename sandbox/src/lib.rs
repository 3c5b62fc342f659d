//! Throwaway database servers that cannot outlive their owner.
//!
//! A *sandbox* is a real server with an empty database cluster of its own, on a private socket and a free loopback
//! port, with a random password. It is labelled, held for a limited time, and always removed: when its handle is
//! dropped, when its owner exits, panics, or is killed. Should even that fail, [`gc()`] finds it by its label.
//!
//! ```no_run
//! use sabot_sandbox::postgres::{Options, Server};
//!
//! # async fn example() -> Result<(), sabot_sandbox::postgres::Error> {
//! let server = Server::start(Options::default()).await?;
//! server.create_database("template").await?;
//! server.create_database_from("lane_1", "template").await?;
//! println!("{}", server.url("lane_1"));
//! server.stop().await;
//! # Ok(()) }
//! ```
//!
//! - [`postgres`]: PostgreSQL servers. In tests, [`postgres::shared`] gives one per process.
//! - [`mongo`]: servers that speak MongoDB's protocol.
//! - [`leash`]: what holds them, of use for any process that must not outlive its supervisor.
//! - [`Scratch`]: a folder for files alone, labelled and removed likewise.
//! - [`gc()`]: removes what was left all the same.
//!
//! It downloads nothing, and needs Linux with util-linux and GNU coreutils: parent-death signals and `/proc` are how
//! a server is bound to its owner.

mod account;
mod cache;
mod folder;
mod gc;
mod label;
pub mod leash;
pub mod mongo;
mod port;
pub mod postgres;
mod random;
mod scratch;

pub use account::Account;
pub use cache::cache_folder;
pub use folder::{Place, usual_places};
pub use gc::{Collected, Removed, gc, gc_in};
pub use label::{Expired, LABEL_FILE, Label, Owner};
pub use port::free as free_port;
pub use scratch::Scratch;
