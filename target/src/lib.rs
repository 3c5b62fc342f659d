//! What is judged: the description of a target, and the lanes on which it runs.
//!
//! A [`Target`] says in its own words what the system on trial is: services, databases, upstreams, names, limits. Its
//! default is the embedded platform. A [`Lane`] is one whole target that runs: databases of its own, every service a
//! process of its own on a leash, and a wire on each of its connections.
//!
//! ```text
//!  checks ──HTTP──▶ inbound wire ──▶ service ──▶ wire "brevo" ──▶ stand-in
//!                                       │
//!                                       └──────▶ wire "platform_db" ──▶ PostgreSQL ◀── checks read directly
//! ```

mod binaries;
pub mod brevo;
mod client;
mod command;
mod description;
mod embedded;
mod error;
mod estate;
mod file;
mod files;
mod instance;
mod lane;
mod process;
mod random;
mod stand_in;
mod stock;
mod wardrobe;

pub use binaries::Binaries;
pub use client::client as http_client;
pub use description::recovery::{BackupForm, Backups, DrillTerms, Job, Schedule};
pub use description::{
    Answer, BrevoAccount, Contract, Database, Delivery, Form, Lever, Levers, Propagation, Reach, Readiness,
    Recovery, Row, SchemaLever, Service, Shape, StandIn, Target, Upstream, Wire as WireSpec, Words,
};
pub use description::{contract, delivery, propagation, recovery};
pub use error::TargetError;
pub use estate::{Estate, Taken};
pub use file::{FILE_NAME, FileError, Mistake, config_schema};
pub use files::Files;
pub use instance::{Instance, Overrides, Wire, is_paused};
pub use lane::Lane;
pub use sabot_sandbox::leash::Signal;
pub use sabot_sandbox::{Collected, gc};
pub use stock::Stock;
pub use wardrobe::Dress;
