//! Rules: which statements, which of them by number, and what becomes of them.

use super::message::ErrorResponse;
use super::pattern::{Match, Pattern};
use super::statement::Execution;
use crate::hold::{self, Hold, Holder};
use crate::rule::Nth;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// When a connection is cut. An execution is a `Query`, or the `Execute` of a statement parsed earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutAt {
    /// Before the matching message is sent.
    Before,
    /// When the first half of its bytes has been sent.
    Within,
    /// When it has been sent (with all up to the next `Sync`), before its response is read. The server is left to
    /// finish it.
    Sent,
    /// When the server has answered, before the answer goes to the client.
    Answered,
}

/// Where a message is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldAt {
    /// Before it is sent to the server.
    Before,
    /// When the server has done it and answered, before the answer goes to the client.
    Answered,
}

/// What becomes of a matching statement.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Rewrite { find: Pattern, replace: String },
    Delay(Duration),
    Refuse,
    Hang,
    Cut(CutAt),
    Answer(ErrorResponse),
    Complete(String),
    Repeat(u32),
    AckEarly(String),
    Hold(HoldAt, Holder<Execution, ErrorResponse>),
    Notify(mpsc::UnboundedSender<Execution>),
}

impl Action {
    pub(crate) const fn rewrites(&self) -> bool {
        matches!(self, Self::Rewrite { .. })
    }

    /// Whether it needs the bound parameters of an execution.
    pub(crate) const fn needs_bind(&self) -> bool {
        matches!(self, Self::Repeat(_) | Self::Hold(..) | Self::Notify(_))
    }
}

/// A rule, to be set on a [`PgWire`](super::PgWire).
///
/// Rules act on executions, each `Query` and each `Execute`, in the order in which they were set; a rewrite acts on
/// the text, in each `Query` and `Parse`. A rule that ends a message hides it from those after it.
#[derive(Debug)]
pub struct Rule {
    pub(crate) matcher: Match,
    pub(crate) nth: Nth,
    pub(crate) action: Action,
    /// Cancelled when the rule is removed: delays end, what is held goes on, hung connections end.
    pub(crate) removed: CancellationToken,
}

/// Yields each execution that [`When::notify`] saw.
#[derive(Debug)]
pub struct Seen {
    executions: mpsc::UnboundedReceiver<Execution>,
    removed: CancellationToken,
}

impl Seen {
    /// Waits for the next; `None` once the rule or the wire is gone and all that was seen before is told. Give it a
    /// time limit.
    pub async fn next(&mut self) -> Option<Execution> {
        tokio::select! {
            biased;
            execution = self.executions.recv() => execution,
            () = self.removed.cancelled() => None,
        }
    }
}

/// The first half of a rule: what it is about.
#[derive(Debug, Clone)]
pub struct When {
    matcher: Match,
    nth: Nth,
}

impl Rule {
    /// Begins a rule about the statements that `matcher` means.
    pub const fn on(matcher: Match) -> When {
        When { matcher, nth: Nth::Every }
    }
}

impl When {
    /// Only these of the matching executions (of a rewrite: texts).
    #[must_use]
    pub const fn nth(mut self, nth: Nth) -> Self {
        self.nth = nth;
        self
    }

    /// Replaces every occurrence of `find` in the text. The number and types of the parameters and the number of
    /// statements must stay; where they would not, the statement fails with an error that names the rule.
    ///
    /// Setting or removing such a rule closes the connections on which a statement that it concerns is prepared.
    pub fn rewrite(self, find: impl Into<Pattern>, replace: impl Into<String>) -> Rule {
        self.act(Action::Rewrite { find: find.into(), replace: replace.into() })
    }

    /// Waits for `time` before the message is sent.
    pub fn delay(self, time: Duration) -> Rule {
        self.act(Action::Delay(time))
    }

    /// Resets the connection instead of sending the message.
    pub fn refuse(self) -> Rule {
        self.act(Action::Refuse)
    }

    /// Never sends the message nor anything after it; the connection stays, until the rule is removed.
    pub fn hang(self) -> Rule {
        self.act(Action::Hang)
    }

    /// Closes the connection.
    pub fn cut(self, at: CutAt) -> Rule {
        self.act(Action::Cut(at))
    }

    /// Fails the statement with `error` in the server's place: the transaction is aborted as by a real error, and
    /// the rest of a pipeline skipped. A fatal one ends the connection.
    pub fn answer(self, error: ErrorResponse) -> Rule {
        self.act(Action::Answer(error))
    }

    /// Answers with the command tag `tag`, such as `UPDATE 0` or `SELECT 0`, and no row; the statement is parsed by
    /// the server, for the description of its columns, but never executed.
    pub fn complete(self, tag: impl Into<String>) -> Rule {
        self.act(Action::Complete(tag.into()))
    }

    /// Has the server execute the statement `times` times in all; the client sees the first response. In the
    /// extended protocol the repeats follow the client's `Sync`: outside a transaction they commit by themselves.
    pub fn repeat(self, times: u32) -> Rule {
        self.act(Action::Repeat(times))
    }

