//! Redaction: no registered secret reaches a record, a report or the terminal, in whatever form it appears.

mod clean;

pub(crate) use clean::Clean;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

/// What stands in place of a secret.
const MASK: &str = "[redacted]";

/// Shorter values would mask ordinary text.
const SHORTEST: usize = 6;

/// So many bytes of a secret in a row, in any spelling, are masked too; a shorter secret is masked as a whole only.
const PIECE: usize = 12;

/// Every credential that Sabot knows of, shared by all that print.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Forms>>);

/// What is looked for in a text.
#[derive(Default)]
struct Forms {
    /// Spellings of secrets shorter than a piece.
    wholes: Vec<String>,
    /// Every piece of every spelling of the others.
    pieces: HashSet<[u8; PIECE]>,
    /// Which beginnings pieces have, by [`gate`]: spares nearly every window of a text the look into the set.
    gates: Vec<bool>,
}

impl Secrets {
    /// Registers `secret`; from now on no report shows it, or twelve bytes of it in a row, raw, URL-encoded or in
    /// base64. Values under six bytes are left alone.
    pub fn register(&self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let mut forms = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (_, form) in spellings(secret) {
            if secret.len() >= PIECE {
                forms.add_pieces(&form);
            } else if form.len() >= SHORTEST && !forms.wholes.contains(&form) {
                forms.wholes.push(form);
            }
        }
    }

    /// `text` with every registered secret masked.
    pub fn redact(&self, text: &str) -> String {
        let covered = self.0.read().unwrap_or_else(PoisonError::into_inner).covered(text);
        let mut masked = String::with_capacity(text.len());
        let mut at = 0;
        for run in covered {
            masked.push_str(&text[at..run.start]);
            masked.push_str(MASK);
            at = run.end;
        }
        masked.push_str(&text[at..]);
        masked
    }

    /// `value` with every registered secret masked in each of its texts; it cannot fail, whatever else is in it.
    pub(crate) fn clean<T: Clean>(&self, mut value: T) -> T {
        value.clean(self);
        value
    }
}

impl Forms {
    fn add_pieces(&mut self, form: &str) {
        self.gates.resize(GATES, false);
        for piece in windows(form) {
            self.gates[gate(&piece)] = true;
            self.pieces.insert(piece);
        }
    }

    /// The runs of `text` that spell secrets or parts of them: in order, apart, and on the borders of characters.
    fn covered(&self, text: &str) -> Vec<Range<usize>> {
        let mut runs: Vec<_> = self
            .wholes
            .iter()
            .flat_map(|whole| text.match_indices(whole.as_str()))
            .map(|(at, found)| at..at + found.len())
            .collect();
        if !self.pieces.is_empty() {
            let pieces = windows(text).enumerate();
            let found = pieces.filter(|(_, window)| self.gates[gate(window)] && self.pieces.contains(window));
            runs.extend(found.map(|(at, _)| at..at + PIECE));
        }
        runs.sort_by_key(|run| run.start);
        runs.into_iter().fold(Vec::new(), |mut merged: Vec<Range<usize>>, run| {
            let run = whole_characters(text, run);
            match merged.last_mut() {
                Some(last) if run.start <= last.end => last.end = last.end.max(run.end),
                _ => merged.push(run),
            }
            merged
        })
    }
}

/// Every piece-long window of `text`.
fn windows(text: &str) -> impl Iterator<Item = [u8; PIECE]> {
    text.as_bytes().windows(PIECE).filter_map(|window| window.try_into().ok())
}

/// How many gates there are.
const GATES: usize = 1 << 16;

/// The gate of a window: its first four bytes, hashed by multiplication.
fn gate(window: &[u8; PIECE]) -> usize {
    let [a, b, c, d, ..] = *window;
    (u32::from_le_bytes([a, b, c, d]).wrapping_mul(0x9e37_79b1) >> 16) as usize
}

/// `run` widened to the borders of the characters that it touches.
fn whole_characters(text: &str, run: Range<usize>) -> Range<usize> {
    let start = (0..=run.start).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let end = (run.end..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    start..end
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// A way to write a secret down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spelling {
    /// As it is.
    Raw,
    /// With `%XX` for some bytes or for all.
    UrlEncoded,
    /// In base64, of either alphabet, wherever it stands in what was encoded.
    Base64,
}

impl fmt::Display for Spelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Raw => "a credential",
            Self::UrlEncoded => "a credential, URL-encoded",
            Self::Base64 => "a credential, in base64",
        })
    }
}

