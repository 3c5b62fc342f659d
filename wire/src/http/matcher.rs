//! Matchers: which requests a rule or a counter means.

use super::head::RequestHead;
use regex::Regex;
use std::fmt;
use std::ops::Not;
use std::sync::Arc;

/// Says of a request head whether it is meant. Cheap to clone.
///
/// ```
/// use sabot_wire::http::Match;
/// let sends = Match::path("/v3/smtp/email").and(Match::method("POST"));
/// let others = !Match::prefix("/v3/");
/// ```
#[derive(Debug, Clone)]
pub struct Match(Arc<Test>);

#[derive(Debug)]
enum Test {
    Any,
    Method(String),
    Path(String),
    Prefix(String),
    Pattern(Regex),
    Header(String, Option<Vec<u8>>),
    Host(String),
    Head(Closure),
    And(Match, Match),
    Or(Match, Match),
    Not(Match),
}

struct Closure(Box<dyn Fn(&RequestHead<'_>) -> bool + Send + Sync>);

impl fmt::Debug for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closure")
    }
}

impl Match {
    fn new(test: Test) -> Self {
        Self(Arc::new(test))
    }

    /// Every request.
    pub fn any() -> Self {
        Self::new(Test::Any)
    }

    /// Requests with this method (methods have a case).
    pub fn method(method: impl Into<String>) -> Self {
        Self::new(Test::Method(method.into()))
    }

    /// Requests for exactly this path, whatever the query. Nothing is decoded.
    pub fn path(path: impl Into<String>) -> Self {
        Self::new(Test::Path(path.into()))
    }

    /// Requests whose path starts with `prefix`.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self::new(Test::Prefix(prefix.into()))
    }

    /// Requests in whose path the regular expression is found; anchor it to match the whole.
    ///
    /// # Errors
    /// When `pattern` is not a regular expression.
    pub fn pattern(pattern: &str) -> Result<Self, regex::Error> {
        Ok(Self::new(Test::Pattern(Regex::new(pattern)?)))
    }

    /// Requests with this header (name in any case), whatever its value.
    pub fn has_header(name: impl Into<String>) -> Self {
        Self::new(Test::Header(name.into(), None))
    }

    /// Requests one of whose headers of this name (any case) has exactly this value.
    pub fn header(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self::new(Test::Header(name.into(), Some(value.into())))
    }

    /// Requests for this host, in any case; the port is compared only where `host` names one.
    pub fn host(host: impl Into<String>) -> Self {
        Self::new(Test::Host(host.into()))
    }

    /// `CONNECT` to this host, in any case; the port is compared only where `host` names one.
    pub fn connect(host: impl Into<String>) -> Self {
        Self::method("CONNECT").and(Self::host(host))
    }

    /// Requests whose head satisfies `test`, which must be quick: it runs on the way of every request.
    pub fn when(test: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self::new(Test::Head(Closure(Box::new(test))))
    }

    /// Requests that both mean.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::new(Test::And(self, other))
    }

    /// Requests that either means.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::new(Test::Or(self, other))
    }

    /// Whether the request with this head is meant.
    pub fn means(&self, head: &RequestHead<'_>) -> bool {
        match &*self.0 {
            Test::Any => true,
            Test::Method(method) => head.method() == method,
            Test::Path(path) => head.path() == path,
            Test::Prefix(prefix) => head.path().starts_with(prefix.as_str()),
            Test::Pattern(pattern) => pattern.is_match(head.path()),
            Test::Header(name, None) => head.header(name).is_some(),
            Test::Header(name, Some(value)) => head.header_values(name).any(|one| one == value),
            Test::Host(host) => head.host().is_some_and(|named| same_host(host, named)),
            Test::Head(test) => (test.0)(head),
            Test::And(one, other) => one.means(head) && other.means(head),
            Test::Or(one, other) => one.means(head) || other.means(head),
            Test::Not(one) => !one.means(head),
        }
    }
}

/// Requests that are not meant.
impl Not for Match {
    type Output = Self;

    fn not(self) -> Self {
        Self::new(Test::Not(self))
    }
}

fn same_host(wanted: &str, named: &str) -> bool {
    wanted.eq_ignore_ascii_case(named)
        || !has_port(wanted) && has_port(named) && wanted.eq_ignore_ascii_case(without_port(named))
}

/// `host` of `host:port`; an IPv6 address keeps its brackets.
pub(super) fn without_port(host: &str) -> &str {
    if has_port(host) { host.rsplit_once(':').map_or(host, |(name, _)| name) } else { host }
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(name, port)| {
        !port.is_empty()
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && (!name.contains(':') || name.ends_with(']'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head;

    fn meant(matcher: &Match, request: &str) -> bool {
        let bytes = format!("{request}\r\n\r\n");
        head::request(bytes.as_bytes(), |head| matcher.means(head)).unwrap().1
    }

    #[test]
    fn a_matcher_means_what_it_says() {
        let post = "POST /v3/smtp/email?x=1 HTTP/1.1\r\nHost: Api.example:8080\r\nX-A: 1\r\nx-a: 2";
        for yes in [
            Match::any(),
            Match::method("POST"),
            Match::path("/v3/smtp/email"),
            Match::prefix("/v3/"),
            Match::pattern("^/v[0-9]/smtp").unwrap(),
            Match::has_header("x-A"),
            Match::header("x-a", "2"),
            Match::host("api.example"),
            Match::host("api.example:8080"),
            Match::when(|head| head.query() == "x=1"),
            !Match::method("GET"),
            Match::method("GET").or(Match::path("/v3/smtp/email")),
        ] {
            assert!(meant(&yes, post), "{yes:?}");
            assert!(!meant(&!yes.clone(), post), "{yes:?}");
        }
        assert!(!meant(&Match::host("api.example:80"), post));
        assert!(!meant(&Match::path("/v3"), post));
        assert!(!meant(&Match::method("GET").and(Match::any()), post));
    }

    #[test]
    fn connect_names_its_host() {
        let connect = "CONNECT api.example:443 HTTP/1.1\r\nhost: other";
        assert!(meant(&Match::connect("API.example"), connect));
        assert!(meant(&Match::connect("api.example:443"), connect));
        assert!(!meant(&Match::connect("api.example:80"), connect));
        assert!(!meant(&Match::connect("other"), connect));
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
    }
}
