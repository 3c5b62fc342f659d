//! The parts of a delivery that a target may do without.

use super::Delivery;
use crate::description::Target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A part of a delivery that a target may do without: what is asked of it is not asked then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What sends email for rows of the audit log.
    Forwarder,
    /// The row that says how far the forwarder has read; none is there without a forwarder.
    Cursor,
    /// The audit log, in which refused calls of the webhook stand too.
    Audit,
    /// The stored events.
    Events,
    /// The list of messages that were accepted and never heard of again.
    Overdue,
    /// What is counted.
    Metrics,
    /// The list in which the target itself says which events it handles.
    Declared,
    /// Arrays of events: each request holds one.
    Batch,
    /// The limit of an event's size.
    EventLimit,
    /// The time after which to come again, in the answers that ask for an event once more.
    RetryAfter,
    /// A lock that a writer of a message's row takes before it reads: its statements need none.
    Lock,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 11] = [
        Self::Forwarder,
        Self::Cursor,
        Self::Audit,
        Self::Events,
        Self::Overdue,
        Self::Metrics,
        Self::Declared,
        Self::Batch,
        Self::EventLimit,
        Self::RetryAfter,
        Self::Lock,
    ];

    /// As `without` has it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Forwarder => "forwarder",
            Self::Cursor => "cursor",
            Self::Audit => "audit",
            Self::Events => "events",
            Self::Overdue => "overdue",
            Self::Metrics => "metrics",
            Self::Declared => "declared",
            Self::Batch => "batch",
            Self::EventLimit => "event_limit",
            Self::RetryAfter => "retry_after",
            Self::Lock => "lock",
        }
    }
}

/// As one says what is not there: "no forwarder".
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forwarder => "forwarder",
            Self::Cursor => "cursor",
            Self::Audit => "audit log",
            Self::Events => "stored events",
            Self::Overdue => "list of overdue messages",
            Self::Metrics => "metrics",
            Self::Declared => "list of declared events",
            Self::Batch => "arrays of events",
            Self::EventLimit => "limit of an event's size",
            Self::RetryAfter => "time after which to come again",
            Self::Lock => "lock of a message's row",
        })
    }
}

impl Delivery {
    /// Whether it has `part`.
    pub fn has(&self, part: Part) -> bool {
        let follows = part != Part::Cursor || self.has(Part::Forwarder);
        follows && !self.without.contains(&part)
    }
}

impl Target {
    /// Why nothing is asked of `part` of its delivery, where it does without.
    pub fn delivery_lacks(&self, part: Part) -> Option<String> {
        let file = self.file.as_ref().and_then(|file| file.file_name());
        let teller = file.map_or(self.name.as_str().into(), |name| name.to_string_lossy());
        (!self.delivery.has(part)).then(|| format!("{teller} says that delivery has no {part}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn each_part_is_written_as_it_is_read() {
        for part in Part::ALL {
            assert_eq!(serde_json::to_value(part).unwrap(), part.key());
        }
        let schema = schemars::schema_for!(Part).to_value();
        assert_eq!(schema["oneOf"].as_array().unwrap().len(), Part::ALL.len(), "all of them are there");
    }

    #[test]
    fn the_embedded_platform_has_every_part() {
        for part in Part::ALL {
            assert_eq!(Target::embedded().delivery_lacks(part), None, "{part}");
        }
    }

    #[test]
    fn what_is_left_out_is_told_with_who_says_so() {
        let mut target = Target::embedded();
        target.delivery.without = vec![Part::Forwarder];
        target.file = Some(PathBuf::from("/somewhere/sabot.toml"));
        let told = target.delivery_lacks(Part::Forwarder).unwrap();
        assert_eq!(told, "sabot.toml says that delivery has no forwarder");
        assert!(target.delivery_lacks(Part::Cursor).is_some(), "nobody is there who could move it");
        assert_eq!(target.delivery_lacks(Part::Audit), None);
    }
}
