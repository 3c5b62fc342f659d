//! A credential: never printed, and given by environment, by file, or (where nobody else can look) by flag.

use std::fmt;
use std::path::Path;

use super::Problems;

/// A credential. Its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The credential itself, for the one place that sends or compares it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The credential from its value or its file; `None` when neither is given, or with a problem noted.
pub(super) fn given(
    problems: &mut Problems,
    flag: &'static str,
    value: Option<&str>,
    file: Option<&Path>,
) -> Option<Secret> {
    let value = value.map(str::trim).filter(|value| !value.is_empty());
    match (value, file.filter(|file| !file.as_os_str().is_empty())) {
        (Some(_), Some(_)) => {
            problems.add(flag, "is given both by value and by file", "give one of them");
            None
        }
        (Some(value), None) => Some(Secret::new(value)),
        (None, Some(file)) => match std::fs::read_to_string(file) {
            Ok(contents) if !contents.trim().is_empty() => Some(Secret::new(contents.trim())),
            Ok(_) => {
                problems.add(
                    flag,
                    format!("the file {} is empty", file.display()),
                    "put the credential into it",
                );
                None
            }
            Err(error) => {
                let what = format!("the file {} cannot be read: {error}", file.display());
                problems.add(flag, what, "give a file that this process may read");
                None
            }
        },
        (None, None) => None,
    }
}

/// A token of our own making, which may not be missing or short.
pub(super) fn token(
    problems: &mut Problems,
    flag: &'static str,
    value: Option<&str>,
    file: Option<&Path>,
) -> Option<Secret> {
    const MIN_CHARS: usize = 16;
    let remedy =
        format!("give one of at least {MIN_CHARS} characters, such as the output of `openssl rand -hex 32`");
    let missing = value.is_none_or(|value| value.trim().is_empty()) && file.is_none();
    if missing {
        problems.add(flag, "is not given", remedy);
        return None;
    }
    let secret = given(problems, flag, value, file)?;
    let (length, plain) =
        (secret.expose().chars().count(), secret.expose().chars().all(|c| c.is_ascii_graphic()));
    if length < MIN_CHARS {
        problems.add(flag, format!("has only {length} characters"), remedy);
        return None;
    }
    if !plain {
        problems.add(
            flag,
            "has characters that no HTTP header can carry",
            "use printable ASCII without spaces",
        );
        return None;
    }
    Some(secret)
}
