//! Rules: what a wire does to the requests that a matcher means.

use super::matcher::Match;
use super::message::{Request, Response};
use super::wire::Shared;
use crate::hold::{self, Hold, Holder};
use crate::rule::{Nth, RuleId, Tally};
use std::fmt;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Where a cut falls. Both connections are closed there, the client's and the upstream's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing of the request is sent on.
    BeforeRequest,
    /// The head and half of the body are sent on; half of the head where there is no body.
    WithinRequest,
    /// The whole request is sent on and its answer not awaited: the upstream sees its client go.
    AfterRequest,
    /// The upstream has answered in full, and the client gets nothing of it: the lost answer.
    BeforeResponse,
    /// The client gets the head and half of the body; half of the head where there is no body.
    WithinResponse,
    /// The client gets the whole answer, and then the connections close.
    AfterResponse,
}

/// Which of several answers the client of a repeated request is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// The answer to the first copy.
    #[default]
    First,
    /// The answer to the last copy.
    Last,
}

/// What stopped on the wire: a request before it is sent on, or a response before it is given to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRequest {
    /// The number of the client's connection, counted from 1.
    pub connection: u64,
    /// The request, its body included.
    pub request: Request,
    /// The upstream's response, where the response is held.
    pub response: Option<Response>,
}

/// How the forwarding of a request ended that had been acknowledged early.
#[derive(Debug)]
pub struct Forwarded {
    /// The request that was forwarded.
    pub request: Request,
    /// What the upstream answered, which no client has seen.
    pub answer: io::Result<Response>,
}

/// Yields the end of each forwarding of [`On::acknowledge_early`], in the order in which they ended.
#[derive(Debug)]
pub struct Forwards(mpsc::UnboundedReceiver<Forwarded>);

impl Forwards {
    /// Waits for the next; `None` once the rule or the wire is gone. Give it a time limit.
    pub async fn next(&mut self) -> Option<Forwarded> {
        self.0.recv().await
    }
}

/// Yields each request that [`On::notify`] saw, with its headers and without its body.
#[derive(Debug)]
pub struct Seen(mpsc::UnboundedReceiver<Request>);

impl Seen {
    /// Waits for the next; `None` once the rule or the wire is gone. Give it a time limit.
    pub async fn next(&mut self) -> Option<Request> {
        self.0.recv().await
    }
}

/// What is done to matching requests. Several rules may act on one request: in the order in which they were set,
/// before it is sent on and again when it is answered. All of them match the request as the client sent it. One
/// that refuses, hangs or cuts before the request has the last word. One that answers stands in for the upstream:
/// what other rules do before and after it is done all the same; of several, the first one answers.
#[derive(Debug)]
pub struct Rule {
    matching: Match,
    nth: Nth,
    action: Action,
    removed: CancellationToken,
}

impl Rule {
    /// A rule on the requests that `matching` means; say next what is done to them.
    pub const fn on(matching: Match) -> On {
        On { matching, nth: Nth::Every }
    }
}

/// The first half of a rule: on which requests it acts.
#[derive(Debug)]
#[must_use = "say what is done to these requests"]
pub struct On {
    matching: Match,
    nth: Nth,
}

impl On {
    /// Only on these of the matching requests.
    pub const fn nth(mut self, nth: Nth) -> Self {
        self.nth = nth;
        self
    }

    /// Waits so long before the request is sent on.
    #[must_use]
    pub fn delay_request(self, wait: Duration) -> Rule {
        self.act(Action::DelayRequest(wait))
    }

    /// Waits so long before the response is given to the client.
    #[must_use]
    pub fn delay_response(self, wait: Duration) -> Rule {
        self.act(Action::DelayResponse(wait))
    }

    /// Resets the connection; nothing is sent on. (To refuse connections before they carry a request, see
    /// [`Mode::Refuse`](crate::tcp::Mode::Refuse).)
    #[must_use]
    pub fn refuse(self) -> Rule {
        self.act(Action::Refuse)
    }

    /// Reads the request, sends nothing on and never answers, until the client goes or the rule is removed.
    #[must_use]
    pub fn hang(self) -> Rule {
        self.act(Action::Hang)
    }

    /// Closes the connections at this point.
    #[must_use]
    pub fn cut(self, cut: Cut) -> Rule {
        self.act(Action::Cut(cut))
    }

    /// Answers in place of the upstream.
    #[must_use]
    pub fn answer(self, answer: Response) -> Rule {
        self.act(Action::Answer(answer))
    }

