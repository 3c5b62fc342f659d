//! Heads: where one ends, what it says, and how its body is delimited. Strict, because two readings of one head are
//! how requests are smuggled (RFC 9112, sections 2.2, 5.2, 6.1 and 6.3).

use super::body::Body;
use httparse::{EMPTY_HEADER, Header, Status};

/// The longest head that passes, in bytes.
pub(super) const HEAD_LIMIT: usize = 64 * 1024;

/// The most header fields that a head may have.
pub(super) const HEADERS: usize = 128;

/// Why a message is not passed on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    #[error("a line ends with a line feed alone; HTTP/1.1 lines end with CR LF")]
    BareLineFeed,
    #[error("the head is longer than {HEAD_LIMIT} bytes")]
    HeadTooLong,
    #[error("the head has more than {HEADERS} header fields")]
    TooManyHeaders,
    #[error("the head cannot be parsed: {0}")]
    Head(#[source] httparse::Error),
    #[error("both content-length and transfer-encoding are given, so that the body has two possible ends")]
    TwoLengths,
    #[error("content-length is not one number: {0:?}")]
    ContentLength(String),
    #[error(
        "transfer-encoding is not understood: {0:?}; only a list that ends with one \"chunked\" has an end"
    )]
    TransferEncoding(String),
    #[error("a chunk size is not a hexadecimal number of at most 16 digits")]
    ChunkSize,
    #[error("a chunk is not followed by CR LF, or a line of the chunked framing is broken")]
    ChunkEnd,
    #[error("the chunk extensions or trailers are longer than {HEAD_LIMIT} bytes")]
    ChunkLine,
}

/// The head of a request, as a matcher sees it.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    method: &'a str,
    target: &'a str,
    headers: &'a [Header<'a>],
}

impl<'a> RequestHead<'a> {
    /// The method, in the case in which it was sent.
    pub const fn method(&self) -> &'a str {
        self.method
    }

    /// The request target as it was sent: `/path?query`, `http://host/path`, `host:port` for `CONNECT`, or `*`.
    pub const fn target(&self) -> &'a str {
        self.target
    }

    /// The path, without host and query; nothing is decoded. Empty for `CONNECT`.
    pub fn path(&self) -> &'a str {
        let path = match split_absolute(self.target) {
            Some((_, path)) => path,
            None if self.method == "CONNECT" => "",
            None => self.target,
        };
        path.split_once('?').map_or(path, |(path, _)| path)
    }

    /// What follows the `?`; empty where there is none.
    pub fn query(&self) -> &'a str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The first value of a header; `name` in any case.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.header_values(name).next()
    }

    /// Every value of a header, in order; `name` in any case.
    pub fn header_values<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        values(self.headers, name)
    }

    /// Host, with the port where one is given: of the target for `CONNECT` and absolute targets, else of the
    /// `host` header.
    pub fn host(&self) -> Option<&'a str> {
        self.authority().or_else(|| self.header("host").and_then(|host| std::str::from_utf8(host).ok()))
    }

    /// The host that the target itself names.
    fn authority(&self) -> Option<&'a str> {
        if self.method == "CONNECT" {
            return Some(self.target);
        }
        split_absolute(self.target).map(|(authority, _)| authority)
    }
}

/// Authority and path of an absolute target.
pub(super) fn split_absolute(target: &str) -> Option<(&str, &str)> {
    let scheme = target.get(..7)?;
    if !scheme.eq_ignore_ascii_case("http://") {
        return None;
    }
    let rest = &target[7..];
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    Some((authority, if path.is_empty() { "/" } else { path }))
}

/// What the wire needs to know of a request, once its head has been read.
#[derive(Debug)]
pub(super) struct RequestFacts {
    /// Length of the head in bytes, the empty lines before it included.
    pub(super) head: usize,
    pub(super) body: Body,
    /// A `HEAD` request: its response has no body, whatever its headers say.
    pub(super) is_head: bool,
    pub(super) is_connect: bool,
    pub(super) expects_continue: bool,
    /// The client closes after this exchange.
    pub(super) closes: bool,
    /// For `CONNECT` and absolute targets: the host that the target names.
    pub(super) authority: Option<String>,
    /// Where scheme and authority of an absolute target stand in the head.
    pub(super) origin: std::ops::Range<usize>,
}