    /// Answers with the command tag `tag`, such as `COMMIT`, at once, and still sends the statement; what the server
    /// then says is lost.
    pub fn acknowledge_early(self, tag: impl Into<String>) -> Rule {
        self.act(Action::AckEarly(tag.into()))
    }

    /// Holds the message until whoever has the other end has decided.
    pub fn hold(self, at: HoldAt) -> (Rule, Hold<Execution, ErrorResponse>) {
        let removed = CancellationToken::new();
        let (holder, hold) = hold::pair(&removed);
        (Rule { removed, ..self.act(Action::Hold(at, holder)) }, hold)
    }

    /// Tells of each matching execution without stopping it.
    pub fn notify(self) -> (Rule, Seen) {
        let (sender, executions) = mpsc::unbounded_channel();
        let rule = self.act(Action::Notify(sender));
        let removed = rule.removed.clone();
        (rule, Seen { executions, removed })
    }

    fn act(self, action: Action) -> Rule {
        Rule { matcher: self.matcher, nth: self.nth, action, removed: CancellationToken::new() }
    }
}

/// A rule that cannot be set.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleError {
    /// An early acknowledgement that would need rows.
    #[error(
        "`{tag}` cannot be acknowledged early: the client expects rows or a copy, which only the server has; acknowledge a command without rows, such as COMMIT or UPDATE"
    )]
    Rows {
        /// The command tag.
        tag: String,
    },
    /// No command tag.
    #[error("`{tag}` is no command tag; give one as the server would, such as `COMMIT` or `UPDATE 1`")]
    Tag {
        /// What was given.
        tag: String,
    },
    /// A rewrite that some connections still go without.
    #[error(
        "{connections} connection(s) with a statement that the rewrite concerns could not be closed, so it was not set; close them or leave mode hang, and set it again"
    )]
    StillOpen {
        /// How many.
        connections: usize,
    },
    /// A repeat less than once.
    #[error("a statement cannot be sent {times} times; answer in its place to have it not sent at all")]
    Times {
        /// How often.
        times: u32,
    },
    /// An answer whose fields a client would not understand.
    #[error("`{sqlstate}` is no SQLSTATE: five digits or capital letters, such as 40001")]
    Sqlstate {
        /// What was given.
        sqlstate: String,
    },
    /// A severity that no server sends.
    #[error("`{severity}` is no severity of an error; give ERROR, FATAL or PANIC")]
    Severity {
        /// What was given.
        severity: String,
    },
}

impl Rule {
    /// Refuses what could never do what it says.
    pub(crate) fn check(&self) -> Result<(), RuleError> {
        match &self.action {
            Action::Repeat(times) if *times == 0 => Err(RuleError::Times { times: *times }),
            Action::Answer(error) => check_error(error),
            Action::Complete(tag) => check_tag(tag),
            Action::AckEarly(tag) => {
                check_tag(tag)?;
                let command = tag.split(' ').next().unwrap_or_default();
                let rows =
                    ["SELECT", "FETCH", "SHOW", "EXPLAIN", "COPY", "VALUES", "TABLE", "CALL", "EXECUTE"];
                if rows.contains(&command) { Err(RuleError::Rows { tag: tag.clone() }) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
}

fn check_tag(tag: &str) -> Result<(), RuleError> {
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ';
    if tag.starts_with(|c: char| c.is_ascii_uppercase()) && tag.chars().all(plain) && tag.len() < 64 {
        Ok(())
    } else {
        Err(RuleError::Tag { tag: tag.to_owned() })
    }
}

/// Refuses an error that no server would send.
pub(crate) fn check_error(error: &ErrorResponse) -> Result<(), RuleError> {
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    if error.sqlstate.len() != 5 || !error.sqlstate.chars().all(plain) {
        return Err(RuleError::Sqlstate { sqlstate: error.sqlstate.clone() });
    }
    if !["ERROR", "FATAL", "PANIC"].contains(&error.severity.as_str()) {
        return Err(RuleError::Severity { severity: error.severity.clone() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_rows_cannot_be_acknowledged_early() {
        let early = |tag: &str| Rule::on(Match::any()).acknowledge_early(tag).check();
        assert_eq!(early("COMMIT"), Ok(()));
        assert_eq!(early("INSERT 0 1"), Ok(()));
        assert_eq!(early("SELECT 1"), Err(RuleError::Rows { tag: "SELECT 1".to_owned() }));
        assert_eq!(early("commit"), Err(RuleError::Tag { tag: "commit".to_owned() }));
    }

    #[test]
    fn an_answer_that_no_client_would_understand_is_refused() {
        let answer = |error| Rule::on(Match::any()).answer(error).check();
        assert!(answer(ErrorResponse::error("40001", "again")).is_ok());
        assert!(answer(ErrorResponse::error("oops", "again")).is_err());
        assert!(
            answer(ErrorResponse { severity: "BAD".into(), ..ErrorResponse::error("40001", "") }).is_err()
        );
    }
}
