//! Upstreams that Sabot answers for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An upstream that Sabot answers for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StandIn {
    /// By canned answers.
    Answers(Vec<Answer>),
    /// By the simulator of Brevo; a lane has at most one.
    Brevo(BrevoAccount),
}

/// What a stand-in answers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// To requests for this path.
    pub path: String,
    /// The status.
    pub status: u16,
    /// The JSON body.
    pub body: String,
}

impl Default for Answer {
    fn default() -> Self {
        Self { path: "/".into(), status: 200, body: "{}".into() }
    }
}

/// The target's account with Brevo.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrevoAccount {
    /// The secret that is its API key.
    pub key: String,
    /// The service that its webhook leads to, over the wire in front of it.
    pub service: String,
    /// The path of the webhook there; it may hold `{secret:NAME}`.
    pub path: String,
}
