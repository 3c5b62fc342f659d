//! Who is measured, and what each is called in a table.

use std::fmt;

use sabot_propagation::Audit;

use super::place::Database;
use super::queue::Queue;
use super::worker::{Called, Working};
use super::{apalis, ceiling, graphile, ours};
use crate::Outcome;

/// A worker on a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    Ours(ours::How),
    Ceiling { loops: usize, audited: bool },
    Graphile(graphile::How),
    Apalis { batch: usize },
}

/// What ours is measured against: one loop with all that ours writes.
pub(crate) const CEILING: Contender = Contender::Ceiling { loops: 1, audited: true };
/// Ours as it comes.
pub(crate) const OURS: Contender = Contender::Ours(ours::How::Plain);
/// The peer to beat.
pub(crate) const GRAPHILE: Contender = Contender::Graphile(graphile::How::Tuned);
/// The batch of its example.
pub(crate) const APALIS: Contender = Contender::Apalis { batch: 100 };

impl Contender {
    /// What it works on.
    pub(crate) fn queue(self) -> Queue {
        match self {
            Self::Ours(ours::How::Superseding) => Queue::Superseding,
            Self::Ours(_) | Self::Ceiling { .. } => Queue::Ours,
            Self::Graphile(_) => Queue::Graphile,
            Self::Apalis { .. } => Queue::Apalis,
        }
    }

    /// Starts it.
    pub(crate) async fn start(self, database: &Database, called: Called) -> Outcome<Working> {
        match self {
            Self::Ours(how) => ours::start(database, how, called),
            Self::Ceiling { loops, audited } => {
                let audit = if audited { Audit::default() } else { Audit::none() };
                ceiling::start(database, loops, &audit, &called).await
            }
            Self::Graphile(how) => graphile::start(database, how, called).await,
            Self::Apalis { batch } => apalis::start(database, batch, called).await,
        }
    }

    /// Whether each change of state has its audit row; `None` for a peer, which has no such thing.
    pub(crate) fn audited(self) -> Option<bool> {
        match self {
            Self::Ours(how) => Some(how != ours::How::Unaudited),
            Self::Ceiling { audited, .. } => Some(audited),
            Self::Graphile(_) | Self::Apalis { .. } => None,
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Ours(ours::How::Plain) => "ours",
            Self::Ours(ours::How::Unaudited) => "ours, no audit rows",
            Self::Ours(ours::How::Superseding) => "ours, only a team's newest counts",
            Self::Ceiling { loops: 1, audited: true } => "ceiling: our statements from one loop",
            Self::Ceiling { loops: 1, audited: false } => "ceiling, no audit rows",
            Self::Ceiling { loops, .. } => return write!(f, "ceiling, {loops} loops at once"),
            Self::Graphile(graphile::How::Default) => "graphile_worker, default",
            Self::Graphile(graphile::How::Tuned) => "graphile_worker, tuned",
            Self::Apalis { batch } => return write!(f, "apalis-postgres, tuned, batches of {batch}"),
        };
        f.write_str(name)
    }
}
