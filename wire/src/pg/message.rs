//! The messages that the wire reads or writes itself, after the documentation of PostgreSQL 15, chapter
//! "Message Formats".

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

/// What a server says when it fails a request; here also what a rule says in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorResponse {
    /// `ERROR`, `FATAL` or `PANIC`; the latter two end the connection.
    pub severity: String,
    /// Five characters, such as `40001`.
    pub sqlstate: String,
    /// The primary message.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ErrorResponse {
    /// An error that fails the statement and leaves the connection up.
    pub fn error(sqlstate: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new("ERROR", sqlstate, message)
    }

    /// An error that ends the connection.
    pub fn fatal(sqlstate: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new("FATAL", sqlstate, message)
    }

    fn new(severity: &str, sqlstate: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: severity.to_owned(),
            sqlstate: sqlstate.into(),
            message: message.into(),
            detail: None,
            hint: None,
        }
    }

    /// With a detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether it ends the connection.
    pub fn is_fatal(&self) -> bool {
        self.severity != "ERROR"
    }

    pub(crate) fn encode(&self) -> Bytes {
        message(b'E', |body| {
            for (field, value) in [
                (b'S', Some(&self.severity)),
                (b'V', Some(&self.severity)),
                (b'C', Some(&self.sqlstate)),
                (b'M', Some(&self.message)),
                (b'D', self.detail.as_ref()),
                (b'H', self.hint.as_ref()),
            ] {
                if let Some(value) = value {
                    body.put_u8(field);
                    put_text(body, value);
                }
            }
            body.put_u8(0);
        })
    }
}

/// A body that is not what its type says.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the body of a message of type `{}` is malformed", char::from(*.tag))]
pub(crate) struct BodyError {
    pub(crate) tag: u8,
}

/// One bound parameter of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// `None` is SQL `NULL`.
    pub value: Option<Bytes>,
    /// Whether the value is in the binary format of its type, not in text.
    pub binary: bool,
}

impl Parameter {
    /// The value where it is text.
    pub fn text(&self) -> Option<&str> {
        self.value.as_deref().filter(|_| !self.binary).and_then(|value| std::str::from_utf8(value).ok())
    }
}

/// A `Parse` taken apart.
#[derive(Debug)]
pub(crate) struct Parse {
    pub(crate) name: Bytes,
    pub(crate) text: Bytes,
    /// The number and the types of the parameters, as on the wire.
    pub(crate) types: Bytes,
}

impl Parse {
    pub(crate) fn read(mut body: Bytes) -> Result<Self, BodyError> {
        let error = BodyError { tag: b'P' };
        let name = take_text(&mut body).ok_or(error)?;
        let text = take_text(&mut body).ok_or(BodyError { tag: b'P' })?;
        Ok(Self { name, text, types: body })
    }
}

/// The statement text of a `Query`.
pub(crate) fn query_text(mut body: Bytes) -> Result<Bytes, BodyError> {
    take_text(&mut body).filter(|_| body.is_empty()).ok_or(BodyError { tag: b'Q' })
}

/// Portal and statement of a `Bind`, from its first bytes.
pub(crate) fn bind_names(body: &mut Bytes) -> Result<(Bytes, Bytes), BodyError> {
    let portal = take_text(body).ok_or(BodyError { tag: b'B' })?;
    let statement = take_text(body).ok_or(BodyError { tag: b'B' })?;
    Ok((portal, statement))
}

/// The parameters of a whole `Bind`; `None` where it is malformed, which is the server's to say.
pub(crate) fn bind_parameters(mut body: Bytes) -> Option<Vec<Parameter>> {
    bind_names(&mut body).ok()?;
    let count = body.try_get_u16().ok()?;
    let formats = (0..count).map(|_| body.try_get_u16().ok()).collect::<Option<Vec<_>>>()?;
    let count = usize::from(body.try_get_u16().ok()?);
    (0..count)
        .map(|index| {
            let format = if formats.len() == 1 { formats.first() } else { formats.get(index) };
            let length = body.try_get_i32().ok()?;
            let value = match usize::try_from(length) {
                Ok(length) if length <= body.len() => Some(body.split_to(length)),
                Ok(_) => return None,
                Err(_) => None,
            };
            Some(Parameter { value, binary: format == Some(&1) })
        })
        .collect()
}

/// What an `Execute` (a portal and a number of rows) or a `Describe` or `Close` (`S` or `P` and a name) names.
pub(crate) fn target(tag: u8, mut body: Bytes) -> Result<(u8, Bytes), BodyError> {
    let sort = if tag == b'E' { b'P' } else { body.try_get_u8().map_err(|_| BodyError { tag })? };
    let name = take_text(&mut body).ok_or(BodyError { tag })?;
    Ok((sort, name))
}

/// A `ParameterStatus`.
pub(crate) fn setting(mut body: Bytes) -> Option<(Bytes, Bytes)> {
    Some((take_text(&mut body)?, take_text(&mut body)?))
}

/// Takes a text up to its closing zero byte.
pub(crate) fn take_text(body: &mut Bytes) -> Option<Bytes> {
    let end = body.iter().position(|byte| *byte == 0)?;
    let text = body.split_to(end);
    body.advance(1);
    Some(text)
}

fn put_text(body: &mut BytesMut, text: &str) {
    // A zero byte would end the text early.
    body.extend(text.bytes().filter(|byte| *byte != 0));
    body.put_u8(0);
}

