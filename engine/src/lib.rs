//! The engine: what runs checks, and what proves that they can fail.
//!
//! It knows checks, lanes, verdicts, sabotage and records. It knows no track and no target: both are given to it,
//! as a list of [`Check`]s, a list of [`Sabotage`]s and an [`Arena`] that opens lanes.
//!
//! ```text
//!  select ──▶ plan ──▶ run ───────▶ record ──▶ exit code
//!                       │  events      │
//!                       ▼              ▼
//!                    terminal       reports
//! ```
//!
//! The record is the only truth: the exit code is decided from it before anything is drawn, and every report is
//! drawn from it.

mod arena;
mod baseline;
mod check;
mod cx;
mod event;
mod exit;
mod figure;
mod last;
mod limit;
mod proof;
mod prove;
mod record;
mod redact;
pub mod report;
mod run;
mod sabotage;
mod schema;
mod select;
#[cfg(test)]
mod testing;
mod verdict;

pub use arena::{Arena, Lanes};
pub use baseline::{Baseline, Known, Unreadable};
pub use check::{Check, Level, Need, Sharing, UnknownNeed};
pub use cx::Cx;
pub use event::{Event, Events};
pub use exit::Exit;
pub use figure::{Attempt, Figure, Gauge, Rows, Timeline};
pub use proof::{Outcome, Proof, Red};
pub use prove::{ProveOptions, prove};
pub use record::{FORMAT, Fact, Record, Result, Series, VERSION};
pub use redact::{Secrets, Spelling, spellings};
pub use run::{RunOptions, run};
pub use sabotage::{Nature, PutOn, Sabotage, Sort, Worn, do_nothing};
pub use schema::record_schema;
pub use select::{Nothing, Selection, UnknownSkip, check_skips};
pub use verdict::{CannotTell, Context, Finding, Judgement, Verdict};
