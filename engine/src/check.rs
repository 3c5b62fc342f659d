//! A check: one assertion about one failure mode, and what the engine must know to run it.

use crate::{Cx, Judgement};
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How common the promise is that a check guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A promise that any such system makes.
    Baseline,
    /// A stricter law of ours.
    Beyond,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Baseline => "baseline",
            Self::Beyond => "beyond",
        })
    }
}

/// What a check needs of its surroundings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String", extend("pattern" = "^(files|services|database|wires|disposable|cluster|tool:.+)$"))]
pub enum Need {
    /// Files of the target: starts nothing.
    Files,
    /// Services that answer.
    Services,
    /// The target's database, read directly.
    Database,
    /// Connections that Sabot sits on.
    Wires,
    /// A target that may be written to and broken.
    Disposable,
    /// A Kubernetes cluster.
    Cluster,
    /// An external program on the `PATH`.
    Tool(Cow<'static, str>),
}

impl Need {
    /// Every need that is one word.
    pub(crate) const WORDS: [&str; 6] = ["files", "services", "database", "wires", "disposable", "cluster"];
}

/// A need that no one knows.
#[derive(Debug, thiserror::Error)]
#[error("unknown need `{0}`; needs are files, services, database, wires, disposable, cluster and tool:NAME")]
pub struct UnknownNeed(String);

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files => f.pad("files"),
            Self::Services => f.pad("services"),
            Self::Database => f.pad("database"),
            Self::Wires => f.pad("wires"),
            Self::Disposable => f.pad("disposable"),
            Self::Cluster => f.pad("cluster"),
            Self::Tool(name) => write!(f, "tool:{name}"),
        }
    }
}

impl From<Need> for String {
    fn from(need: Need) -> Self {
        need.to_string()
    }
}

impl FromStr for Need {
    type Err = UnknownNeed;

    fn from_str(text: &str) -> Result<Self, UnknownNeed> {
        Ok(match text {
            "files" => Self::Files,
            "services" => Self::Services,
            "database" => Self::Database,
            "wires" => Self::Wires,
            "disposable" => Self::Disposable,
            "cluster" => Self::Cluster,
            other => match other.strip_prefix("tool:").filter(|name| !name.is_empty()) {
                Some(name) => Self::Tool(Cow::Owned(name.to_owned())),
                None => return Err(UnknownNeed(other.to_owned())),
            },
        })
    }
}

impl TryFrom<String> for Need {
    type Error = UnknownNeed;

    fn try_from(text: String) -> Result<Self, UnknownNeed> {
        text.parse()
    }
}

/// What else may run beside a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// A lane of its own while it runs; other lanes go on.
    Lane,
    /// Nothing else at all: it measures time.
    Alone,
    /// A lane that nothing else will use before it is remade or closed, and every one of them: it looks at what the
    /// others have left there. Under a sabotage, and chosen alone, it runs like any other.
    Last,
}

/// One assertion about one failure mode, on a lane of type `L`.
pub struct Check<L: 'static> {
    /// Dotted: `track.name`.
    pub id: &'static str,
    /// How common the promise is.
    pub level: Level,
    /// One sentence: what breaks in production where the check is missing.
    pub failure_mode: &'static str,
    /// What is asserted, and on what.
    pub asserts: &'static str,
    /// What to do when it is red, where a finding does not say it better.
    pub remedy: &'static str,
    /// What it needs; where something is missing it is `skipped`.
    pub needs: &'static [Need],
    /// The registry that it walks, if it does: an entry added there alone turns it red.
    pub walks: Option<&'static str>,
    /// What may run beside it.
    pub sharing: Sharing,
    /// The longest that its own assertions wait; the engine's limit is three times that and more.
    pub deadline: Duration,
    /// Why no sabotage of cause can be put on, where none can.
    pub no_cause: Option<&'static str>,
    /// The assertion.
    pub judge: for<'a> fn(&'a Cx<'a, L>) -> BoxFuture<'a, Judgement>,
}

impl<L> Check<L> {
    /// The first part of the id.
    pub fn track(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }

    /// The engine's time limit: at least three times the check's own deadline, so that a deadline missed is the
    /// check's own finding and never the engine's.
    pub fn limit(&self) -> Duration {
        self.deadline * 3 + Duration::from_secs(5)
    }
}

impl<L> fmt::Debug for Check<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_read_as_they_print() {
        for text in ["files", "services", "database", "wires", "disposable", "cluster", "tool:mongodump"] {
            assert_eq!(text.parse::<Need>().unwrap().to_string(), text);
        }
        assert!("tool:".parse::<Need>().is_err());
        assert!("wire".parse::<Need>().unwrap_err().to_string().contains("`wire`"));
    }
}
