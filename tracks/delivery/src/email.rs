//! An email before it is sent, and what the provider answered.

use std::fmt;
use std::time::Duration;

/// What a renderer makes of an audit row.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    /// The subject, one line.
    pub subject: String,
    /// The body as HTML, which Brevo demands.
    pub html: String,
    /// The body as plain text, for who reads no HTML.
    pub text: Option<String>,
}

/// An email with its recipient. `Debug` shows neither content nor address.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The recipient's address.
    pub to: String,
    /// What it says.
    pub email: Email,
    /// The kind that it comes from, shown in the provider's own lists.
    pub tag: String,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email { .. }")
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("tag", &self.tag).finish_non_exhaustive()
    }
}

/// What came of one request to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// The provider took it. It told an id, or it took it earlier under the same key and does not say which.
    Sent {
        /// The message id without `<>`.
        provider_id: Option<String>,
    },
    /// Perhaps another time: no answer, or one that blames the moment. The provider may have taken it.
    Temporary(String),
    /// Never: the message itself is at fault.
    Permanent(String),
    /// The account may not send, or not from this sender: no message is at fault.
    Unauthorised(String),
    /// Too much at once; how long the provider wants to be left alone, where it says so.
    Throttled(Option<Duration>),
}

impl SendOutcome {
    /// For a metric's label.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Sent { .. } => "sent",
            Self::Temporary(_) => "temporary",
            Self::Permanent(_) => "permanent",
            Self::Unauthorised(_) => "unauthorised",
            Self::Throttled(_) => "throttled",
        }
    }
}
