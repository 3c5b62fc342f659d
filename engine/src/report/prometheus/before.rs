//! What the file that is to be replaced still knows: when each track last finished and last passed.

use super::{FINISHED, PASSED};
use crate::Record;
use std::collections::BTreeMap;

/// Seconds since 1970, by track.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Before {
    pub(super) finished: BTreeMap<String, f64>,
    pub(super) passed: BTreeMap<String, f64>,
}

impl Before {
    /// Reads what can be read. A time after the end of `record` is none: it would keep an alert silent.
    pub(super) fn read(text: &str, record: &Record) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact for millions of years")]
        let now = record.finished_at.unix_timestamp() as f64;
        let mut before = Self::default();
        for line in text.lines() {
            let of = |name| timestamp(line, name).filter(|(_, at)| (0.0..=now).contains(at));
            before.finished.extend(of(FINISHED).map(|(track, at)| (track.to_owned(), at)));
            before.passed.extend(of(PASSED).map(|(track, at)| (track.to_owned(), at)));
        }
        before
    }
}

/// The track and the value of a line as we write it; anything else is none.
fn timestamp<'a>(line: &'a str, name: &str) -> Option<(&'a str, f64)> {
    let rest = line.strip_prefix(name)?.strip_prefix("{track=\"")?;
    let (track, value) = rest.split_once("\"} ")?;
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    (!track.is_empty() && track.len() <= 64 && track.chars().all(plain)).then_some(())?;
    Some((track, value.parse().ok()?))
}
