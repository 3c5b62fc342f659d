//! A simulator of Brevo, the email provider: its send API, its account endpoint, its webhooks and how it repeats them.
//!
//! It keeps to Brevo's documents, and names the page at each fact; where they are silent or at odds with each other,
//! a setting chooses, and its default is the reading that asks more of a target. All of it runs on loopback.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use sabot_target::brevo::{Brevo, Event, Kind, Manner, Settings};
//! use std::time::{Duration, SystemTime};
//!
//! let brevo = Brevo::start(Settings::with_key("xkeysib-1")).await?;
//! // … the target sends to brevo.url() with that key …
//! let sent = brevo.await_sent(1, Duration::from_secs(5)).await?;
//! brevo.set_webhook("http://127.0.0.1:8080/webhooks/brevo/secret");
//! let event = Event::of(Kind::Delivered, &sent[0].id, &sent[0].email.to[0], SystemTime::now());
//! let posting = brevo.deliver(&[event], Manner::default());
//! let outcomes = posting.settled(Duration::from_secs(10)).await?;
//! assert_eq!(outcomes.acknowledged(), 1);
//! # Ok(())
//! # }
//! ```

mod api;
mod event;
mod manner;
mod outcome;
mod post;
mod posting;
mod quota;
mod record;
mod refusal;
mod script;
mod send;
mod settings;
mod shared;
mod simulator;

pub use event::{Clock, Event, Kind};
pub use manner::{Batch, Manner, Order};
pub use outcome::{Attempt, Outcome, Outcomes, Post, Reply};
pub use posting::Posting;
pub use quota::Quota;
pub use record::{Call, Email, Key, Message};
pub use script::{Script, Step};
pub use settings::{Duplicate, Limits, Reading, Retries, Settings};
pub use simulator::{Brevo, NotYet};
