//! The names that the provisioner makes, and so the only ones that it touches.

use serde::{Deserialize, Deserializer, de};

/// The name of a resource's database and role: `res_` and 1 to 40 of `a-z`, `0-9` and `_`.
///
/// The prefix keeps every other database of the server, such as `postgres`, out of reach of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceName(String);

impl ResourceName {
    /// Takes a name that fits.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("res_")?;
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        ((1..=40).contains(&rest.len()) && rest.chars().all(allowed)).then(|| Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for ResourceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text)
            .ok_or_else(|| de::Error::custom("a resource is named res_ and 1 to 40 of a-z, 0-9 and _"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_our_own_making_fit() {
        for name in ["res_1", "res_a_b", "res_0123456789012345678901234567890123456789"] {
            assert!(ResourceName::new(name).is_some(), "{name}");
        }
        for name in ["", "res_", "postgres", "RES_1", "res_A", "res_1;--", "res_\"x", "res_é", "res_1 "] {
            assert!(ResourceName::new(name).is_none(), "{name}");
        }
        assert!(ResourceName::new(&format!("res_{}", "a".repeat(41))).is_none());
    }
}
