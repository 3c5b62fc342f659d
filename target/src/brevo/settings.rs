//! How the simulator behaves.

use super::quota::Quota;
use super::script::Script;
use std::fmt;
use std::time::Duration;

/// An account with Brevo, and how Brevo treats it.
#[derive(Clone)]
pub struct Settings {
    /// The key that is valid.
    pub api_key: String,
    /// Whether sends are refused because Brevo has not validated the account yet.
    pub under_validation: bool,
    /// Sends that are left; `None` for any number.
    pub credits: Option<u32>,
    /// The status of `not_enough_credits` and `account_under_validation`: 402 and 400 have both been seen.
    pub refusal_status: u16,
    /// The sender domains that were validated; `None` for all. From any other the API takes messages too, and
    /// [`unvalidated`](Self::unvalidated) is what becomes of them.
    pub sender_domains: Option<Vec<String>>,
    /// What follows upon a message from a domain that was not validated.
    pub unvalidated: Script,
    /// What follows upon every other message.
    pub script: Script,
    /// What a send with a known idempotency key comes to.
    pub duplicate: Duplicate,
    /// How long a key is known: 30 minutes by
    /// <https://developers.brevo.com/docs/heterogenous-versions-batch-emails>, 15 by
    /// <https://developers.brevo.com/changelog/email-api-now-supports-idempotency>.
    pub key_lives: Duration,
    /// Whether a key that is no UUID is refused: the first of these pages says that it must be one, and its own sample
    /// is none.
    pub key_is_uuid: bool,
    /// Rate limits.
    pub limits: Limits,
    /// How webhook requests are repeated.
    pub retries: Retries,
}

/// What a send with an idempotency key comes to that was used for a message before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicate {
    /// 400 `duplicate_parameter`, without a message id: what
    /// <https://developers.brevo.com/docs/heterogenous-versions-batch-emails> says. So the answer that was lost stays
    /// lost.
    #[default]
    DuplicateParameter,
    /// 400 `duplicate_request`, which the API's list of codes has too.
    DuplicateRequest,
    /// 201 with the first message's id, as other providers do.
    FirstAnswer,
    /// The key is ignored, and the message sent again: Brevo documents the key under batch sends.
    SentAgain,
}

/// Rate limits of the general plan, from <https://developers.brevo.com/docs/api-limits>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `POST /v3/smtp/email`: 1,000 a second.
    pub send: Quota,
    /// `GET /v3/account`, one of "all other endpoints": 100 an hour.
    pub account: Quota,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            send: Quota::of(1000, Duration::from_secs(1)),
            account: Quota::of(100, Duration::from_secs(3600)),
        }
    }
}

/// Which answers to a webhook request Brevo repeats. One sentence of
/// <https://developers.brevo.com/docs/retry-mechanism> has been worded in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// Only 429; any other 4xx and any 5xx discards the event for good: the present wording.
    #[default]
    Newer,
    /// 429 and 5xx; any other 4xx discards: how the older wording can be read.
    Older,
}

/// How webhook requests are repeated, from <https://developers.brevo.com/docs/retry-mechanism>. A request that could not
/// be made, or got no answer in time, is repeated by either reading; so is an answer below 400 other than 2xx, of which
/// the page says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// After each failed attempt, the time until the next: 10 minutes, 1, 2 and 8 hours.
    pub schedule: [Duration; 4],
    /// All times of the page are divided by this.
    pub divided_by: u32,
    /// Which answers are repeated.
    pub reading: Reading,
    /// How long an answer is awaited, undivided. No page says how long Brevo does.
    pub answer_limit: Duration,
    /// For how long nothing at all is sent once a receiver was unresponsive: 10 minutes.
    pub pause: Duration,
}

impl Retries {
    /// The time after the failed attempt of this number, counted from 1, until the next; `None` where it was the last.
    pub fn after(&self, attempt: usize) -> Option<Duration> {
        let wait = self.schedule.get(attempt.checked_sub(1)?)?;
        Some(*wait / self.divided_by.max(1))
    }

    /// The pause as divided.
    pub fn pause(&self) -> Duration {
        self.pause / self.divided_by.max(1)
    }

    /// The longest from a first attempt until the event is given up, answers awaited included.
    pub fn longest(&self) -> Duration {
        let waits: Duration = (1..=self.schedule.len()).filter_map(|attempt| self.after(attempt)).sum();
        waits + self.answer_limit * (self.schedule.len() as u32 + 1)
    }

    /// Whether this status means that the event is discarded.
    pub(super) const fn discards(&self, status: u16) -> bool {
        match self.reading {
            _ if status == 429 => false,
            Reading::Newer => status >= 400,
            Reading::Older => status >= 400 && status < 500,
        }
    }
}

impl Default for Retries {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Self {
            schedule: [Duration::from_secs(600), hours(1), hours(2), hours(8)],
            divided_by: 6000,
            reading: Reading::default(),
            answer_limit: Duration::from_secs(5),
            pause: Duration::from_secs(600),
        }
    }
}

impl Settings {
    /// An account in good standing, as documented, with this key; nothing follows upon its messages, and retries are
    /// 6,000 times as quick: 100 ms, 600 ms, 1.2 s and 4.8 s.
    pub fn with_key(api_key: impl Into<String>) -> Self {
        Self {
            api_key: api_key.into(),
            under_validation: false,
            credits: None,
            refusal_status: 402,
            sender_domains: None,
            unvalidated: Script::silent(),
            script: Script::silent(),
            duplicate: Duplicate::default(),
            key_lives: Duration::from_secs(30 * 60),
            key_is_uuid: true,
            limits: Limits::default(),
            retries: Retries::default(),
        }
    }
}

/// Leaves the key out.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("under_validation", &self.under_validation)
            .field("credits", &self.credits)
            .field("sender_domains", &self.sender_domains)
            .field("script", &self.script)
            .field("duplicate", &self.duplicate)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_the_documented_ones_divided() {
        let retries = Retries::default();
        let waits: Vec<_> =
            (1..=5).map(|attempt| retries.after(attempt).map(|wait| wait.as_millis())).collect();
        assert_eq!(waits, [Some(100), Some(600), Some(1200), Some(4800), None]);
    }

    #[test]
    fn the_readings_differ_on_5xx_alone() {
        let newer = Retries::default();
        let older = Retries { reading: Reading::Older, ..newer };
        for (status, by_newer, by_older) in [
            (429, false, false),
            (400, true, true),
            (404, true, true),
            (500, true, false),
            (503, true, false),
            (302, false, false),
        ] {
            assert_eq!((newer.discards(status), older.discards(status)), (by_newer, by_older), "{status}");
        }
    }
}
