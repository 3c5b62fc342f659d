//! Reads one event of Brevo's webhook.
//!
//! Strict where the ledger depends on it: a declared event needs its message, its recipient and its time, each of
//! the documented type. Lenient elsewhere: unknown fields are welcome, and of an event outside the declared ones only
//! the name is needed, for a refusal would make the provider discard it.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::event::{DeclaredEvent, Event, MAX_ID, MAX_NAME, Malformed, digest, hex, kept_link};

/// From here on a number counts milliseconds, not seconds: as seconds it would lie in the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// The fields that are looked at, unread. A field that stands there twice makes the text no event.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow, rename = "message-id")]
    message_id: Option<&'a RawValue>,
    #[serde(borrow)]
    email: Option<&'a RawValue>,
    #[serde(borrow)]
    link: Option<&'a RawValue>,
    #[serde(borrow)]
    ts_epoch: Option<&'a RawValue>,
    #[serde(borrow)]
    s_epoch: Option<&'a RawValue>,
    #[serde(borrow)]
    ts_event: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
    #[serde(borrow)]
    tags: Option<&'a RawValue>,
    #[serde(borrow)]
    tag: Option<&'a RawValue>,
}

pub(super) fn read(raw: &str, declared: &'static [DeclaredEvent]) -> Result<Event, Malformed> {
    let payload: Payload<'_> = match serde_json::from_str(raw) {
        // serde would read an array as the fields in their order.
        Ok(payload) if raw.trim_start().starts_with('{') => payload,
        _ => return Err(Malformed::NotAnObject),
    };
    let name = text("event", payload.event)?.ok_or(Malformed::Missing("event"))?;
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(Malformed::Invalid("event"));
    }
    match find(name, declared) {
        Some(known) => known_event(&payload, known, raw),
        None => Ok(other_event(&payload, name, raw)),
    }
}

fn known_event(payload: &Payload<'_>, known: &'static DeclaredEvent, raw: &str) -> Result<Event, Malformed> {
    let id = text("message-id", payload.message_id)?.ok_or(Malformed::Missing("message-id"))?;
    let email = text("email", payload.email)?.ok_or(Malformed::Missing("email"))?;
    if email.trim().is_empty() {
        return Err(Malformed::Invalid("email"));
    }
    Ok(Event {
        provider_id: message_id(&id).ok_or(Malformed::Invalid("message-id"))?,
        recipient_digest: digest(&email),
        name: known.event.to_owned(),
        declared: Some(known),
        time: event_time(payload)?.ok_or(Malformed::NoTime)?,
        link: kept_link(text("link", payload.link)?.unwrap_or_default()),
        reference: reference(payload),
        raw: raw.to_owned(),
    })
}

/// Without an id or a time of its own, its text is what tells it from another.
fn other_event(payload: &Payload<'_>, name: &str, raw: &str) -> Event {
    let field = |field| text("", field).ok().flatten();
    let id = field(payload.message_id).and_then(|id| message_id(&id));
    let time = event_time(payload).ok().flatten();
    let link = match field(payload.link) {
        Some(link) => kept_link(link),
        None if id.is_some() && time.is_some() => String::new(),
        None => format!("sha256:{}", hex(&Sha256::digest(raw))),
    };
    Event {
        provider_id: id.unwrap_or_default(),
        recipient_digest: field(payload.email).map(|email| digest(&email)).unwrap_or_default(),
        name: name.to_lowercase().replace(['-', ' '], "_"),
        declared: None,
        time: time.unwrap_or(OffsetDateTime::UNIX_EPOCH),
        link,
        reference: reference(payload),
        raw: raw.to_owned(),
    }
}

/// By any spelling, whatever its case and separators.
fn find(name: &str, declared: &'static [DeclaredEvent]) -> Option<&'static DeclaredEvent> {
    let same = |spelling: &&str| letters(spelling).eq(letters(name));
    declared.iter().find(|known| known.spellings.iter().any(same))
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase)
}

/// A string that PostgreSQL can keep.
fn text(field: &'static str, raw: Option<&RawValue>) -> Result<Option<String>, Malformed> {
    let Some(raw) = raw else { return Ok(None) };
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) if !text.contains('\0') => Ok(Some(text)),
        _ => Err(Malformed::Invalid(field)),
    }
}

/// The id without the `<>` with which some answers and events have it.
pub(super) fn message_id(text: &str) -> Option<String> {
    let id = text.trim();
    let id = id.strip_prefix('<').unwrap_or(id);
    let id = id.strip_suffix('>').unwrap_or(id).trim();
    let fits = !id.is_empty() && id.len() <= MAX_ID && !id.chars().any(char::is_control);
    fits.then(|| id.to_owned())
}

/// What the mailer put among the tags. `tag` holds the tags too, as the text of an array, where an event has no `tags`.
/// Other tags are somebody else's; what cannot be read is none.
fn reference(payload: &Payload<'_>) -> Option<Uuid> {
    let listed = payload.tags.and_then(|tags| reference_among(tags.get()));
    listed.or_else(|| reference_among(&text("tag", payload.tag).ok()??))
}

fn reference_among(list: &str) -> Option<Uuid> {
    // As many characters as the usual form has, and no other form; written plainly, it needs no unescaping.
    const QUOTED: usize = 38;
    let tags: Vec<&RawValue> = serde_json::from_str(list).ok()?;
    let quoted = tags.iter().map(|tag| tag.get()).filter(|tag| tag.len() == QUOTED);
    quoted.filter_map(|tag| Uuid::try_parse(tag.trim_matches('"')).ok()).next()
}

/// The first of the fields that is there. All that are there must be times: where one is not, none is to be trusted.
fn event_time(payload: &Payload<'_>) -> Result<Option<OffsetDateTime>, Malformed> {
    let fields = [
        ("ts_epoch", payload.ts_epoch),
        ("s_epoch", payload.s_epoch),
        ("ts_event", payload.ts_event),
        ("ts", payload.ts),
    ];
    let mut first = None;
    for (name, raw) in fields {
        if let Some(raw) = raw {
            let time = moment(raw).ok_or(Malformed::Invalid(name))?;
            first = first.or(Some(time));
        }
    }
    Ok(first)
}

/// Seconds or milliseconds since the epoch; before it and after the year 9999 there are no events.
fn moment(raw: &RawValue) -> Option<OffsetDateTime> {
    let number: i64 = serde_json::from_str(raw.get()).ok().filter(|number| *number > 0)?;
    let milliseconds = if number >= MILLISECONDS_FROM { number } else { number * 1_000 };
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()
}

#[cfg(test)]
mod tests;