/// Every way in which `secret` may stand in a text, each once: raw; URL-encoded, where it must be and throughout, in
/// upper and lower case digits; in base64 of both alphabets at each of the three alignments, without the digits that
/// mix with its neighbours.
pub fn spellings(secret: &str) -> Vec<(Spelling, String)> {
    let must = |byte: u8| !byte.is_ascii_alphanumeric() && !b"-_.~".contains(&byte);
    let encoded = [
        url_encoded(secret, must, upper_case),
        url_encoded(secret, must, lower_case),
        url_encoded(secret, |_| true, upper_case),
        url_encoded(secret, |_| true, lower_case),
    ];
    let raw = std::iter::once((Spelling::Raw, secret.to_owned()));
    let encoded = encoded.into_iter().map(|form| (Spelling::UrlEncoded, form));
    let base64 = (0..3).flat_map(|shift| in_base64(secret, shift)).map(|form| (Spelling::Base64, form));
    let mut seen = HashSet::new();
    // Of a secret of a byte or two nothing may be left between the digits that it shares with its neighbours.
    let forms = raw.chain(encoded).chain(base64).filter(|(_, form)| !form.is_empty());
    forms.filter(|(_, form)| seen.insert(form.clone())).collect()
}

fn upper_case(byte: u8) -> String {
    format!("%{byte:02X}")
}

fn lower_case(byte: u8) -> String {
    format!("%{byte:02x}")
}

fn url_encoded(text: &str, encode: fn(u8) -> bool, digits: fn(u8) -> String) -> String {
    text.bytes().map(|byte| if encode(byte) { digits(byte) } else { char::from(byte).to_string() }).collect()
}

/// The digits that stand for `secret` alone when it begins `shift` bytes after a multiple of three.
fn in_base64(secret: &str, shift: usize) -> [String; 2] {
    let mut bytes = vec![b'x'; shift];
    bytes.extend_from_slice(secret.as_bytes());
    let begin = (shift * 8).div_ceil(6);
    let alone = begin..(bytes.len() * 8 / 6).max(begin);
    [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)]
        .map(|encoded| encoded[alone.clone()].to_owned())
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
    fn a_part_of_a_secret_is_masked_and_the_text_around_it_is_not() {
        assert_eq!(masked(&format!("cut {}…", &SECRET[..12])), "cut [redacted]…");
        assert_eq!(masked(&format!("cut {}!", &SECRET[..11])), format!("cut {}!", &SECRET[..11]));
        assert_eq!(masked("cut 4ss%2fw%2brd%26mor end"), "cut [redacted] end");
        let every: String = SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect();
        assert_eq!(masked(&format!("cut {}!", &every[3..30])), "cut [redacted]!");
        for prefix in ["", "u:", "us:", "user:"] {
            let encoded = STANDARD_NO_PAD.encode(format!("{prefix}{SECRET}"));
            assert!(masked(&encoded[..prefix.len() * 4 / 3 + 15]).contains(MASK), "{prefix}");
        }
    }

    #[test]
    fn the_shortest_secrets_have_no_empty_spelling() {
        assert!(spellings("").is_empty());
        for secret in ["a", "ab", "é"] {
            assert!(spellings(secret).iter().all(|(_, form)| !form.is_empty()), "{secret}");
        }
    }

    #[test]
    fn a_short_secret_is_masked_as_a_whole_only() {
        let secrets = Secrets::default();
        secrets.register("hunter22");
        assert_eq!(secrets.redact("pw hunter22, hunter2"), "pw [redacted], hunter2");
    }

    #[test]
    fn a_cut_within_a_character_masks_the_whole_character() {
        let secrets = Secrets::default();
        secrets.register("ééééééé");
        assert_eq!(secrets.redact("aéééééébé"), "a[redacted]bé");
        secrets.register("xxxxxxxxxxxé");
        assert_eq!(secrets.redact("xxxxxxxxxxxê"), "[redacted]");
    }

    #[test]
    fn every_spelling_comes_once_under_its_name() {
        let all = spellings("plainplainplain");
        let of = |kind| all.iter().filter(|(spelling, _)| *spelling == kind).count();
        assert_eq!((of(Spelling::Raw), of(Spelling::UrlEncoded), of(Spelling::Base64)), (1, 2, 3));
        assert_eq!(Spelling::Base64.to_string(), "a credential, in base64");
    }

    #[test]
    fn short_values_do_not_mask_ordinary_text() {
        let secrets = Secrets::default();
        secrets.register("api");
        assert_eq!(secrets.redact("api answers"), "api answers");
    }
}
