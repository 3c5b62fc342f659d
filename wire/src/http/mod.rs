//! An HTTP/1.1 proxy that frames what passes and, with no rule set, changes none of it.
//!
//! Header case, order and spacing, chunk sizes and extensions, trailers, interim responses, upgrades and bodies that
//! end with the connection pass byte for byte and as they come; only what a rule needs as a whole is collected, up
//! to a bound. Pipelined requests are answered one after the other. What two readers could read differently (two
//! lengths, folded lines, bare line feeds) is refused and never sent on.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use sabot_wire::http::{HttpWire, HttpWireOptions, Match, Response, Rule};
//!
//! let wire = HttpWire::start(HttpWireOptions::to("127.0.0.1:1234".parse()?)).await?;
//! let sends = wire.counter(Match::path("/v3/smtp/email"));
//! let rule = wire.set(Rule::on(Match::path("/v3/account")).answer(Response::status(401)));
//! // … the target runs with wire.url() for its upstream …
//! assert!(rule.tally().applied() > 0, "the rule has landed");
//! assert_eq!(sends.received(), sends.sent());
//! wire.clear()?;
//! # Ok(())
//! # }
//! ```

mod body;
mod connection;
mod count;
mod exchange;
mod forward;
mod head;
mod matcher;
mod message;
mod probe;
mod record;
mod redact;
mod route;
mod rule;
mod transfer;
mod wire;

pub use crate::rule::{Nth, RuleId, Tally};
pub use crate::tcp::Mode;
pub use count::{Counter, Counts, Responses};
pub use head::RequestHead;
pub use matcher::Match;
pub use message::{Headers, Request, Response};
pub use record::{BodyPrefix, Exchange, Outcome, RecordLimits};
pub use route::{NotAnUpstream, Upstream};
pub use rule::{Cut, Forwarded, Forwards, HeldRequest, On, Rule, RuleHandle, Seen, Shown};
pub use wire::{HttpWire, HttpWireOptions};
