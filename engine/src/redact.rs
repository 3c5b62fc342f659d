//! Redaction: no registered secret reaches a record, a report or the terminal, in whatever form it appears.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::{Arc, PoisonError, RwLock};

/// What stands in place of a secret.
const MASK: &str = "[redacted]";

/// Shorter values would mask ordinary text.
const SHORTEST: usize = 6;

/// Every credential that Sabot knows of, shared by all that print.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Vec<String>>>);

impl Secrets {
    /// Registers `secret`; from now on no report shows it raw, URL-encoded or in base64. Values under six
    /// characters are left alone.
    pub fn register(&self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let mut forms = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for form in spellings(secret) {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        // The longest first, so that a part never breaks a whole.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// `text` with every registered secret masked.
    pub fn redact(&self, text: &str) -> String {
        let forms = self.0.read().unwrap_or_else(PoisonError::into_inner);
        forms.iter().fold(text.to_owned(), |text, form| {
            if text.contains(form.as_str()) { text.replace(form.as_str(), MASK) } else { text }
        })
    }

    /// A copy of `value` in which every string is redacted. What can't be represented as JSON comes back unchanged
    /// in meaning, which for our own record types is never the case.
    pub(crate) fn clean<T: Serialize + DeserializeOwned>(&self, value: T) -> T {
        let Ok(mut json) = serde_json::to_value(&value) else { return value };
        self.clean_json(&mut json);
        serde_json::from_value(json).unwrap_or(value)
    }

    fn clean_json(&self, json: &mut Value) {
        match json {
            Value::String(text) => *text = self.redact(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.clean_json(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.clean_json(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// The forms in which a secret may appear: raw, URL-encoded, and in base64 at each of the three alignments.
fn spellings(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), url_encoded(secret)];
    for shift in 0..3 {
        let mut bytes = vec![b'x'; shift];
        bytes.extend_from_slice(secret.as_bytes());
        for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            // The first and last digits mix with neighbouring bytes; the middle is the same wherever it stands.
            let start = (shift * 8).div_ceil(6);
            let end = bytes.len() * 8 / 6;
            let middle = &encoded[start..end];
            if middle.len() >= SHORTEST {
                forms.push(middle.to_owned());
            }
        }
    }
    forms
}

fn url_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "p4ss/w+rd&more";

    fn masked(text: &str) -> String {
        let secrets = Secrets::default();
        secrets.register(SECRET);
        secrets.redact(text)
    }

    #[test]
    fn a_secret_is_masked_raw_and_url_encoded() {
        assert_eq!(masked(&format!("dsn=//u:{SECRET}@h")), "dsn=//u:[redacted]@h");
        assert_eq!(masked("key=p4ss%2Fw%2Brd%26more;"), "key=[redacted];");
    }

    #[test]
    fn a_secret_is_masked_in_base64_wherever_it_stands() {
        for prefix in ["", "u:", "us:", "user:"] {
            let encoded = STANDARD_NO_PAD.encode(format!("{prefix}{SECRET}tail"));
            assert!(masked(&encoded).contains(MASK), "{prefix}");
        }
    }

    #[test]
    fn cleaning_reaches_every_string_of_a_value() {
        let secrets = Secrets::default();
        secrets.register(SECRET);
        let clean = secrets.clean(serde_json::json!({"a": [{"b": SECRET}], "n": 1}));
        assert_eq!(clean, serde_json::json!({"a": [{"b": MASK}], "n": 1}));
    }

    #[test]
    fn short_values_do_not_mask_ordinary_text() {
        let secrets = Secrets::default();
        secrets.register("api");
        assert_eq!(secrets.redact("api answers"), "api answers");
    }
}
