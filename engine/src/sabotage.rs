//! A sabotage: a named, deliberate defect that stands for a real mistake.

use crate::Judgement;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// By what means a defect is put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// A rewrite or rule on the PostgreSQL wire.
    Sql,
    /// A rule on an HTTP wire.
    Http,
    /// A trigger, a dropped constraint or a changed enum in the throwaway database.
    Schema,
    /// A legitimate setting with a bad value that its validator lets through.
    Setting,
    /// A damaged file, or a stand-in tool first on the `PATH`.
    File,
    /// A process killed, stopped or paused.
    Process,
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sql => "sql",
            Self::Http => "http",
            Self::Schema => "schema",
            Self::Setting => "setting",
            Self::File => "file",
            Self::Process => "process",
        })
    }
}

/// Whether the target has really lost its protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Nature {
    /// It has.
    Cause,
    /// A wire or trigger shows what the loss would look like.
    Symptom,
}

impl fmt::Display for Nature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cause => "cause",
            Self::Symptom => "symptom",
        })
    }
}

/// A defect that is on.
pub trait Worn<L>: Send + Sync {
    /// An independent look: how it is seen to have landed.
    ///
    /// # Errors
    /// The reason why it has not; the proof is then void.
    fn landed<'a>(&'a self, lane: &'a L) -> BoxFuture<'a, Judgement<String>>;

    /// Takes it off again; called once, on every path.
    ///
    /// # Errors
    /// The reason why it could not; the lane is then remade.
    fn undo<'a>(self: Box<Self>, lane: &'a L) -> BoxFuture<'a, Judgement>;
}

/// How a defect is put on.
pub type PutOn<L> = dyn for<'a> Fn(&'a L) -> BoxFuture<'a, Judgement<Box<dyn Worn<L>>>> + Send + Sync;

/// A named defect, the mistake that it stands for, and the checks that it must turn red.
pub struct Sabotage<L> {
    /// `CHECK/NAME` after the first check that it must turn red.
    pub id: String,
    /// The real mistake it stands for.
    pub mistake: String,
    /// By what means; several where they compose.
    pub sorts: Vec<Sort>,
    /// Of cause or of symptom.
    pub nature: Nature,
    /// Ids of the checks that must turn red, each by its own assertion.
    pub turns_red: Vec<&'static str>,
    /// The longest that putting on, looking and undoing may take together.
    pub limit: Duration,
    /// Puts it on.
    pub put_on: Arc<PutOn<L>>,
}

impl<L> Clone for Sabotage<L> {
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            mistake: self.mistake.clone(),
            sorts: self.sorts.clone(),
            nature: self.nature,
            turns_red: self.turns_red.clone(),
            limit: self.limit,
            put_on: self.put_on.clone(),
        }
    }
}

impl<L> fmt::Debug for Sabotage<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sabotage")
            .field("id", &self.id)
            .field("turns_red", &self.turns_red)
            .finish_non_exhaustive()
    }
}

/// The id of the sabotage that does nothing.
pub(crate) const DO_NOTHING: &str = "do-nothing";

/// The proof of the prover: a sabotage that breaks nothing. It names every check of `turns_red`, and must come out
/// `survived`: were it `proved`, red would mean nothing.
pub fn do_nothing<L: Sync>(turns_red: Vec<&'static str>) -> Sabotage<L> {
    Sabotage {
        id: DO_NOTHING.into(),
        mistake: "none: it must come out survived, or red would mean nothing".into(),
        sorts: Vec::new(),
        nature: Nature::Cause,
        turns_red,
        limit: Duration::from_secs(5),
        put_on: Arc::new(|_| Box::pin(async { Ok(Box::new(Nothing) as Box<dyn Worn<L>>) })),
    }
}

struct Nothing;

impl<L: Sync> Worn<L> for Nothing {
    fn landed<'a>(&'a self, _: &'a L) -> BoxFuture<'a, Judgement<String>> {
        Box::pin(async { Ok("there is nothing to land".into()) })
    }

    fn undo<'a>(self: Box<Self>, _: &'a L) -> BoxFuture<'a, Judgement> {
        Box::pin(async { Ok(()) })
    }
}
