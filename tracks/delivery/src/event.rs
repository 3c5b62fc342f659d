//! One delivery event, as any provider tells it.

use std::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::classification::Classification;

/// Longest message id that is kept, in bytes: a line of a message header has no more (RFC 5322, 2.1.1).
pub(crate) const MAX_ID: usize = 998;
/// Longest name of an event, in bytes.
pub(crate) const MAX_NAME: usize = 64;
/// Longest link that is kept as it is, in bytes; of a longer one the start and a digest are. The key of an event is
/// indexed, and PostgreSQL takes no index entry over 2,704 bytes.
const MAX_LINK: usize = 256;

/// An event that the ledger knows what to make of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DeclaredEvent {
    /// Its one name here.
    pub event: &'static str,
    /// What a message becomes by it.
    pub classification: Classification,
    /// Whether its time is a time of delivery.
    pub stamps_delivered_at: bool,
    /// The names that the provider has for it, which may also differ in case, `_`, `-` and spaces.
    pub spellings: &'static [&'static str],
}

/// An event, read and normalised. `Debug` shows nothing of the payload.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// The provider's message id, without `<>`.
    pub provider_id: String,
    /// [`digest`] of the recipient's address.
    pub recipient_digest: String,
    /// The declared name, or the provider's own where the event is not declared.
    pub name: String,
    /// What the ledger makes of it; `None` where it is none of the ledger's concern.
    pub declared: Option<&'static DeclaredEvent>,
    /// The event's own time.
    pub time: OffsetDateTime,
    /// The link that was followed, else empty.
    pub link: String,
    /// The [reference](crate::Mailer::send) of its email, where it carries one.
    pub reference: Option<Uuid>,
    /// The text as it came.
    pub raw: String,
}

impl Event {
    /// What makes it this event and no other, within one provider.
    #[must_use]
    pub fn key(&self) -> (&str, &str, &str, OffsetDateTime, &str) {
        (&self.provider_id, &self.recipient_digest, &self.name, self.time, &self.link)
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("name", &self.name).field("time", &self.time).finish_non_exhaustive()
    }
}

/// Why a text is no event. It repeats nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// No JSON object.
    #[error("this is no JSON object")]
    NotAnObject,
    /// A field that the event cannot do without.
    #[error("the field {0} is missing")]
    Missing(&'static str),
    /// A field of another type, out of range, too long, or with characters that no such field has.
    #[error("the field {0} is not what it should be")]
    Invalid(&'static str),
    /// It has no time of its own.
    #[error("the event has no time: give ts_epoch, s_epoch, ts_event or ts")]
    NoTime,
}

/// The lower-case SHA-256 of an address, whose case and surrounding blanks don't matter.
#[must_use]
pub fn digest(address: &str) -> String {
    hex(&Sha256::digest(address.trim().to_lowercase()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    text
}

/// A link as it is kept.
pub(crate) fn kept_link(link: String) -> String {
    if link.len() <= MAX_LINK {
        return link;
    }
    let start = link.floor_char_boundary(MAX_LINK - 80);
    format!("{}… sha256:{}", &link[..start], hex(&Sha256::digest(&link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_does_not_depend_on_case() {
        assert_eq!(digest(" Ann@Example.com"), digest("ann@example.COM"));
        assert_eq!(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn long_links_stay_apart_and_short() {
        let link = |last| kept_link(format!("https://example.com/{}{last}", "ü".repeat(5_000)));
        assert!(link('a').len() <= MAX_LINK && link('a') != link('b'));
        assert_eq!(kept_link("https://example.com".into()), "https://example.com");
    }
}
