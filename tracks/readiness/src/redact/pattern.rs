//! One registered secret in one form, and how it is found in a text.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A secret's beginning of this length gives it away at the end of a text that somebody else has cut.
const TELLING_PREFIX: usize = 8;

/// Shorter pieces of base64 would be found everywhere.
const MIN_BASE64: usize = 4;

/// One form of one secret, as bytes to be found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pattern {
    bytes: Vec<u8>,
    /// Whether a find stretches to the whole run of base64 around it.
    base64: bool,
}

impl Pattern {
    /// Adds every span of `text` that holds this secret.
    pub(super) fn find_in(&self, text: &str, spans: &mut Vec<Range<usize>>) {
        let text = text.as_bytes();
        for start in 0..text.len() {
            if let Some(end) = self.match_at(text, start) {
                spans.push(if self.base64 { base64_run(text, start..end) } else { start..end });
            }
        }
    }

    /// Where the secret that starts at `start` ends, each of its bytes plain or encoded.
    fn match_at(&self, text: &[u8], start: usize) -> Option<usize> {
        // Nearly every place ends here, so that it costs no allocation.
        if steps(text, start, *self.bytes.first()?) == [None, None] {
            return None;
        }
        // More than one place at a time only where the text can be read both ways, as `\\\\` and `%25` can.
        let mut ends = vec![start];
        for (matched, byte) in self.bytes.iter().enumerate() {
            if matched >= TELLING_PREFIX && ends.contains(&text.len()) {
                return Some(text.len());
            }
            let mut next: Vec<_> = ends.iter().flat_map(|end| steps(text, *end, *byte)).flatten().collect();
            next.sort_unstable();
            next.dedup();
            ends = next;
            if ends.is_empty() {
                return None;
            }
        }
        ends.last().copied()
    }
}

/// Where `byte` ends if it stands at `at`: as itself, and encoded.
fn steps(text: &[u8], at: usize, byte: u8) -> [Option<usize>; 2] {
    let rest = text.get(at..).unwrap_or_default();
    let plain = match rest {
        [first, ..] if *first == byte || (*first == b'+' && byte == b' ') => Some(at + 1),
        _ => None,
    };
    let encoded = match rest {
        [b'%', high, low, ..] if hex_pair(*high, *low) == Some(byte) => Some(at + 3),
        [b'\\', escaped, ..] if unescaped(*escaped) == Some(byte) => Some(at + 2),
        [b'\\', b'u', b'0', b'0', high, low, ..] if hex_pair(*high, *low) == Some(byte) => Some(at + 6),
        _ => None,
    };
    [plain, encoded]
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// What a backslash and this byte stand for in a quoted string.
fn unescaped(byte: u8) -> Option<u8> {
    Some(match byte {
        b'"' | b'\\' | b'/' | b'\'' => byte,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'0' => 0,
        _ => return None,
    })
}

/// The whole run of base64 around a find: its edges hold bits of the secret too.
fn base64_run(text: &[u8], found: Range<usize>) -> Range<usize> {
    let in_run = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let before = text[..found.start].iter().rev().take_while(|byte| in_run(byte)).count();
    let after = text[found.end..].iter().take_while(|byte| in_run(byte) || **byte == b'=').count();
    found.start - before..found.end + after
}

/// Every form in which `secret` is looked for (those that [`Pattern::match_at`] cannot derive by itself).
pub(super) fn forms_of(secret: &str, patterns: &mut Vec<Pattern>) {
    let bytes = secret.as_bytes();
    if bytes.is_empty() {
        return;
    }
    let lower: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let upper = lower.to_uppercase();
    for plain in [bytes.to_vec(), lower.into_bytes(), upper.into_bytes()] {
        patterns.push(Pattern { bytes: plain, base64: false });
    }
    for offset in 0..3 {
        let mut shifted = vec![0; offset];
        shifted.extend_from_slice(bytes);
        // The characters that hold nothing but bits of the secret, whatever stands before and behind it.
        let stable = (offset * 8).div_ceil(6)..shifted.len() * 8 / 6;
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            if let Some(piece) = encoded.get(stable.clone()).filter(|piece| piece.len() >= MIN_BASE64) {
                patterns.push(Pattern { bytes: piece.as_bytes().to_vec(), base64: true });
            }
        }
    }
}

/// The secret, and the passwords within it if it is a connection string, as written and decoded.
pub(super) fn with_passwords(secret: &str) -> Vec<String> {
    let mut found = vec![secret.to_owned()];
    let user = secret.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(user, _)| user);
    found.extend(user.and_then(|user| user.split_once(':')).map(|(_, password)| password.to_owned()));
    if let Some((_, rest)) = secret.split_once("password=") {
        let value = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split('\'').next(),
            None => rest.split(|c: char| c == '&' || c.is_whitespace()).next(),
        };
        found.extend(value.map(ToOwned::to_owned));
    }
    let decoded: Vec<_> = found.iter().skip(1).filter_map(|password| percent_decoded(password)).collect();
    found.extend(decoded);
    found
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                out.push(hex_pair(*high, *low)?);
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(out).ok()
}
