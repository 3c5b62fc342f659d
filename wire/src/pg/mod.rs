//! A proxy that frames the PostgreSQL frontend/backend protocol 3.0.
//!
//! With no rule set the same bytes pass in the same order, with back-pressure; authentication, `COPY`,
//! notifications, pipelining, replication and requests to cancel among them. Rules look at the *text* of statements
//! and act on their *executions*: each `Query`, and each `Execute` of a statement parsed earlier, also on connections
//! that were there before the rule.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use sabot_wire::pg::{ErrorResponse, HoldAt, Match, PgWire, PgWireOptions, Rule};
//!
//! let wire = PgWire::start(PgWireOptions::to_tcp("127.0.0.1:5432".parse()?)).await?;
//! let claim = Match::contains("FOR UPDATE SKIP LOCKED");
//! let rule = wire.set(Rule::on(claim.clone()).rewrite(" SKIP LOCKED", "")).await?;
//! // … the service at wire.address() claims rows, and waits for those that others hold …
//! assert!(rule.tally_since().applied() > 0, "the sabotage has landed");
//! assert_eq!(rule.remove().await.open, 0);
//!
//! let (hold, mut held) = Rule::on(claim).hold(HoldAt::Answered);
//! wire.set(hold).await?;
//! if let Some(claimed) = held.next().await {
//!     // The rows are claimed, and the service does not know yet.
//!     claimed.answer(ErrorResponse::error("40001", "could not serialize access"));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # How it works
//!
//! ```text
//!            Framer ─▶ Up ── rules (perform) ──▶ server
//!  client ◀── Down ◀── Pending: which request is answered ◀── Framer
//! ```
//!
//! Each direction has a single writer. What the wire says by itself is queued (in `pending`) among the requests that
//! await the server, and so comes at its right place. An error in the server's place is had by sending the server
//! what no parser takes and replacing the words of its error: thus the transaction is aborted and the pipeline skipped
//! by the server's own rules. A rewrite of a prepared statement cannot reach those who have it: their connections are
//! closed, idle, as by a server that shuts down, so that pools connect and prepare anew.
//!
//! Where both sides have TLS a login cannot bind to the channel. The wire takes `SCRAM-SHA-256-PLUS` off the server's
//! offer; a client that notices (libpq does, unless `channel_binding=disable`) is told which setting to change.

mod board;
mod connection;
mod core;
mod down;
mod frame;
mod lexer;
mod message;
mod open;
mod options;
mod pattern;
mod pending;
mod perform;
mod record;
mod request;
mod rewrite;
mod rule;
mod series;
mod session;
mod statement;
mod stream;
mod tally;
mod tls;
mod up;
mod wire;

pub use core::Closed;
pub use message::{ErrorResponse, Parameter};
pub use options::{PgWireOptions, Upstream};
pub use pattern::{Match, Pattern};
pub use record::Record;
pub use rule::{CutAt, HoldAt, Rule, RuleError, Seen, When};
pub use statement::{ConnectionInfo, Execution};
pub use tally::{Counter, Counts};
pub use tls::{SslMode, TlsError};
pub use wire::{PgWire, RuleHandle, StartError};

pub use crate::tcp::Mode;
