//! The tiers a team can have, and what each is worth.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A team's tier, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// The first.
    Free,
    /// The second.
    Pro,
    /// The third.
    Scale,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 3] = [Self::Free, Self::Pro, Self::Scale];

    /// As it stands in the database and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Scale => "scale",
        }
    }

    /// How many connections at once each of the team's resources admits.
    #[must_use]
    pub const fn connection_limit(self) -> i32 {
        match self {
            Self::Free => 5,
            Self::Pro => 20,
            Self::Scale => 100,
        }
    }
}

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, UnknownTier> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text).ok_or_else(|| UnknownTier(text.to_owned()))
    }
}

/// A tier that this build does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no tier {0:?}; this build knows free, pro and scale")]
pub struct UnknownTier(String);