fn message(tag: u8, fill: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut bytes = BytesMut::with_capacity(64);
    bytes.put_u8(tag);
    bytes.put_i32(0);
    fill(&mut bytes);
    let length = i32::try_from(bytes.len() - 1).unwrap_or(i32::MAX);
    bytes[1..5].copy_from_slice(&length.to_be_bytes());
    bytes.freeze()
}

/// A `Query`.
pub(crate) fn query(text: &str) -> Bytes {
    message(b'Q', |body| put_text(body, text))
}

/// A `Parse`; `types` as in [`Parse`].
pub(crate) fn parse(name: &[u8], text: &str, types: &[u8]) -> Bytes {
    message(b'P', |body| {
        body.put_slice(name);
        body.put_u8(0);
        put_text(body, text);
        body.put_slice(types);
    })
}

/// A `Parse` of `text` to the unnamed statement and its `Describe`.
pub(crate) fn parse_and_describe(text: &str) -> Bytes {
    let mut bytes = BytesMut::from(parse(b"", text, &[0, 0]));
    bytes.extend_from_slice(&message(b'D', |body| body.put_slice(b"S\0")));
    bytes.freeze()
}

/// A `Close` of a portal.
pub(crate) fn close_portal(name: &[u8]) -> Bytes {
    message(b'C', |body| {
        body.put_u8(b'P');
        body.put_slice(name);
        body.put_u8(0);
    })
}

/// A `Sync`.
pub(crate) fn sync() -> Bytes {
    message(b'S', |_| ())
}

/// A `Terminate`.
pub(crate) fn terminate() -> Bytes {
    message(b'X', |_| ())
}

/// A `CommandComplete`.
pub(crate) fn complete(tag: &str) -> Bytes {
    message(b'C', |body| put_text(body, tag))
}

/// A `ReadyForQuery` with a transaction status of `I`, `T` or `E`.
pub(crate) fn ready(status: u8) -> Bytes {
    message(b'Z', |body| body.put_u8(status))
}

/// A message without a body, such as `ParseComplete`.
pub(crate) fn empty(tag: u8) -> Bytes {
    message(tag, |_| ())
}

/// An `AuthenticationSASL` whose mechanisms are `offer` less the one that binds to the channel; `None` where `offer`
/// is another message or lacks it.
pub(crate) fn without_channel_binding(body: Bytes) -> Option<Bytes> {
    let mut offer = body;
    if offer.try_get_i32().ok()? != 10 {
        return None;
    }
    let mut mechanisms = Vec::new();
    while let Some(mechanism) = take_text(&mut offer).filter(|name| !name.is_empty()) {
        mechanisms.push(mechanism);
    }
    let all = mechanisms.len();
    mechanisms.retain(|mechanism| mechanism != "SCRAM-SHA-256-PLUS");
    (mechanisms.len() < all).then(|| {
        message(b'R', |body| {
            body.put_i32(10);
            for mechanism in &mechanisms {
                body.put_slice(mechanism);
                body.put_u8(0);
            }
            body.put_u8(0);
        })
    })
}

/// Whether a `SASLInitialResponse` says that its client would have bound to the channel (flag `y` or `p` of RFC 5802).
pub(crate) fn wants_channel_binding(mut body: Bytes) -> bool {
    take_text(&mut body).is_some() && body.try_get_i32().is_ok() && matches!(body.first(), Some(b'y' | b'p'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_response_is_framed_field_by_field() {
        let bytes = ErrorResponse::error("40001", "try\0again").detail("d").encode();
        assert_eq!(&bytes[..], b"E\0\0\0\x27SERROR\0VERROR\0C40001\0Mtryagain\0Dd\0\0".as_slice());
    }

    #[test]
    fn parameters_of_a_bind_come_out_in_their_formats() {
        let body =
            Bytes::from_static(b"p\0s\0\0\x02\0\0\0\x01\0\x03\0\0\0\x02hi\0\0\0\x01\x07\xff\xff\xff\xff\0\0");
        let parameters = bind_parameters(body).unwrap();
        assert_eq!(parameters[0].text(), Some("hi"));
        assert_eq!((parameters[1].binary, parameters[1].text()), (true, None));
        assert_eq!(parameters[2].value, None);
    }

    #[test]
    fn a_truncated_bind_has_no_parameters() {
        assert_eq!(bind_parameters(Bytes::from_static(b"p\0s\0\0\0\0\x01\0\0\0\x09x")), None);
    }

    #[test]
    fn channel_binding_is_taken_off_the_offer() {
        let offer = Bytes::from_static(b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
        let stripped = without_channel_binding(offer).unwrap();
        assert_eq!(&stripped[5..], b"\0\0\0\x0aSCRAM-SHA-256\0\0");
        assert_eq!(without_channel_binding(stripped.slice(5..)), None);
    }

    #[test]
    fn the_flag_of_a_client_that_would_bind_is_seen() {
        let first = |flag: &[u8]| {
            let mut body = b"SCRAM-SHA-256\0\0\0\0\x05".to_vec();
            body.extend_from_slice(flag);
            Bytes::from(body)
        };
        assert!(wants_channel_binding(first(b"y,,n=")));
        assert!(!wants_channel_binding(first(b"n,,n=")));
    }
}
