//! The example platform: three services that put the tracks together, to copy from and to be judged.
//!
//! - [`api`]: teams, their tier, their resources, the audit trail, and the email provider's webhook.
//! - [`worker`]: the loops behind it: the forwarder that emails, and the propagation runner.
//! - [`provisioner`]: makes, re-grades and removes a database and a role per resource on the customers' PostgreSQL.
//!
//! All three answer `/livez` (200 as long as the process answers), `/readyz` (the contract of `sabot-readiness`) and
//! `/metrics`; the webhook wants its secret, and everything else the service's token. They start without any of their dependencies. The binaries
//! in `src/bin` only call [`api::main`], [`worker::main`] and [`provisioner::main`].

pub mod api;
pub mod db;
pub mod http;
pub mod kind;
pub mod logs;
pub mod probes;
pub mod propagation;
pub mod provisioner;
pub mod service;
pub mod settings;
pub mod tier;
pub mod upstreams;
pub mod worker;