/// What the wire needs to know of a response.
#[derive(Debug)]
pub(super) struct ResponseFacts {
    pub(super) head: usize,
    pub(super) status: u16,
    pub(super) body: Body,
    /// The upstream closes after this response.
    pub(super) closes: bool,
}

/// Finds the end of the head at the front of `buffer`. `scanned` remembers how far the buffer has been looked at;
/// it starts at 0 with each message.
pub(super) fn end(buffer: &[u8], scanned: &mut usize) -> Result<Option<usize>, Malformed> {
    // Empty lines before a request are legal (RFC 9112, section 2.2) and don't end a head.
    let start = buffer.chunks_exact(2).take_while(|pair| pair == b"\r\n").count() * 2;
    *scanned = (*scanned).max(start);
    while let Some(at) = buffer[*scanned..].iter().position(|byte| *byte == b'\n').map(|at| at + *scanned) {
        if at == 0 || buffer[at - 1] != b'\r' {
            return Err(Malformed::BareLineFeed);
        }
        *scanned = at + 1;
        if *scanned > HEAD_LIMIT {
            return Err(Malformed::HeadTooLong);
        }
        if buffer[start..at - 1].ends_with(b"\r\n") {
            return Ok(Some(at + 1));
        }
    }
    *scanned = buffer.len().max(start);
    if *scanned > HEAD_LIMIT { Err(Malformed::HeadTooLong) } else { Ok(None) }
}

/// Parses the request head in `bytes`, which end with it, and hands it to `look`.
pub(super) fn request<R>(
    bytes: &[u8],
    look: impl FnOnce(&RequestHead<'_>) -> R,
) -> Result<(RequestFacts, R), Malformed> {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    complete(parsed.parse(bytes), bytes.len())?;
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(Malformed::Head(httparse::Error::Status));
    };
    let head = RequestHead { method, target, headers: parsed.headers };
    let body = match framing(parsed.headers, version)? {
        Framing::Length(length) => Body::length(length),
        Framing::Chunked => Body::chunked(),
        Framing::Absent => Body::none(),
        Framing::Undelimited(coding) => return Err(Malformed::TransferEncoding(coding)),
    };
    let origin = split_absolute(target).map_or(0..0, |(authority, _)| {
        let start = target.as_ptr() as usize - bytes.as_ptr() as usize;
        start..start + "http://".len() + authority.len()
    });
    let facts = RequestFacts {
        head: bytes.len(),
        body,
        is_head: method == "HEAD",
        is_connect: method == "CONNECT",
        expects_continue: lists(parsed.headers, "expect", "100-continue"),
        closes: closes(parsed.headers, version),
        authority: head.authority().map(str::to_owned),
        origin,
    };
    Ok((facts, look(&head)))
}

/// Parses the response head in `bytes`, which end with it.
pub(super) fn response(bytes: &[u8], to_head: bool) -> Result<ResponseFacts, Malformed> {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    complete(parsed.parse(bytes), bytes.len())?;
    let (Some(status), Some(version)) = (parsed.code, parsed.version) else {
        return Err(Malformed::Head(httparse::Error::Status));
    };
    let body = match framing(parsed.headers, version)? {
        _ if to_head || matches!(status, 100..=199 | 204 | 304) => Body::none(),
        Framing::Length(length) => Body::length(length),
        Framing::Chunked => Body::chunked(),
        Framing::Absent | Framing::Undelimited(_) => Body::until_close(),
    };
    let closes = body.ends_with_connection() || closes(parsed.headers, version);
    Ok(ResponseFacts { head: bytes.len(), status, body, closes })
}

fn complete(parsed: httparse::Result<usize>, length: usize) -> Result<(), Malformed> {
    match parsed {
        Ok(Status::Complete(end)) if end == length => Ok(()),
        // httparse saw another end than we did: it is more lenient with line ends.
        Ok(Status::Complete(_) | Status::Partial) => Err(Malformed::BareLineFeed),
        Err(httparse::Error::TooManyHeaders) => Err(Malformed::TooManyHeaders),
        Err(error) => Err(Malformed::Head(error)),
    }
}

enum Framing {
    Absent,
    Length(u64),
    Chunked,
    /// Transfer codings without an end of their own: legal in a response that ends with the connection.
    Undelimited(String),
}

