//! Whole messages: what rules rewrite, hold and answer with.

use super::head::{HEADERS, split_absolute};
use bytes::{BufMut, Bytes, BytesMut};
use httparse::EMPTY_HEADER;
use std::fmt;

/// Header fields in their order and case.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// The first value of `name` (any case) as text; `None` where it is absent or not UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Every value of `name` (any case), in order.
    pub fn values<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.iter().filter(move |(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Puts `value` in place of the first field of that name and removes the others; appends where there is none.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        let (name, value) = (name.into(), value.into());
        let Some(at) = self.0.iter().position(|(one, _)| one.eq_ignore_ascii_case(&name)) else {
            return self.0.push((name, value));
        };
        self.0[at].1 = value;
        let mut index = 0;
        self.0.retain(|(one, _)| {
            index += 1;
            index - 1 <= at || !one.eq_ignore_ascii_case(&name)
        });
    }

    /// Appends a field.
    pub fn append(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Removes every field of that name (any case).
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(one, _)| !one.eq_ignore_ascii_case(name));
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    fn parsed(headers: &[httparse::Header<'_>]) -> Self {
        Self(headers.iter().map(|header| (header.name.to_owned(), header.value.to_vec())).collect())
    }

    fn encode(&self, out: &mut BytesMut, without: &[&str]) {
        for (name, value) in &self.0 {
            if without.iter().any(|one| one.eq_ignore_ascii_case(name)) {
                continue;
            }
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                out.put_slice(part);
            }
        }
    }
}

/// Shows names, and values except those of credentials.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): &(String, Vec<u8>)| {
            let value = if is_credential(name) {
                "[redacted]".into()
            } else {
                String::from_utf8_lossy(value).into_owned()
            };
            (name.clone(), value)
        };
        f.debug_map().entries(self.0.iter().map(shown)).finish()
    }
}

/// Whether a header of this name carries a credential, going by its name.
pub(super) fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["authorization", "cookie", "api-key", "apikey", "token", "secret", "password"]
        .iter()
        .any(|word| name.contains(word))
}

/// A whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The request target, such as `/path?query`.
    pub target: String,
    /// The header fields as they were sent. Those that delimit the body are corrected when it is sent on.
    pub headers: Headers,
    /// The content, freed of chunked framing. Empty in what an observer sees.
    pub body: Bytes,
}

impl Request {
    /// The path, without host and query; nothing is decoded.
    pub fn path(&self) -> &str {
        let target = split_absolute(&self.target).map_or(self.target.as_str(), |(_, path)| path);
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// A request whose head, already checked, stands in `head`.
    pub(super) fn parse(head: &[u8], body: Bytes) -> Self {
        let mut headers = [EMPTY_HEADER; HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        // The head has been parsed once; were it broken, empty names would show it.
        let _ = parsed.parse(head);
        Self {
            method: parsed.method.unwrap_or_default().to_owned(),
            target: parsed.path.unwrap_or_default().to_owned(),
            headers: Headers::parsed(parsed.headers),
            body,
        }
    }

    /// The bytes of this request, delimited by its length. Nothing waits for `100 Continue` any more.
    pub(super) fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(256 + self.body.len());
        for part in [self.method.as_bytes(), b" ", self.target.as_bytes(), b" HTTP/1.1\r\n"] {
            out.put_slice(part);
        }
        self.headers.encode(&mut out, &["content-length", "transfer-encoding", "expect", "trailer"]);
        let had_length = self.headers.get("content-length").is_some();
        if had_length || !self.body.is_empty() {
            out.put_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
        }
        out.put_slice(b"\r\n");
        out.put_slice(&self.body);
        out.freeze()
    }
}

/// A whole response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The reason phrase; may be empty.
    pub reason: String,
    /// The header fields. Those that delimit the body are corrected when it is sent.
    pub headers: Headers,
    /// The content, freed of chunked framing.
    pub body: Bytes,
}

impl Response {
    /// An empty response with this status code, 200 to 599.
    pub fn status(status: u16) -> Self {
        let reason = reason(status).to_owned();
        Self { status, reason, headers: Headers::default(), body: Bytes::new() }
    }

