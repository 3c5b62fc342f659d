//! The three words in which a dependency and a whole service speak of themselves.

use serde::{Deserialize, Serialize};

/// How a dependency, or a service as a whole, is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All well.
    Ok,
    /// Not as it should be, and yet no reason to stop sending requests here.
    Degraded,
    /// Not usable.
    Failed,
}

impl Status {
    /// Every status, from best to worst.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Degraded, Self::Failed];

    /// The word that stands in the envelope and in labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        }
    }

    /// What one dependency's status, given its criticality, makes of the service.
    #[must_use]
    pub const fn for_service(self, criticality: Criticality) -> Self {
        match (self, criticality) {
            (Self::Ok, _) => Self::Ok,
            (Self::Failed, Criticality::Critical) => Self::Failed,
            _ => Self::Degraded,
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a dependency's failure takes the service out of rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criticality {
    /// Its failure makes the service `failed`: HTTP 503.
    Critical,
    /// Its failure leaves the service `degraded`: HTTP 200.
    NonCritical,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_critical_failure_takes_the_service_out_of_rotation() {
        use Criticality::{Critical, NonCritical};
        let table = [
            (Status::Ok, Critical, Status::Ok),
            (Status::Ok, NonCritical, Status::Ok),
            (Status::Degraded, Critical, Status::Degraded),
            (Status::Degraded, NonCritical, Status::Degraded),
            (Status::Failed, Critical, Status::Failed),
            (Status::Failed, NonCritical, Status::Degraded),
        ];
        for (status, criticality, service) in table {
            assert_eq!(status.for_service(criticality), service, "{status} {criticality:?}");
        }
    }
}
