//! What the simulator was asked, and what it took.

use bytes::Bytes;
use std::time::SystemTime;

/// Whether a request had the account's key. The key itself is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The right one.
    Right,
    /// Another one.
    Wrong,
    /// None.
    Missing,
}

/// One request to Brevo's API.
#[derive(Debug, Clone)]
pub struct Call {
    /// When it was answered.
    pub at: SystemTime,
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its key.
    pub key: Key,
    /// Its body, as it came.
    pub body: Bytes,
    /// What it asked to have sent; `None` where it was no send, or its body no JSON object.
    pub email: Option<Email>,
    /// The status that it was answered with.
    pub status: u16,
    /// The error's code, where it was refused.
    pub code: Option<&'static str>,
    /// The message that the answer named.
    pub message_id: Option<String>,
}

/// The body of a send, as far as it was there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Email {
    /// The sender's address.
    pub sender: Option<String>,
    /// The recipients' addresses.
    pub to: Vec<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The HTML content.
    pub html: Option<String>,
    /// The tags.
    pub tags: Vec<String>,
    /// The template's number.
    pub template_id: Option<u64>,
    /// The `X-Mailin-custom` header, which comes back in the events.
    pub custom: Option<String>,
    /// The idempotency key in `headers.idempotencyKey`.
    pub idempotency_key: Option<String>,
}

/// A message that was really sent: once, however often it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id, between angle brackets.
    pub id: String,
    /// When Brevo took it.
    pub at: SystemTime,
    /// What was asked, its recipients too.
    pub email: Email,
}
