//! The secrets in the webhook's path.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// Fewest characters of a secret.
pub const MIN_SECRET_CHARS: usize = 16;

/// The secrets that are valid now: one, or two while one replaces the other. Only digests of them are kept.
#[derive(Clone)]
pub struct Secrets(Vec<[u8; 32]>);

impl Secrets {
    /// Takes the valid ones.
    ///
    /// # Errors
    /// When there is none, or one is too short to be one.
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Result<Self, SecretError> {
        let digested = secrets.into_iter().map(|secret| {
            let secret = secret.as_ref();
            let chars = secret.trim().chars().count();
            if chars < MIN_SECRET_CHARS { Err(SecretError::Short { chars }) } else { Ok(digest(secret)) }
        });
        let secrets: Vec<_> = digested.collect::<Result<_, _>>()?;
        if secrets.is_empty() { Err(SecretError::None) } else { Ok(Self(secrets)) }
    }

    /// Whether it is one of them. Digests are compared, every one and whole, so that the time taken tells neither how
    /// much of a guess is right, nor its length, nor which of the secrets it is.
    #[must_use]
    pub fn admit(&self, presented: &str) -> bool {
        let presented = digest(presented);
        let any = self.0.iter().fold(Choice::from(0), |any, secret| any | secret.ct_eq(&presented));
        any.into()
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} of them)", self.0.len())
    }
}

/// Why a webhook cannot be opened to whoever comes with these secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Anybody could report a delivery.
    #[error("no secret is given; give one of at least {MIN_SECRET_CHARS} characters")]
    None,
    /// Anybody could guess it.
    #[error("a secret has only {chars} characters; give one of at least {MIN_SECRET_CHARS}")]
    Short {
        /// How many it has.
        chars: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_secrets_are_admitted_and_nothing_near_them() {
        let secrets = Secrets::new(["0123456789abcdef", "fedcba9876543210-previous"]).unwrap();
        assert!(secrets.admit("0123456789abcdef") && secrets.admit("fedcba9876543210-previous"));
        for wrong in [
            "",
            "0123456789abcde",
            "0123456789abcdef0",
            "0123456789ABCDEF",
            "123456789abcdef",
            " 0123456789abcdef",
        ] {
            assert!(!secrets.admit(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_empty_or_short_secret_opens_nothing() {
        assert_eq!(Secrets::new([""; 0]).unwrap_err(), SecretError::None);
        assert_eq!(Secrets::new([""]).unwrap_err(), SecretError::Short { chars: 0 });
        assert_eq!(Secrets::new(["                      "]).unwrap_err(), SecretError::Short { chars: 0 });
        assert_eq!(Secrets::new(["0123456789abcdef", "short"]).unwrap_err(), SecretError::Short { chars: 5 });
    }
}
