//! What became of a message, in one word.

use serde::Serialize;

/// What the ledger says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Classification {
    /// The provider took it; nothing has been heard since.
    Accepted,
    /// It was never sent and never will be: no renderer, no address, or refused for good.
    PermanentDrop,
    /// The recipient's server took it.
    Delivered,
    /// The recipient's server refused it for now.
    BouncedSoft,
    /// The recipient's server refused it for good.
    BouncedHard,
    /// The provider itself refused to deliver it.
    Rejected,
    /// The recipient called it spam.
    Complaint,
    /// The provider is still trying.
    Deferred,
    /// The recipient wants no more.
    Unsubscribed,
    /// The provider failed.
    Error,
}

impl Classification {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Accepted,
        Self::PermanentDrop,
        Self::Delivered,
        Self::BouncedSoft,
        Self::BouncedHard,
        Self::Rejected,
        Self::Complaint,
        Self::Deferred,
        Self::Unsubscribed,
        Self::Error,
    ];

    /// Which of two events with the same event time decides: the earlier in this list. `accepted` and
    /// `permanent_drop` come from no event.
    pub const SEVERITY: [Self; 8] = [
        Self::Complaint,
        Self::BouncedHard,
        Self::Rejected,
        Self::Unsubscribed,
        Self::Error,
        Self::Delivered,
        Self::BouncedSoft,
        Self::Deferred,
    ];

    /// As it stands in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::PermanentDrop => "permanent_drop",
            Self::Delivered => "delivered",
            Self::BouncedSoft => "bounced_soft",
            Self::BouncedHard => "bounced_hard",
            Self::Rejected => "rejected",
            Self::Complaint => "complaint",
            Self::Deferred => "deferred",
            Self::Unsubscribed => "unsubscribed",
            Self::Error => "error",
        }
    }

    /// Its place in [`SEVERITY`](Self::SEVERITY), the most severe first; past the end for what no event gives.
    #[must_use]
    pub fn rank(self) -> usize {
        Self::SEVERITY.iter().position(|severe| *severe == self).unwrap_or(Self::SEVERITY.len())
    }
}
