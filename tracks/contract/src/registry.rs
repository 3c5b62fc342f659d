//! The registry: of every kind, who consumes it.

use serde::{Deserialize, Serialize};

/// Every kind with its consumers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// One entry for each kind.
    pub kinds: Vec<Entry>,
}

/// A kind and who consumes it: at least one of the consumers, or nobody with a reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The kind's name.
    pub kind: String,
    /// The email that somebody is sent, if any is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// The kind of propagation that follows from it, if any does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagation: Option<String>,
    /// Whether the ledger tells what became of it.
    #[serde(default)]
    pub ledger: bool,
    /// Why nobody consumes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nobody: Option<String>,
}

/// An email.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// The fields of the event's payload that its template names.
    #[serde(default)]
    pub fields: Vec<String>,
}