    /// A 200 with a JSON text as its body.
    pub fn json(text: impl Into<String>) -> Self {
        Self::status(200).header("content-type", "application/json").body(text.into())
    }

    /// With one more header field.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.append(name, value);
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With this status code and its usual reason phrase.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        reason(status).clone_into(&mut self.reason);
        self
    }

    /// The wire's own words on why it can't do what was asked of it.
    pub(super) fn complaint(status: u16, what: &dyn fmt::Display) -> Self {
        Self::status(status)
            .header("content-type", "text/plain; charset=utf-8")
            .body(format!("sabot wire: {what}\n"))
    }

    /// A response whose head, already checked, stands in `head`.
    pub(super) fn parse(head: &[u8], body: Bytes) -> Self {
        let mut headers = [EMPTY_HEADER; HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        let _ = parsed.parse(head);
        Self {
            status: parsed.code.unwrap_or_default(),
            reason: parsed.reason.unwrap_or_default().to_owned(),
            headers: Headers::parsed(parsed.headers),
            body,
        }
    }

    /// The body as it is sent: some status codes have none.
    pub(super) fn sent_body(&self) -> &[u8] {
        if self.is_bodiless() { &[] } else { &self.body }
    }

    /// Whether its status alone says that no body follows (RFC 9112, section 6.3).
    const fn is_bodiless(&self) -> bool {
        matches!(self.status, 100..=199 | 204 | 304)
    }

    /// The bytes of this response, delimited by its length. An answer to `HEAD` keeps the length that it states.
    pub(super) fn encode(&self, to_head: bool, closes: bool) -> Bytes {
        let mut out = BytesMut::with_capacity(256 + self.body.len());
        out.put_slice(format!("HTTP/1.1 {} {}\r\n", self.status, self.reason).as_bytes());
        if to_head {
            self.headers.encode(&mut out, &["transfer-encoding", "trailer"]);
            if self.headers.get("content-length").is_none() {
                out.put_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
            }
        } else {
            self.headers.encode(&mut out, &["content-length", "transfer-encoding", "trailer"]);
            if !self.is_bodiless() {
                out.put_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
            }
        }
        if closes && self.headers.get("connection").is_none() {
            out.put_slice(b"connection: close\r\n");
        }
        out.put_slice(b"\r\n");
        if !to_head {
            out.put_slice(self.sent_body());
        }
        out.freeze()
    }
}

/// The usual reason phrases (RFC 9110, section 15, and RFC 6585), of those that tests answer with.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewritten_message_is_delimited_anew() {
        let head =
            b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
        let request = Request::parse(head, Bytes::from_static(b"abc"));
        assert_eq!(&request.encode()[..], b"POST /a HTTP/1.1\r\nHost: x\r\ncontent-length: 3\r\n\r\nabc");

        let response =
            Response::parse(b"HTTP/1.1 200 Fine\r\nContent-Length: 9\r\nX-A: b\r\n\r\n", Bytes::new());
        let changed = response.body("ab");
        assert_eq!(
            &changed.encode(false, false)[..],
            b"HTTP/1.1 200 Fine\r\nX-A: b\r\ncontent-length: 2\r\n\r\nab"
        );
        let to_head = b"HTTP/1.1 200 Fine\r\nContent-Length: 9\r\nX-A: b\r\n\r\n";
        assert_eq!(&changed.encode(true, false)[..], to_head);
    }

    #[test]
    fn set_replaces_all_fields_of_a_name() {
        let mut headers = Headers::default();
        for (name, value) in [("A", "1"), ("b", "2"), ("a", "3")] {
            headers.append(name, value);
        }
        headers.set("a", "4");
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("A", &b"4"[..]), ("b", &b"2"[..])]);
    }

    #[test]
    fn credentials_are_not_printed() {
        let response =
            Response::status(200).header("Set-Cookie", "id=hunter2").header("x-api-key", "hunter2");
        assert!(!format!("{response:?}").contains("hunter2"));
    }
}
