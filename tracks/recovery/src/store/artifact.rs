//! One artifact, and which one is meant.

use crate::Manifest;
use std::fmt;
use std::str::FromStr;
use time::OffsetDateTime;

/// One stored backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its name in the store, job included, without the store's own prefix.
    pub name: String,
    /// Its size in the store, in bytes.
    pub bytes: u64,
    /// When the store took it, by the store's clock.
    pub stored_at: OffsetDateTime,
    /// What is known of it.
    pub state: State,
}

/// What is known of an artifact without looking into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It has its manifest. (Whether its bytes are those that the manifest means, [`fetch`](super::Store::fetch) tells.)
    Whole(Box<Manifest>),
    /// Ours by its name, and without a manifest: a backup that was interrupted, or one that is being taken just now.
    HalfWritten,
    /// Its manifest cannot be read, or is not its own.
    Damaged {
        /// What is wrong, with name and place.
        message: String,
    },
    /// There is a manifest, and what it is about is gone.
    Gone(Box<Manifest>),
    /// Somebody else's.
    Foreign,
}

impl Artifact {
    /// Its manifest, where it can be read and is its own.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        match &self.state {
            State::Whole(manifest) | State::Gone(manifest) => Some(manifest),
            State::HalfWritten | State::Damaged { .. } | State::Foreign => None,
        }
    }

    /// The moment whose data it holds: the manifest's, else when it was stored.
    #[must_use]
    pub fn snapshot_at(&self) -> OffsetDateTime {
        self.manifest().map_or(self.stored_at, |manifest| manifest.snapshot_at)
    }

    /// Whether it is meant to be restored. One with a damaged manifest is: that it cannot be is what a drill must find.
    pub(super) fn is_candidate(&self) -> bool {
        matches!(self.state, State::Whole(_) | State::Damaged { .. } | State::Gone(_))
    }
}

/// Which artifact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// The newest.
    #[default]
    Newest,
    /// Any of them, so that in time every one is tried.
    Random,
    /// This one, with or without its job.
    Named(String),
}

impl FromStr for Choice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "newest" => Self::Newest,
            "random" => Self::Random,
            name => Self::Named(name.to_owned()),
        })
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Newest => "newest",
            Self::Random => "random",
            Self::Named(name) => name,
        })
    }
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The artifact.
    pub artifact: Artifact,
    /// Half-written ones that are newer than it: each is a finding, unless a backup is running just now.
    pub passed_over: Vec<Artifact>,
}
