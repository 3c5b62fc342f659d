//! What a target promises about its kinds, in its own names: which there are, and who consumes each.
//!
//! What writes them is described elsewhere: the audit log, the ledger and what sends email by
//! [`Delivery`](crate::Delivery), the changes that are audited and the kinds that the queue admits by
//! [`Propagation`](crate::Propagation). Paths are absolute, or relative to what the target was installed from.

use crate::description::forms::{duration, texts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The kinds of a target's audit log.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Contract {
    /// Where its sources declare kinds.
    pub declared: Vec<Source>,
    /// The registry: a JSON or YAML document that says of each kind who consumes it.
    pub registry: String,
    /// What the patterns of [`declared`](Self::declared) find and is no kind.
    pub ignored: Vec<Ignored>,
    /// What an email shows of an event.
    pub shown: Shown,
    /// After how long a row of the ledger must be classified.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub classified_within: Duration,
    /// What makes a team by the target's own means, where there is such a request.
    pub founding: Option<Founding>,
}

impl Contract {
    /// The files and folders that it names.
    pub(crate) fn files(&self) -> impl Iterator<Item = &String> {
        self.declared
            .iter()
            .flat_map(|source| &source.files)
            .chain([&self.registry])
            .filter(|file| !file.is_empty())
    }
}

/// Where the target's sources declare kinds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What these are called.
    pub what: String,
    /// Files, and folders of which every file counts, at any depth, that ends so.
    pub files: Vec<String>,
    /// The ends of those that count in a folder, without the dot.
    #[serde(default)]
    pub extensions: Vec<String>,
    /// The pattern of a constant: its group `name`, else its first group, is the kind. `^` and `$` mark the ends of
    /// lines; lines that are comments are passed over.
    pub pattern: String,
}

/// A constant that is no kind.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ignored {
    /// What the pattern finds.
    pub kind: String,
    /// Why it is none.
    pub reason: String,
}

/// What an email shows of an event: places in a request to the provider, each a JSON pointer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shown {
    /// The subject.
    pub subject: String,
    /// Each form of the content, such as HTML and plain text; the recipient reads one of those that are there.
    pub bodies: Vec<String>,
    /// Texts that show that something was not filled in.
    pub placeholders: Vec<String>,
}

/// The request that makes a team: a `POST` of a JSON object with a bearer token.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Founding {
    /// The service that takes it.
    pub service: String,
    /// The lane's credential that is its bearer token.
    pub credential: String,
    /// The path.
    pub path: String,
    /// The field of the body with the team's name.
    pub name: String,
    /// The field of the answer with the team's id.
    pub id: String,
}

impl Default for Contract {
    fn default() -> Self {
        Self {
            declared: Vec::new(),
            registry: String::new(),
            ignored: Vec::new(),
            shown: Shown::default(),
            classified_within: Duration::from_secs(5 * 60),
            founding: None,
        }
    }
}

impl Default for Shown {
    fn default() -> Self {
        let placeholders = ["{{", "}}", "${", "<%", "undefined", "null", "None", "NaN", "[object Object]"];
        Self {
            subject: "/subject".into(),
            bodies: texts(&["/htmlContent", "/textContent"]),
            placeholders: texts(&placeholders),
        }
    }
}

impl Default for Founding {
    fn default() -> Self {
        Self {
            service: "api".into(),
            credential: "api_token".into(),
            path: "/teams".into(),
            name: "name".into(),
            id: "id".into(),
        }
    }
}
