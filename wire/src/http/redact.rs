//! Secrets, taken out of what is shown.

const MARK: &[u8] = b"[redacted]";

/// The shortest piece of a secret, in bytes, that is taken out where a body was cut within it.
const PIECE: usize = 4;

/// Values that no record shows, as they are and percent-encoded.
#[derive(Debug, Clone, Default)]
pub(super) struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// Adds values; empty ones are passed over.
    pub(super) fn add(&mut self, values: impl IntoIterator<Item = String>) {
        for value in values {
            let encoded = percent_encoded(&value);
            for form in [value.into_bytes(), encoded] {
                if !form.is_empty() && !self.0.contains(&form) {
                    self.0.push(form);
                }
            }
        }
        // A secret within a longer one must not leave the rest of the longer one standing.
        self.0.sort_by_key(|value| std::cmp::Reverse(value.len()));
    }

    /// `bytes` without any secret; where `cut`, also without one that begins at their end.
    pub(super) fn redact(&self, bytes: &[u8], cut: bool) -> Vec<u8> {
        let mut shown = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            // The longer secret that was cut comes before a shorter one within it, for the same reason.
            if cut && self.0.iter().any(|secret| rest.len() >= PIECE && secret.starts_with(rest)) {
                shown.extend_from_slice(MARK);
                break;
            }
            if let Some(secret) = self.0.iter().find(|secret| rest.starts_with(secret)) {
                shown.extend_from_slice(MARK);
                rest = &rest[secret.len()..];
            } else {
                shown.push(*first);
                rest = &rest[1..];
            }
        }
        shown
    }

    pub(super) fn redact_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.redact(text.as_bytes(), false)).into_owned()
    }
}

/// All but the unreserved characters (RFC 3986, section 2.3) encoded.
fn percent_encoded(value: &str) -> Vec<u8> {
    let mut encoded = Vec::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte);
        } else {
            encoded.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_whole_encoded_and_cut_in_half() {
        let mut secrets = Secrets::default();
        secrets.add(["p&ss word".to_owned(), "p&ss".to_owned(), String::new()]);
        assert_eq!(secrets.redact(b"a p&ss word b", false), b"a [redacted] b");
        assert_eq!(secrets.redact(b"?k=p%26ss%20word&x", false), b"?k=[redacted]&x");
        assert_eq!(secrets.redact(b"a p&s", true), b"a p&s", "too short a piece to be telling");
        assert_eq!(secrets.redact(b"a p%26ss%20", true), b"a [redacted]");
        assert_eq!(secrets.redact(b"a p&ss wo", false), b"a [redacted] wo");
    }
}
