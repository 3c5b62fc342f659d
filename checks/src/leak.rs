//! Leak detection: known credentials in every form, known shapes of tokens, long runs of hex digits.

use regex::Regex;
use sabot_engine::spellings;
use std::collections::{BTreeMap, BTreeSet};

/// So much of a credential, in one piece, is taken for a leak of it; one that is shorter can't be looked for.
pub(crate) const PIECE: usize = 12;

/// So many hex digits in a row are taken for a secret.
const HEX_RUN: usize = 20;

/// Known shapes of tokens: name and expression.
const SHAPES: &[(&str, &str)] = &[
    ("a connection string with a password", r"\b[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@"),
    ("a JSON web token", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    ("a Brevo API key", r"\bxkeysib-[0-9a-f]{16,}"),
    ("an AWS access key id", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{20,}"),
    ("a Slack token", r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    ("a New Relic key", r"\bNRAK-[A-Z0-9]{20,}"),
    ("a Stripe key", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}"),
    ("a bearer token", r"(?i)\bbearer [A-Za-z0-9._~+/-]{16,}"),
];

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the value of this header.
    Header(String),
    /// In the body, from this byte on.
    Body(usize),
}

/// A leak: what kind of thing, never the thing itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leak {
    pub(crate) what: String,
    pub(crate) place: Place,
}

/// What is looked for.
#[derive(Debug)]
pub(crate) struct Canaries {
    /// Pieces of each credential, by the form in which they stand.
    pieces: BTreeMap<String, BTreeSet<Vec<u8>>>,
    shapes: Vec<(&'static str, Regex)>,
    exempt: Vec<Regex>,
}

impl Canaries {
    /// Looks for `secrets`; the values of the JSON fields `exempt` may hold long runs of hex digits.
    pub(crate) fn new(secrets: &[String], exempt: &[String]) -> Self {
        let mut pieces: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for (spelling, form) in secrets.iter().flat_map(|secret| spellings(secret)) {
            pieces
                .entry(spelling.to_string())
                .or_default()
                .extend(form.as_bytes().windows(PIECE).map(<[u8]>::to_vec));
        }
        let compile = |expression: &str| Regex::new(expression).ok();
        Self {
            pieces,
            shapes: SHAPES.iter().filter_map(|(name, shape)| Some((*name, compile(shape)?))).collect(),
            exempt: exempt
                .iter()
                .filter_map(|field| compile(&format!(r#""{}"\s*:\s*"[^"]*""#, regex::escape(field))))
                .collect(),
        }
    }

    /// Everything found in one answer, each kind once in each place.
    pub(crate) fn leaks(&self, headers: &[(String, String)], body: &str) -> Vec<Leak> {
        let mut leaks = Vec::new();
        for (name, value) in headers {
            for (what, _) in self.find(value) {
                leaks.push(Leak { what, place: Place::Header(name.clone()) });
            }
        }
        let found = self.find(body).into_iter().chain(self.hex_run(body));
        leaks.extend(found.map(|(what, at)| Leak { what, place: Place::Body(at) }));
        leaks
    }

    fn find(&self, text: &str) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        for (what, pieces) in &self.pieces {
            // Sorted pieces: each window of the text is looked up once, whatever the number of credentials.
            let at = text.as_bytes().windows(PIECE).position(|window| pieces.contains(window));
            found.extend(at.map(|at| (what.clone(), at)));
        }
        for (what, shape) in &self.shapes {
            found.extend(shape.find(text).map(|found| ((*what).to_owned(), found.start())));
        }
        found
    }

    fn hex_run(&self, body: &str) -> Option<(String, usize)> {
        let spare: Vec<_> =
            self.exempt.iter().flat_map(|field| field.find_iter(body)).map(|found| found.range()).collect();
        let mut run = 0;
        for (at, byte) in body.bytes().enumerate() {
            let counts = byte.is_ascii_hexdigit() && !spare.iter().any(|range| range.contains(&at));
            run = if counts { run + 1 } else { 0 };
            if run == HEX_RUN {
                return Some((format!("{HEX_RUN} or more hex digits in a row"), at + 1 - HEX_RUN));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;

    const SECRET: &str = "xK9/mQ2+pL7wR4tY8v";

    fn leaks(body: &str) -> Vec<String> {
        let canaries = Canaries::new(&[SECRET.into()], &["commit_id".into()]);
        canaries.leaks(&[], body).into_iter().map(|leak| leak.what).collect()
    }

    #[test]
    fn a_credential_is_found_in_every_form_and_in_part() {
        assert_eq!(leaks(&format!("error: {SECRET}!")), ["a credential"]);
        assert_eq!(leaks(&format!("cut: {}", &SECRET[..14])), ["a credential"]);
        assert_eq!(leaks("q=xK9%2FmQ2%2BpL7wR4tY8v"), ["a credential, URL-encoded"]);
        for before in ["", "a", "ab", "user:"] {
            let encoded = STANDARD_NO_PAD.encode(format!("{before}{SECRET}"));
            assert_eq!(leaks(&encoded), ["a credential, in base64"], "{before}");
        }
    }

    #[test]
    fn shapes_and_runs_are_found_and_the_commit_is_spared() {
        assert_eq!(leaks("postgres://app:hunter2@db/app"), ["a connection string with a password"]);
        assert_eq!(leaks("0123456789abcdef0123"), ["20 or more hex digits in a row"]);
        let commit = r#"{"commit_id":"0123456789abcdef0123456789abcdef01234567","x":"0123456789abcdef012"}"#;
        assert!(leaks(commit).is_empty());
        assert!(leaks("timeout after 250 ms at 2026-05-20T12:00:00Z").is_empty());
    }

    #[test]
    fn a_header_is_named_and_its_value_is_not() {
        let canaries = Canaries::new(&[SECRET.into()], &[]);
        let leaks = canaries.leaks(&[("x-debug".into(), SECRET.into())], "");
        assert_eq!(leaks, [Leak { what: "a credential".into(), place: Place::Header("x-debug".into()) }]);
    }

    #[test]
    fn every_shape_compiles() {
        assert_eq!(Canaries::new(&[], &[]).shapes.len(), SHAPES.len());
    }
}
