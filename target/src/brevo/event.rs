//! Webhook events as Brevo sends them: names, spellings, fields and times.
//!
//! Names and fields: <https://developers.brevo.com/docs/transactional-webhooks>, filled in from captures in the tests
//! of django-anymail (`tests/test_brevo_webhooks.py`) and of symfony/mailer (`Bridge/Brevo/Tests/Webhook/Fixtures`).

use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// An event that Brevo documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Brevo took the message; sent even where it is blocked afterwards.
    Request,
    /// The recipient's server took it.
    Delivered,
    /// The recipient's server put it off.
    Deferred,
    /// Refused for now.
    SoftBounce,
    /// Refused for good.
    HardBounce,
    /// The recipient called it spam.
    Complaint,
    /// Brevo refused to send it on.
    Blocked,
    /// The address can't be right.
    InvalidEmail,
    /// Brevo failed.
    Error,
    /// The recipient wants no more.
    Unsubscribed,
    /// A link was followed.
    Click,
    /// Opened once more.
    Opened,
    /// Opened for the first time.
    UniqueOpened,
    /// A mail proxy opened it once more.
    ProxyOpen,
    /// A mail proxy opened it for the first time.
    UniqueProxyOpen,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Request,
        Self::Delivered,
        Self::Deferred,
        Self::SoftBounce,
        Self::HardBounce,
        Self::Complaint,
        Self::Blocked,
        Self::InvalidEmail,
        Self::Error,
        Self::Unsubscribed,
        Self::Click,
        Self::Opened,
        Self::UniqueOpened,
        Self::ProxyOpen,
        Self::UniqueProxyOpen,
    ];

    /// The name in the payload's `event`.
    pub const fn name(self) -> &'static str {
        self.spellings()[0]
    }

    /// The spellings seen of it, the usual one first: in payloads, and where a webhook is configured.
    pub const fn spellings(self) -> &'static [&'static str] {
        match self {
            Self::Request => &["request", "sent"],
            Self::Delivered => &["delivered"],
            Self::Deferred => &["deferred"],
            Self::SoftBounce => &["soft_bounce", "softBounce"],
            Self::HardBounce => &["hard_bounce", "hardBounce"],
            Self::Complaint => &["complaint", "spam"],
            Self::Blocked => &["blocked"],
            Self::InvalidEmail => &["invalid_email", "invalid", "invalidEmail"],
            Self::Error => &["error"],
            Self::Unsubscribed => &["unsubscribed", "unsubscribe"],
            Self::Click => &["click"],
            Self::Opened => &["opened"],
            Self::UniqueOpened => &["unique_opened", "uniqueOpened"],
            Self::ProxyOpen => &["proxy_open", "proxyOpen"],
            Self::UniqueProxyOpen => &["unique_proxy_open", "uniqueProxyOpen", "unique_proxy_opened"],
        }
    }
}

/// Which times an event carries, and in which unit. Brevo's page calls `ts_epoch` milliseconds and shows seconds;
/// captures hold both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// `ts_epoch` in milliseconds; `ts` and `ts_event` in seconds: the usual form.
    #[default]
    Millis,
    /// `ts_epoch` in seconds, as the page's own sample has it.
    Seconds,
    /// `s_epoch` in milliseconds in place of `ts_epoch`, as captured of `proxy_open`.
    SEpoch,
    /// `ts_event` and `ts` alone, as captured of `complaint`.
    EventOnly,
    /// `ts` alone.
    TsOnly,
    /// `ts_epoch` right, `ts` and `ts_event` behind by this many hours: an account with a time zone (captured in 2018).
    Shifted(i8),
    /// No time but the local `date`.
    DateOnly,
}

/// The time zone of `date`: the page says CET or CEST; a reader that takes it for UTC is at least an hour off.
const DATE_OFFSET_HOURS: i8 = 1;

/// The webhook's id, which is the same in all its events and so tells none of them apart.
const WEBHOOK_ID: u32 = 814_119;

/// The payload of one event, to be changed at will.
#[derive(Debug, Clone, PartialEq)]
pub struct Event(Map<String, Value>);

