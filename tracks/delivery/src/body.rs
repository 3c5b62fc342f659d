//! A request's body: one event, or an array of them.

use serde_json::value::RawValue;

use crate::answer::Refusal;
use crate::event::{Event, Malformed};
use crate::provider::Provider;

/// Largest body of one event, in bytes.
pub const MAX_EVENT: usize = 16 * 1024;
/// Largest body of an array, in bytes.
pub const MAX_ARRAY: usize = 1024 * 1024;
/// Most events in an array: Brevo's own limit for a batch.
pub const MAX_EVENTS: usize = 500;

/// Deepest nesting of arrays and objects.
const MAX_DEPTH: usize = 128;

/// What a body holds.
pub(crate) enum Body {
    /// One event.
    One(Box<Event>),
    /// An array: its events, and how many elements were none.
    Many { events: Vec<Event>, invalid: usize },
}

/// How large a body may be that begins so; the larger limit while nothing but blanks has come.
pub(crate) fn limit(begun: &[u8]) -> usize {
    match begun.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') | None => MAX_ARRAY,
        Some(_) => MAX_EVENT,
    }
}

/// Whether a body of this content type may be JSON. One that comes without a type may be.
pub(crate) fn is_json(content_type: Option<&[u8]>) -> bool {
    let Some(content_type) = content_type else { return true };
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let essence = essence.to_ascii_lowercase();
    essence == b"application/json" || (essence.starts_with(b"application/") && essence.ends_with(b"+json"))
}

pub(crate) fn read(body: &[u8], provider: &dyn Provider) -> Result<Body, Refusal> {
    if body.len() > limit(body) {
        return Err(Refusal::TooLarge);
    }
    let text = std::str::from_utf8(body).map_err(|_| Refusal::Malformed("the body is not UTF-8"))?;
    if is_too_deep(text) {
        return Err(Refusal::Malformed("the body is nested too deeply"));
    }
    if !text.trim_start().starts_with('[') {
        return provider.read(text).map(|event| Body::One(Box::new(event))).map_err(refused);
    }
    let not_json = |_| Refusal::Malformed("the body is not JSON");
    let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(not_json)?;
    if elements.len() > MAX_EVENTS {
        return Err(Refusal::TooMany);
    }
    let of_size = elements.iter().filter(|element| element.get().len() <= MAX_EVENT);
    let events: Vec<Event> = of_size.filter_map(|element| provider.read(element.get()).ok()).collect();
    let invalid = elements.len() - events.len();
    if events.is_empty() && invalid > 0 {
        return Err(Refusal::Malformed("no element of the array is an event"));
    }
    Ok(Body::Many { events, invalid })
}

/// Whether brackets outside strings nest deeper than anybody means them to. The parser skips what nobody reads without
/// counting; whoever reads the raw text later may not.
fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn refused(malformed: Malformed) -> Refusal {
    Refusal::Malformed(match malformed {
        Malformed::NotAnObject => "the body is neither an event nor an array of events",
        Malformed::Missing(_) => "a field is missing that the event cannot do without",
        Malformed::Invalid(_) => "a field is not of the documented type, or out of range",
        Malformed::NoTime => "the event has no time of its own",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brackets_outside_strings_nest() {
        let nest = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!is_too_deep(&nest(MAX_DEPTH)) && is_too_deep(&nest(MAX_DEPTH + 1)));
        assert!(!is_too_deep(&format!("[\"\\\"{}\"]", "[".repeat(500))));
        assert!(!is_too_deep(&"[],".repeat(500)));
    }

    #[test]
    fn the_first_character_decides_on_the_limit() {
        for (begun, bytes) in
            [("", MAX_ARRAY), (" \n", MAX_ARRAY), (" [", MAX_ARRAY), (" {", MAX_EVENT), ("x", MAX_EVENT)]
        {
            assert_eq!(limit(begun.as_bytes()), bytes, "{begun:?}");
        }
    }
}
