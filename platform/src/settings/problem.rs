//! What is wrong with the settings: all of it at once, each with its remedy.

use std::fmt;

/// One setting that cannot work. Its value is not shown: it may be a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{flag} ({env}): {what}; {remedy}", env = env_name(flag))]
pub struct Problem {
    /// The flag's name without its dashes.
    pub flag: &'static str,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub remedy: String,
}

/// The environment variable of a flag.
#[must_use]
pub(super) fn env_name(flag: &str) -> String {
    format!("SABOT_{}", flag.to_uppercase().replace('-', "_"))
}

/// Collects problems, so that an operator mends the settings once and not one by one.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes one.
    pub fn add(&mut self, flag: &'static str, what: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Problem { flag, what: what.into(), remedy: remedy.into() });
    }

    /// The value, or a note of why there is none.
    pub fn take<T>(&mut self, flag: &'static str, parsed: Result<T, String>, remedy: &str) -> Option<T> {
        parsed.map_err(|what| self.add(flag, what, remedy)).ok()
    }

    /// The settings if they are whole and nothing was noted.
    ///
    /// # Errors
    /// Everything that was noted.
    pub fn settle<T>(self, settings: Option<T>) -> Result<T, Self> {
        match settings {
            Some(settings) if self.0.is_empty() => Ok(settings),
            _ => Err(self),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| writeln!(f, "error: {problem}"))
    }
}