    /// Answers in place of the upstream with what `answer` makes of the request. It must not block.
    #[must_use]
    pub fn answer_with(self, answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Rule {
        self.act(Action::AnswerWith(Closure(Box::new(answer))))
    }

    /// Sends the request `times` times, one after the other; the client gets one of the answers once all are there.
    /// 0 is as 1: answer in place of the upstream to have it not sent at all.
    #[must_use]
    pub fn repeat(self, times: u32, shown: Shown) -> Rule {
        self.act(Action::Repeat(times, shown))
    }

    /// Answers the client as soon as the request is there, and forwards it on a connection of its own. That goes on
    /// when the rule is removed, and is given up after a minute.
    #[must_use]
    pub fn acknowledge_early(self, answer: Response) -> (Rule, Forwards) {
        let (ended, forwards) = mpsc::unbounded_channel();
        (self.act(Action::AcknowledgeEarly(answer, ended)), Forwards(forwards))
    }

    /// Changes the request before it is sent on. The rule has acted where the closure changed something.
    #[must_use]
    pub fn rewrite_request(self, rewrite: impl Fn(&mut Request) + Send + Sync + 'static) -> Rule {
        self.act(Action::RewriteRequest(Closure(Box::new(rewrite))))
    }

    /// Changes the response before it is given to the client, also one that another rule answered with. The rule
    /// has acted where the closure changed something.
    #[must_use]
    pub fn rewrite_response(self, rewrite: impl Fn(&mut Response) + Send + Sync + 'static) -> Rule {
        self.act(Action::RewriteResponse(Closure(Box::new(rewrite))))
    }

    /// Holds the request before it is sent on.
    #[must_use]
    pub fn hold_request(self) -> (Rule, Hold<HeldRequest, Response>) {
        let removed = CancellationToken::new();
        let (holder, hold) = hold::pair(&removed);
        (Rule { removed, ..self.act(Action::HoldRequest(holder)) }, hold)
    }

    /// Holds the response before it is given to the client; the upstream has answered in full by then.
    #[must_use]
    pub fn hold_response(self) -> (Rule, Hold<HeldRequest, Response>) {
        let removed = CancellationToken::new();
        let (holder, hold) = hold::pair(&removed);
        (Rule { removed, ..self.act(Action::HoldResponse(holder)) }, hold)
    }

    /// Tells of the request without stopping it. What is not asked for is kept, so remove the rule in time.
    #[must_use]
    pub fn notify(self) -> (Rule, Seen) {
        let (seen, sight) = mpsc::unbounded_channel();
        (self.act(Action::Notify(seen)), Seen(sight))
    }

    fn act(self, action: Action) -> Rule {
        Rule { matching: self.matching, nth: self.nth, action, removed: CancellationToken::new() }
    }
}

/// A closure of the caller's.
pub(super) struct Closure<F: ?Sized>(pub(super) Box<F>);

impl<F: ?Sized> fmt::Debug for Closure<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closure")
    }
}

type AnswerWith = dyn Fn(&Request) -> Response + Send + Sync;
type RewriteRequest = dyn Fn(&mut Request) + Send + Sync;
type RewriteResponse = dyn Fn(&mut Response) + Send + Sync;

#[derive(Debug)]
pub(super) enum Action {
    DelayRequest(Duration),
    DelayResponse(Duration),
    Refuse,
    Hang,
    Cut(Cut),
    Answer(Response),
    AnswerWith(Closure<AnswerWith>),
    Repeat(u32, Shown),
    AcknowledgeEarly(Response, mpsc::UnboundedSender<Forwarded>),
    RewriteRequest(Closure<RewriteRequest>),
    RewriteResponse(Closure<RewriteResponse>),
    HoldRequest(Holder<HeldRequest, Response>),
    HoldResponse(Holder<HeldRequest, Response>),
    Notify(mpsc::UnboundedSender<Request>),
}

impl Action {
    /// Whether the whole request has to be there for it.
    pub(super) const fn needs_request(&self) -> bool {
        matches!(
            self,
            Self::AnswerWith(_)
                | Self::Repeat(..)
                | Self::AcknowledgeEarly(..)
                | Self::RewriteRequest(_)
                | Self::HoldRequest(_)
                | Self::HoldResponse(_)
        )
    }

    /// Whether it answers in place of the upstream.
    pub(super) const fn stands_in(&self) -> bool {
        matches!(self, Self::Answer(_) | Self::AnswerWith(_) | Self::AcknowledgeEarly(..))
    }

    /// Whether the whole response has to be there for it.
    pub(super) const fn needs_response(&self) -> bool {
        matches!(
            self,
            Self::Repeat(..)
                | Self::RewriteResponse(_)
                | Self::HoldResponse(_)
                | Self::Cut(Cut::BeforeResponse)
        )
    }
}

/// A rule that has been set.
#[derive(Debug)]
pub(super) struct Installed {
    pub(super) id: RuleId,
    pub(super) matching: Match,
    pub(super) nth: Nth,
    pub(super) action: Action,
    pub(super) tally: Tally,
    /// Cancelled when the rule is removed: what waits on its account goes on or ends.
    pub(super) removed: CancellationToken,
}

impl From<Rule> for Installed {
    fn from(rule: Rule) -> Self {
        Self {
            id: RuleId::next(),
            matching: rule.matching,
            nth: rule.nth,
            action: rule.action,
            tally: Tally::default(),
            removed: rule.removed,
        }
    }
}

/// A rule on a wire. Dropping the handle leaves the rule in place.
#[derive(Debug, Clone)]
pub struct RuleHandle {
    id: RuleId,
    tally: Tally,
    wire: Weak<Shared>,
}

impl RuleHandle {
    pub(super) fn new(rule: &Installed, wire: &Arc<Shared>) -> Self {
        Self { id: rule.id, tally: rule.tally.clone(), wire: Arc::downgrade(wire) }
    }

    /// The number of the rule, as records name it.
    pub const fn id(&self) -> RuleId {
        self.id
    }

    /// What the rule has seen and done so far; it lives on when the rule is removed.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Removes the rule. What it delays or holds goes on; connections that hang on its account are closed.
    pub fn remove(&self) {
        if let Some(wire) = self.wire.upgrade() {
            wire.remove_rules(|rule| rule.id == self.id);
        }
    }
}