fn framing(headers: &[Header<'_>], version: u8) -> Result<Framing, Malformed> {
    let codings = values(headers, "transfer-encoding").map(text).collect::<Vec<_>>();
    let mut lengths = values(headers, "content-length").map(text);
    let length = lengths.next();
    if codings.is_empty() {
        let Some(length) = length else { return Ok(Framing::Absent) };
        let number = length.bytes().all(|byte| byte.is_ascii_digit()).then(|| length.parse().ok()).flatten();
        return match number {
            Some(number) if lengths.all(|other| other == length) => Ok(Framing::Length(number)),
            _ => Err(Malformed::ContentLength(length)),
        };
    }
    if length.is_some() {
        return Err(Malformed::TwoLengths);
    }
    let codings = codings.join(", ");
    let chunked = |coding: &str| coding.trim().eq_ignore_ascii_case("chunked");
    let mut last_first = codings.rsplit(',');
    let ends_chunked = last_first.next().is_some_and(chunked);
    if last_first.any(chunked) || version == 0 {
        return Err(Malformed::TransferEncoding(codings));
    }
    Ok(if ends_chunked { Framing::Chunked } else { Framing::Undelimited(codings) })
}

fn values<'a, 'n>(headers: &'a [Header<'a>], name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// Whether the sender of a message with these headers closes after it.
fn closes(headers: &[Header<'_>], version: u8) -> bool {
    lists(headers, "connection", "close") || version == 0 && !lists(headers, "connection", "keep-alive")
}

/// Whether a header's comma-separated list has `item`, in any case.
fn lists(headers: &[Header<'_>], name: &str, item: &str) -> bool {
    values(headers, name).any(|value| {
        value.split(|byte| *byte == b',').any(|one| one.trim_ascii().eq_ignore_ascii_case(item.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(head: &str) -> String {
        match request(head.as_bytes(), |_| ()) {
            Ok(_) => panic!("passed: {head:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_whatever_its_pieces() {
        let head = b"\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\nrest";
        for cut in 0..head.len() {
            let mut scanned = 0;
            let early = end(&head[..cut], &mut scanned).unwrap();
            assert_eq!(early, (cut >= head.len() - 4).then_some(head.len() - 4), "cut at {cut}");
            if early.is_none() {
                assert_eq!(end(head, &mut scanned).unwrap(), Some(head.len() - 4), "after a cut at {cut}");
            }
        }
    }

    #[test]
    fn a_head_with_two_readings_is_refused() {
        let with = |headers: &str| refused(&format!("POST / HTTP/1.1\r\nhost: x\r\n{headers}\r\n\r\n"));
        assert!(with("content-length: 5\r\ntransfer-encoding: chunked").contains("two possible ends"));
        assert!(with("content-length: 5\r\ncontent-length: 6").contains("not one number"));
        assert!(with("content-length: 5, 5").contains("not one number"));
        assert!(with("content-length: +5").contains("not one number"));
        assert!(with("content-length: ").contains("not one number"));
        assert!(with("content-length: 99999999999999999999").contains("not one number"));
        assert!(with("transfer-encoding: xchunked").contains("transfer-encoding"));
        assert!(with("transfer-encoding: chunked, chunked").contains("transfer-encoding"));
        assert!(with("transfer-encoding: chunked, gzip").contains("transfer-encoding"));
        assert!(with("transfer-encoding : chunked").contains("cannot be parsed"));
        assert!(with("a: b\r\n folded").contains("cannot be parsed"));
        assert!(
            refused("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n").contains("transfer-encoding")
        );
        assert!(matches!(end(b"GET / HTTP/1.1\r\na: b\n\r\n", &mut 0), Err(Malformed::BareLineFeed)));
        assert!(matches!(end(b"GET / HTTP/1.1\n\n", &mut 0), Err(Malformed::BareLineFeed)));
    }

    #[test]
    fn targets_of_every_form_have_path_query_and_host() {
        let look = |line: &str| {
            let head = format!("{line} HTTP/1.1\r\nhost: header\r\n\r\n");
            let seen = |head: &RequestHead<'_>| {
                (head.path().to_owned(), head.query().to_owned(), head.host().unwrap().to_owned())
            };
            request(head.as_bytes(), seen).unwrap().1
        };
        let is = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(look("GET /a?b=c"), is("/a", "b=c", "header"));
        assert_eq!(look("GET http://named:80/a?b"), is("/a", "b", "named:80"));
        assert_eq!(look("GET http://named"), is("/", "", "named"));
        assert_eq!(look("CONNECT named:443"), is("", "", "named:443"));
        assert_eq!(look("OPTIONS *"), is("*", "", "header"));
    }
}
