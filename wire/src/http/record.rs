//! Records: the last exchanges of a wire, bounded in number and size, redacted when they are read.

use super::message::{Headers, Request, Response, is_credential};
use super::redact::Secrets;
use crate::rule::RuleId;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

/// How much a wire keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits {
    /// The most exchanges; the oldest goes first. 0 records nothing.
    pub exchanges: usize,
    /// The most bytes of each body; what is longer is cut there.
    pub body: usize,
    /// The most bytes of heads and bodies together; the oldest exchange goes first.
    pub bytes: usize,
}

impl Default for RecordLimits {
    fn default() -> Self {
        Self { exchanges: 512, body: 4096, bytes: 4 * 1024 * 1024 }
    }
}

/// How an exchange went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// It isn't over.
    #[default]
    Open,
    /// The client has been given a whole response.
    Answered,
    /// The protocol was switched or a tunnel opened; what follows is not HTTP.
    Tunnelled,
    /// The connection was closed before the client had a whole response.
    Closed,
    /// The connection was reset.
    Reset,
    /// The wire refused it with an answer of its own: malformed, too long, or no upstream to be reached.
    Refused,
}

/// The beginning of a body, freed of chunked framing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BodyPrefix {
    /// The bytes that were kept.
    pub bytes: Vec<u8>,
    /// Whether there were more.
    pub cut: bool,
}

/// One request and what became of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// When the head of the request was there, by the clock on the wall.
    pub at: SystemTime,
    /// When the head of the request was there, for measuring from.
    pub started: Instant,
    /// The number of the client's connection, counted from 1.
    pub connection: u64,
    /// The request as the client sent it, before any rewriting; its body is in `request_body`.
    pub request: Request,
    /// The body of the request, as far as it was read.
    pub request_body: BodyPrefix,
    /// When the upstream was sent the request: once, oftener where it was repeated, or never.
    pub sent: Vec<Instant>,
    /// The response as the client was given it; its body is in `response_body`.
    pub response: Option<Response>,
    /// The body of the response.
    pub response_body: BodyPrefix,
    /// The rules that acted, in the order in which they did.
    pub rules: Vec<RuleId>,
    /// How it went.
    pub outcome: Outcome,
}

/// The exchanges of one wire.
#[derive(Debug)]
pub(super) struct Recorder {
    limits: RecordLimits,
    ring: Mutex<VecDeque<Arc<Entry>>>,
    /// Bytes of all entries together.
    bytes: Arc<AtomicUsize>,
}

/// The record of an exchange that may be under way.
#[derive(Debug)]
pub(super) struct Entry {
    at: SystemTime,
    started: Instant,
    connection: u64,
    body_limit: usize,
    bytes: Arc<AtomicUsize>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    request: Vec<u8>,
    request_body: BodyPrefix,
    sent: Vec<Instant>,
    response: Vec<u8>,
    response_body: BodyPrefix,
    rules: Vec<RuleId>,
    outcome: Outcome,
    /// How much of the recorder's bytes is this entry's; `None` once it has left the ring.
    size: Option<usize>,
}

impl Recorder {
    pub(super) fn new(limits: RecordLimits) -> Self {
        Self { limits, ring: Mutex::default(), bytes: Arc::default() }
    }

    /// Starts the record of an exchange with the head of its request.
    pub(super) fn open(&self, connection: u64, head: &[u8]) -> Option<Arc<Entry>> {
        if self.limits.exchanges == 0 {
            return None;
        }
        let entry = Arc::new(Entry {
            at: SystemTime::now(),
            started: Instant::now(),
            connection,
            body_limit: self.limits.body,
            bytes: Arc::clone(&self.bytes),
            kept: Mutex::new(Kept { request: head.to_vec(), size: Some(head.len()), ..Kept::default() }),
        });
        let mut total = self.bytes.fetch_add(head.len(), Ordering::Relaxed) + head.len();
        let mut ring = self.ring();
        while ring.len() >= self.limits.exchanges || total > self.limits.bytes {
            let Some(oldest) = ring.pop_front() else { break };
            total = total.saturating_sub(oldest.leave());
        }
        ring.push_back(Arc::clone(&entry));
        drop(ring);
        Some(entry)
    }

    /// The exchanges that are kept, the oldest first, redacted.
    pub(super) fn exchanges(&self, secrets: &Secrets) -> Vec<Exchange> {
        let entries = self.ring().iter().cloned().collect::<Vec<_>>();
        entries.iter().map(|entry| entry.exchange(secrets)).collect()
    }

    fn ring(&self) -> MutexGuard<'_, VecDeque<Arc<Entry>>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub(super) fn sent(&self) {
        self.kept().sent.push(Instant::now());
    }

    pub(super) fn request_content(&self, content: &[u8]) {
        let mut kept = self.kept();
        let taken = kept.request_body.extend(content, self.body_limit);
        self.grow(&mut kept, taken);
    }

    pub(super) fn response_head(&self, head: &[u8]) {
        let mut kept = self.kept();
        kept.response = head.to_vec();
        kept.response_body = BodyPrefix::default();
        self.grow(&mut kept, head.len());
    }

    pub(super) fn response_content(&self, content: &[u8]) {
        let mut kept = self.kept();
        let taken = kept.response_body.extend(content, self.body_limit);
        self.grow(&mut kept, taken);
    }

    pub(super) fn acted(&self, rule: RuleId) {
        self.kept().rules.push(rule);
    }

    /// Settles how it went; what was settled first stays.
    pub(super) fn outcome(&self, outcome: Outcome) {
        let mut kept = self.kept();
        if kept.outcome == Outcome::Open {
            kept.outcome = outcome;
        }
    }

    fn exchange(&self, secrets: &Secrets) -> Exchange {
        let kept = self.kept();
        let mut request = Request::parse(&kept.request, Bytes::new());
        request.target = secrets.redact_text(&request.target);
        request.headers = redacted(&request.headers, secrets);
        let response = (!kept.response.is_empty()).then(|| {
            let mut response = Response::parse(&kept.response, Bytes::new());
            response.reason = secrets.redact_text(&response.reason);
            response.headers = redacted(&response.headers, secrets);
            response
        });
        Exchange {
            at: self.at,
            started: self.started,
            connection: self.connection,
            request,
            request_body: kept.request_body.redacted(secrets),
            sent: kept.sent.clone(),
            response,
            response_body: kept.response_body.redacted(secrets),
            rules: kept.rules.clone(),
            outcome: kept.outcome,
        }
    }

    fn grow(&self, kept: &mut Kept, bytes: usize) {
        if let Some(size) = &mut kept.size {
            *size += bytes;
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Gives back this entry's share of the recorder's bytes, and says how large it was.
    fn leave(&self) -> usize {
        let size = self.kept().size.take().unwrap_or_default();
        self.bytes.fetch_sub(size, Ordering::Relaxed);
        size
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodyPrefix {
    /// Keeps what there is room for, and says how much that was.
    fn extend(&mut self, content: &[u8], limit: usize) -> usize {
        let taken = content.len().min(limit - self.bytes.len());
        self.bytes.extend_from_slice(&content[..taken]);
        self.cut |= content.len() > taken;
        taken
    }

    fn redacted(&self, secrets: &Secrets) -> Self {
        Self { bytes: secrets.redact(&self.bytes, self.cut), cut: self.cut }
    }
}

fn redacted(headers: &Headers, secrets: &Secrets) -> Headers {
    let mut shown = Headers::default();
    for (name, value) in headers.iter() {
        let value = if is_credential(name) { b"[redacted]".to_vec() } else { secrets.redact(value, false) };
        shown.append(name, value);
    }
    shown
}
