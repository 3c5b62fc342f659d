//! What a drill says while it goes and when it has ended: the lines of `--format json`.

use crate::manifest::Engine;
use serde::{Deserialize, Serialize};
use std::fmt;
use time::OffsetDateTime;

/// One line while a drill goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The drill is accepted: from here the recovery time counts.
    Accepted {
        /// The artifact that is restored.
        artifact: String,
        /// When.
        #[serde(with = "time::serde::rfc3339")]
        at: OffsetDateTime,
    },
    /// A phase has begun. Phases may overlap: a server starts while its artifact is fetched.
    Began {
        /// Which.
        phase: Phase,
    },
    /// How far a phase has come.
    Progress {
        /// Which.
        phase: Phase,
        /// Bytes so far.
        bytes: u64,
        /// Of how many, where that is known.
        of: Option<u64>,
    },
    /// A phase has ended.
    Ended {
        /// Which.
        phase: Phase,
        /// How long it took, in seconds.
        seconds: f64,
    },
    /// The restored server stays up, to be looked at; only where that was asked for.
    Held {
        /// Its address, credentials included.
        url: String,
        /// For how long at most, in seconds.
        seconds: u64,
    },
    /// The end.
    Report(Box<Report>),
}

/// The phases of a drill, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The artifact is fetched from its store, and its hash checked on the way.
    Fetch,
    /// The throwaway server is started.
    Server,
    /// What the restore will need is looked for.
    Preflight,
    /// The restore tool works.
    Restore,
    /// The content is compared with the manifest.
    Verify,
    /// The smoke queries are asked.
    Smoke,
    /// Everything is removed.
    Teardown,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fetch => "fetch",
            Self::Server => "server",
            Self::Preflight => "preflight",
            Self::Restore => "restore",
            Self::Verify => "verify",
            Self::Smoke => "smoke",
            Self::Teardown => "teardown",
        })
    }
}

/// What came of a drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Whether the backup is good.
    pub outcome: Outcome,
    /// The artifact that was restored; `None` where none was found.
    pub artifact: Option<String>,
    /// What kind of server it is for.
    pub engine: Engine,
    /// The moment whose data it holds: the manifest's, else when it was stored.
    #[serde(with = "time::serde::rfc3339::option")]
    pub snapshot_at: Option<OffsetDateTime>,
    /// Recovery point: how old that was when the drill was accepted, in seconds.
    pub rpo_seconds: Option<f64>,
    /// Recovery time: from the acceptance to the last smoke query answered, in seconds; `None` where it did not come
    /// that far.
    pub rto_seconds: Option<f64>,
    /// How long each phase took, in seconds.
    pub phases: Vec<(Phase, f64)>,
    /// The size of the artifact, in bytes.
    pub bytes: u64,
    /// What is known of the restored content.
    pub content: Verified,
    /// What is wrong; empty when it passed.
    pub problems: Vec<Problem>,
    /// Messages of the restore tool that are no problems, each with the reason.
    pub harmless: Vec<Harmless>,
}

/// Whether a backup is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It restored, in time, and holds what it should.
    Passed,
    /// It did not.
    Failed,
    /// Nothing was wrong, but what should be in it could not be told.
    Unverified,
}

/// What is known of the restored content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verified")]
pub enum Verified {
    /// Every table equals the manifest.
    Equal {
        /// How many tables.
        tables: u64,
        /// How many rows in all.
        rows: u64,
    },
    /// Some do not; the problems say which.
    Differs,
    /// There is nothing to compare with; what there is was counted.
    Counted {
        /// How many tables.
        tables: u64,
        /// How many rows in all.
        rows: u64,
        /// Why not more.
        reason: String,
    },
    /// It did not come that far.
    No,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Of which class.
    pub class: Class,
    /// What it is about: a table, a query, a statement, an extension.
    pub subject: String,
    /// What was wrong, in a sentence; the tool's own words where it is one of its messages.
    pub message: String,
}

/// Classes of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The store is empty, cannot be reached, or holds no such artifact.
    Store,
    /// The artifact is half-written, or its manifest is not its own.
    Manifest,
    /// Its bytes are not those that were stored.
    Hash,
    /// Dated in the future, or too old for the limit.
    Stale,
    /// A missing extension, too little room, no matching version.
    Preflight,
    /// The throwaway server did not start, or is none that may be used.
    Server,
    /// A message of the restore tool, or its end.
    Restore,
    /// The dump has no end.
    Truncated,
    /// A table that is missing, new, or holds something else.
    Content,
    /// A smoke query failed.
    Smoke,
    /// It took longer than its limit.
    Slow,
    /// Something was left behind.
    Teardown,
    /// The drill was stopped.
    Interrupted,
}

/// A message of the restore tool that means no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Harmless {
    /// The tool's words.
    pub message: String,
    /// Why it means no harm.
    pub reason: String,
}
