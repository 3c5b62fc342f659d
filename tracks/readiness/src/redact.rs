//! Redaction: no credential leaves the process, in whatever form an error carries it.
//!
//! Everything that looks like a credential is found in the text as it came, the finds are merged, and only then is
//! the text rewritten and cut. Cutting first would leave the first half of a secret that no rule knows any more.

mod pattern;
mod shape;

use std::ops::Range;
use std::sync::Arc;

use pattern::Pattern;

/// How many characters of an error are shown.
pub const MAX_ERROR_CHARS: usize = 80;

/// What stands where a credential stood.
pub const REDACTED: &str = "[redacted]";

/// Knows the credentials that the service was started with, and what credentials in general look like.
///
/// A registered secret is found raw, URL-encoded (in whole or in part, `+` for a space included), with string
/// escapes, in base64 of either alphabet (padded or not, alone or within a longer encoded text such as
/// `user:password`) and in hexadecimal; and at the very end of a text even when only its beginning (eight
/// characters or more) is there. Besides, any user part of a URL, any `password=…` and the like, and well-known token
/// shapes go, registered or not.
///
/// ```
/// use sabot_readiness::Redactor;
///
/// let redactor = Redactor::new(["postgres://app:correct-horse@db/app"]);
/// assert_eq!(redactor.redact("login with correct%2Dhorse refused"), "login with [redacted] refused");
/// ```
#[derive(Clone, Default)]
pub struct Redactor {
    patterns: Arc<[Pattern]>,
}

impl Redactor {
    /// A redactor that knows these secrets. Surrounding white space and empty ones are ignored; of a URL or a
    /// `key=value` connection string the password is registered too, as written and decoded.
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let mut patterns = Vec::new();
        for secret in secrets {
            let secret = secret.as_ref().trim();
            for part in pattern::with_passwords(secret) {
                pattern::forms_of(&part, &mut patterns);
            }
        }
        patterns.sort();
        patterns.dedup();
        Self { patterns: patterns.into() }
    }

    /// The text without credentials, of any length. For logs.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        replace(text, self.credentials(text))
    }

    /// What may stand in `last_error`: without credentials, without runs of twenty or more hexadecimal digits, on
    /// one line, and only then cut to [`MAX_ERROR_CHARS`].
    #[must_use]
    pub fn error(&self, text: &str) -> String {
        let mut spans = self.credentials(text);
        spans.extend(shape::hex_runs(text));
        let redacted = replace(text, spans);
        redacted
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(MAX_ERROR_CHARS)
            .collect::<String>()
            .trim()
            .to_owned()
    }

    fn credentials(&self, text: &str) -> Vec<Range<usize>> {
        let mut spans = shape::credentials(text);
        for pattern in self.patterns.iter() {
            pattern.find_in(text, &mut spans);
        }
        spans
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("patterns", &self.patterns.len()).finish()
    }
}

/// Puts [`REDACTED`] in place of each run of overlapping spans.
fn replace(text: &str, mut spans: Vec<Range<usize>>) -> String {
    spans.sort_by_key(|span| span.start);
    let mut out = String::with_capacity(text.len());
    let mut shown = 0;
    for span in spans {
        if span.start >= shown && !span.is_empty() {
            out.push_str(&text[shown..span.start]);
            out.push_str(REDACTED);
        }
        shown = shown.max(span.end);
    }
    out.push_str(&text[shown..]);
    out
}

#[cfg(test)]
mod tests;