impl Event {
    /// An event of `kind` with the fields that Brevo sends for it. `at` is cut to whole milliseconds, and where the kind
    /// carries no `ts_epoch` to whole seconds.
    pub fn of(kind: Kind, message_id: &str, email: &str, at: SystemTime) -> Self {
        let mut event = Self(Map::new())
            .with("event", kind.name())
            .with("email", email)
            .with("id", WEBHOOK_ID)
            .with("message-id", message_id);
        for (name, value) in extras(kind) {
            event = event.with(name, value);
        }
        event.at(at, usual_clock(kind))
    }

    /// With this spelling of the event's name.
    #[must_use]
    pub fn spelled(self, name: &str) -> Self {
        self.with("event", name)
    }

    /// With these times in place of all others.
    #[must_use]
    pub fn at(mut self, at: SystemTime, clock: Clock) -> Self {
        for name in ["date", "ts", "ts_event", "ts_epoch", "s_epoch"] {
            self.0.remove(name);
        }
        let millis = millis(at);
        let seconds = millis / 1000;
        self = self.with("date", date(at));
        match clock {
            Clock::Millis => self.seconds(seconds).with("ts_epoch", millis),
            Clock::Seconds => self.seconds(seconds).with("ts_epoch", seconds),
            Clock::SEpoch => self.seconds(seconds).with("s_epoch", millis),
            Clock::EventOnly => self.seconds(seconds),
            Clock::TsOnly => self.with("ts", seconds),
            Clock::Shifted(hours) => self.seconds(seconds - i64::from(hours) * 3600).with("ts_epoch", millis),
            Clock::DateOnly => self,
        }
    }

    /// With the message id between angle brackets, as captures show it.
    #[must_use]
    pub fn bracketed(self) -> Self {
        let bare = self.message_id().trim_matches(['<', '>']).to_owned();
        self.with("message-id", format!("<{bare}>"))
    }

    /// With the message id bare, as the page's samples show it.
    #[must_use]
    pub fn bare(self) -> Self {
        let bare = self.message_id().trim_matches(['<', '>']).to_owned();
        self.with("message-id", bare)
    }

    /// With the tags that its message was sent with, as captures show them: `tags` a list, `tag` the list as text. The
    /// field that the kind does not carry stays away; without tags both do.
    #[must_use]
    pub fn tagged(mut self, tags: &[String]) -> Self {
        for (name, value) in [("tags", json!(tags)), ("tag", json!(json!(tags).to_string()))] {
            if self.0.remove(name).is_some() && !tags.is_empty() {
                self = self.with(name, value);
            }
        }
        self
    }

    /// With this field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Without this field.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// The name in its payload.
    pub fn name(&self) -> &str {
        self.text("event")
    }

    /// The message that it speaks of, as spelled.
    pub fn message_id(&self) -> &str {
        self.text("message-id")
    }

    /// The payload.
    pub fn json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn seconds(self, seconds: i64) -> Self {
        self.with("ts", seconds).with("ts_event", seconds)
    }
}

/// The times that captures of `kind` carry.
const fn usual_clock(kind: Kind) -> Clock {
    match kind {
        Kind::Complaint => Clock::EventOnly,
        Kind::Error => Clock::Seconds,
        Kind::ProxyOpen | Kind::UniqueProxyOpen => Clock::SEpoch,
        _ => Clock::Millis,
    }
}

