//! What credentials look like, whoever they belong to.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexSet};

/// Each shape; where it has a group, the group is the credential, else the whole of it is.
const SHAPES: &[&str] = &[
    // The user part of a URL: a password, or a token in the place of the user.
    r#"://([^\s"'<>]+)@"#,
    // key=value, key: value, "key":"value".
    r#"(?i)(?:password|passwd|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key)["']?\s*[=:]\s*["']?([^\s"'&,;)}]+)"#,
    // Authorization headers.
    r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{8,})",
    // JSON Web Tokens.
    r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?",
    // PEM private keys, whole or cut.
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
    // Brevo, SendGrid, Postmark's and Mailgun's kin by their prefixes.
    r"\bx(?:keysib|smtpsib)-[A-Za-z0-9-]{8,}",
    r"\bSG\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
    r"\bkey-[0-9a-z]{16,}",
    // AWS, Google, GitHub, GitLab, Slack, Stripe, New Relic, npm, PyPI.
    r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}",
    r"\bAIza[0-9A-Za-z_-]{20,}",
    r"\bgh[pousr]_[A-Za-z0-9]{16,}",
    r"\bgithub_pat_[A-Za-z0-9_]{16,}",
    r"\bglpat-[A-Za-z0-9_-]{16,}",
    r"\bxox[abeprs]-[A-Za-z0-9-]{8,}",
    r"\b(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}",
    r"\bNR(?:AK|JS|RA|II)-[A-Za-z0-9-]{8,}",
    r"\bnpm_[A-Za-z0-9]{16,}",
    r"\bpypi-[A-Za-z0-9_-]{16,}",
];

static COMPILED: LazyLock<Vec<Regex>> =
    LazyLock::new(|| SHAPES.iter().map(|shape| compiled(shape)).collect());

/// Says in one pass which shapes are there at all: in nearly every text none is.
static PRESENT: LazyLock<RegexSet> = LazyLock::new(|| RegexSet::new(SHAPES).expect(CONSTANT));

static HEX: LazyLock<Regex> = LazyLock::new(|| compiled("[0-9A-Fa-f]{20,}"));

const CONSTANT: &str = "a shape is a constant, and any use of it in a test compiles it";

fn compiled(shape: &str) -> Regex {
    Regex::new(shape).expect(CONSTANT)
}

/// Where anything of a known shape stands.
pub(super) fn credentials(text: &str) -> Vec<Range<usize>> {
    PRESENT
        .matches(text)
        .into_iter()
        .flat_map(|shape| COMPILED[shape].captures_iter(text))
        .filter_map(|found| found.get(1).or_else(|| found.get(0)))
        .map(|found| found.range())
        .collect()
}

/// Where twenty or more hexadecimal digits stand in a row.
pub(super) fn hex_runs(text: &str) -> impl Iterator<Item = Range<usize>> {
    HEX.find_iter(text).map(|found| found.range())
}