/// The further fields that captures of `kind` carry.
fn extras(kind: Kind) -> Vec<(&'static str, Value)> {
    let subject = || ("subject", json!("Welcome"));
    let ip = || ("sending_ip", json!("192.0.2.25"));
    let tags = || ("tags", json!(["platform"]));
    let tag = || ("tag", json!("[\"platform\"]"));
    let custom = || ("X-Mailin-custom", json!("origin:platform"));
    let reason = |text: &str| ("reason", json!(text));
    let sent = || {
        vec![subject(), custom(), ip(), ("template_id", json!(0)), tags(), tag(), ("contact_id", json!(0))]
    };
    match kind {
        Kind::Request => [sent(), vec![("mirror_link", json!("https://mail.example.com/m/1"))]].concat(),
        Kind::Click => [sent(), vec![("link", json!("https://example.com/welcome"))]].concat(),
        Kind::Delivered => vec![subject(), custom(), ip(), tags()],
        Kind::HardBounce => {
            vec![subject(), ip(), tags(), tag(), reason(" 550 5.1.1 no such user\n(in reply)")]
        }
        Kind::SoftBounce => vec![subject(), ip(), tags(), reason("452 4.2.2 mailbox full")],
        // Captured with a permanent reason: Brevo's own label does not always fit.
        Kind::Deferred => vec![subject(), ip(), tags(), reason("550 5.1.1 User unknown")],
        Kind::Blocked => vec![subject(), ip(), tags(), reason("blocked : due to blacklist user")],
        Kind::InvalidEmail => vec![subject(), tags(), reason("not an address")],
        Kind::Complaint => vec![custom(), tags()],
        Kind::Error => vec![subject(), custom(), ("template_id", json!(0)), tags()],
        Kind::Unsubscribed => vec![subject(), tags(), tag(), ("is_returnpath", json!(false))],
        Kind::ProxyOpen | Kind::UniqueProxyOpen => {
            vec![subject(), tags(), ip(), ("template_id", json!(0))]
        }
        Kind::Opened | Kind::UniqueOpened => vec![subject(), tags(), ip()],
    }
}

fn millis(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn date(at: SystemTime) -> String {
    let offset = UtcOffset::from_hms(DATE_OFFSET_HOURS, 0, 0).unwrap_or(UtcOffset::UTC);
    let local = OffsetDateTime::from(at).to_offset(offset);
    let shape = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    local.format(shape).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-05-31 14:37:07.250 UTC.
    fn moment() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_685_543_827_250)
    }

    fn event(kind: Kind) -> Value {
        Event::of(kind, "<202305311437.1@smtp-relay.mailin.fr>", "ada@example.com", moment()).json()
    }

    #[test]
    fn every_event_has_what_a_reader_needs() {
        for kind in Kind::ALL {
            let event = event(kind);
            for (name, wanted) in [("event", json!(kind.name())), ("ts_event", json!(1_685_543_827))] {
                assert_eq!(event[name], wanted, "{name} of {kind:?}");
            }
            assert!(event["message-id"].is_string() && event["email"].is_string(), "{kind:?}");
        }
    }

    #[test]
    fn times_come_in_the_units_that_were_captured() {
        assert_eq!(event(Kind::Delivered)["ts_epoch"], json!(1_685_543_827_250_i64));
        assert_eq!(event(Kind::Error)["ts_epoch"], json!(1_685_543_827));
        assert_eq!(event(Kind::ProxyOpen)["s_epoch"], json!(1_685_543_827_250_i64));
        assert_eq!(event(Kind::Complaint).get("ts_epoch"), None);
        assert_eq!(event(Kind::Delivered)["date"], json!("2023-05-31 15:37:07"), "an hour ahead of UTC");
    }

    #[test]
    fn a_clock_leaves_no_time_of_another() {
        let event = Event::of(Kind::Delivered, "m", "ada@example.com", moment());
        let only = |clock| {
            let event = event.clone().at(moment(), clock).json();
            let has = |name: &&str| event.get(*name).is_some();
            ["ts", "ts_event", "ts_epoch", "s_epoch"].into_iter().filter(has).collect::<Vec<_>>()
        };
        assert_eq!(only(Clock::DateOnly), [""; 0]);
        assert_eq!(only(Clock::TsOnly), ["ts"]);
        assert_eq!(only(Clock::EventOnly), ["ts", "ts_event"]);
        assert_eq!(only(Clock::SEpoch), ["ts", "ts_event", "s_epoch"]);
        let shifted = event.clone().at(moment(), Clock::Shifted(9)).json();
        assert_eq!(shifted["ts_event"], json!(1_685_543_827 - 9 * 3600));
    }

    #[test]
    fn an_id_is_bracketed_once() {
        let event = Event::of(Kind::Delivered, "m@x", "ada@example.com", moment());
        assert_eq!(event.clone().bracketed().bracketed().message_id(), "<m@x>");
        assert_eq!(event.bracketed().bare().message_id(), "m@x");
    }

    #[test]
    fn no_spelling_means_two_events() {
        let mut all: Vec<_> = Kind::ALL.iter().flat_map(|kind| kind.spellings()).collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
