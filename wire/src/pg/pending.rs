//! Which request the server's next message answers.
//!
//! Every message that the server will answer stands in a queue until it has. Thus what the wire says by itself comes
//! at its right place among what the server says, also where the client pipelines.

use super::message::{self, ErrorResponse};
use super::statement::{Execution, Statement};
use crate::hold::Holder;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::sync::Arc;

/// A request that awaits its answer.
#[derive(Debug)]
pub(crate) enum Kind {
    /// The start-up and all of authentication, up to the first `ReadyForQuery`.
    Startup,
    Query,
    Function,
    Parse(Undo),
    Bind,
    /// Of a portal; or of a statement, whose parameters are answered too.
    Describe {
        statement: bool,
    },
    Execute,
    Close(Undo),
    Sync,
    /// Has no answer; makes the server send those before it.
    Flush,
    /// `CopyDone` or `CopyFail`; has no answer of its own.
    CopyEnd,
    /// What the wire answers by itself.
    Made {
        bytes: Bytes,
        last: bool,
    },
}

/// What to put back where the server refuses or skips a `Parse` or `Close`.
#[derive(Debug)]
pub(crate) struct Undo {
    pub(crate) name: Box<[u8]>,
    pub(crate) previous: Option<Arc<Statement>>,
}

/// What becomes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    Swallow,
    /// Passes but for its `ReadyForQuery`: a repeat follows.
    SwallowReady,
    /// Only its `ReadyForQuery` passes: it is the last repeat.
    OnlyReady,
    /// Only the description of columns passes, and errors.
    OnlyColumns,
    /// The error becomes this one.
    Substitute(Bytes),
}

/// What happens once the server has answered in full.
#[derive(Debug)]
pub(crate) enum After {
    Hold {
        holder: Holder<Execution, ErrorResponse>,
        execution: Box<Execution>,
    },
    Cut,
    /// The client is gone by then.
    Vanish,
}

/// A request in the queue.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) fate: Fate,
    pub(crate) after: Option<After>,
    /// To be acknowledged early, with this command tag, when the series ends.
    pub(crate) early: Option<String>,
}

impl From<Kind> for Entry {
    fn from(kind: Kind) -> Self {
        Self { kind, fate: Fate::Pass, after: None, early: None }
    }
}

impl Entry {
    pub(crate) fn new(kind: Kind, fate: Fate) -> Self {
        Self { fate, ..Self::from(kind) }
    }

    /// Whether its failure makes the server skip all up to the next `Sync`.
    const fn extended(&self) -> bool {
        matches!(
            self.kind,
            Kind::Parse(_) | Kind::Bind | Kind::Describe { .. } | Kind::Execute | Kind::Close(_)
        )
    }

    const fn ends_series(&self) -> bool {
        matches!(self.kind, Kind::Startup | Kind::Query | Kind::Function | Kind::Sync)
    }

    /// Whether a message of type `tag` is the last of the answer.
    const fn finishes(&self, tag: u8) -> bool {
        match self.kind {
            Kind::Startup | Kind::Query | Kind::Function | Kind::Sync => tag == b'Z',
            Kind::Parse(_) => tag == b'1',
            Kind::Bind => tag == b'2',
            Kind::Close(_) => tag == b'3',
            Kind::Describe { .. } => matches!(tag, b'T' | b'n'),
            Kind::Execute => matches!(tag, b'C' | b'I' | b's'),
            Kind::Flush | Kind::CopyEnd | Kind::Made { .. } => false,
        }
    }
}

/// What to do with one message of the server.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) pass: Pass,
    /// The answer is complete with it.
    pub(crate) finished: bool,
    /// From here on the answer is withheld.
    pub(crate) after: Option<After>,
    /// What the server has not done after all.
    pub(crate) undone: Vec<Undo>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Pass {
    #[default]
    Yes,
    No,
    Instead(Bytes),
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    queue: VecDeque<Entry>,
    /// The server skips everything up to a `Sync` that has not been sent yet.
    skipping: bool,
    /// The server takes `CopyData` for the request in front.
    copying: bool,
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.iter().all(|entry| matches!(entry.kind, Kind::Flush | Kind::CopyEnd))
    }

    /// Adds a request that is sent now. Gives back what the server will not do, being in the course of skipping.
    pub(crate) fn push(&mut self, entry: impl Into<Entry>) -> Option<Undo> {
        let entry = entry.into();
        if self.skipping {
            match entry.kind {
                Kind::Sync => self.skipping = false,
                Kind::Parse(undo) | Kind::Close(undo) => return Some(undo),
                _ => return None,
            }
        }
        let ended = || self.queue.iter().any(|entry| matches!(entry.kind, Kind::CopyEnd));
        // In the course of a copy the server ignores a `Sync`.
        if !(self.copying && matches!(entry.kind, Kind::Sync) && !ended()) {
            self.queue.push_back(entry);
        }
        None
    }

    /// Whether a `Parse` is still to be answered.
    pub(crate) fn parses(&self) -> bool {
        self.queue.iter().any(|entry| matches!(entry.kind, Kind::Parse(_)))
    }

    /// Whether the client has asked for what has been answered so far.
    pub(crate) fn flush_is_next(&self) -> bool {
        self.queue.front().is_some_and(|entry| matches!(entry.kind, Kind::Flush))
    }

    /// What the wire has to say next; `true` where it is the connection's last word.
    pub(crate) fn take_made(&mut self) -> Option<(Bytes, bool)> {
        self.settle();
        match self.queue.front() {
            Some(Entry { kind: Kind::Made { .. }, .. }) => {}
            _ => return None,
        }
        match self.queue.pop_front()?.kind {
            Kind::Made { bytes, last } => Some((bytes, last)),
            _ => None,
        }
    }

    fn settle(&mut self) {
        while let Some(entry) = self.queue.front() {
            match entry.kind {
                Kind::Flush => {}
                Kind::CopyEnd if !self.copying => {}
                _ => break,
            }
            self.queue.pop_front();
        }
    }

    /// Takes note of a message of type `tag` from the server. What is [made](Self::take_made) has been taken before.
    pub(crate) fn answered(&mut self, tag: u8) -> Verdict {
        self.settle();
        let Some(front) = self.queue.front_mut() else { return Verdict::default() };
        if matches!(tag, b'A' | b'S') {
            return Verdict::default();
        }
        let mut verdict = Verdict { pass: pass(&mut front.fate, tag), ..Verdict::default() };
        if tag == b'N' {
            return verdict;
        }
        verdict.after = front.after.take();
        let extended = front.extended();
        verdict.finished = front.finishes(tag) || (tag == b'E' && extended);
        match tag {
            b'G' => self.begin_copy(),
            b'C' | b'E' | b'Z' => self.copying = false,
            _ => {}
        }
        if tag == b'E' && extended {
            verdict.undone = self.skip_series();
        } else if verdict.finished {
            self.queue.pop_front();
        }
        verdict
    }

    /// A copy to the server has begun: it ignores each `Sync` up to the copy's end.
    fn begin_copy(&mut self) {
        self.copying = true;
        let end = self
            .queue
            .iter()
            .position(|entry| matches!(entry.kind, Kind::CopyEnd))
            .unwrap_or(self.queue.len());
        let mut index = 0;
        self.queue.retain(|entry| {
            index += 1;
            index > end || !matches!(entry.kind, Kind::Sync)
        });
    }

    /// Drops all up to the next `Sync`, as the server does after an error. The latest first, so that what is undone
    /// ends as it was before the first.
    fn skip_series(&mut self) -> Vec<Undo> {
        let mut undone = Vec::new();
        self.skipping = true;
        while let Some(entry) = self.queue.pop_front() {
            match entry.kind {
                Kind::Sync => {
                    self.queue.push_front(entry);
                    self.skipping = false;
                    break;
                }
                Kind::Parse(undo) | Kind::Close(undo) => undone.push(undo),
                _ => {}
            }
        }
        undone.reverse();
        undone
    }

    fn series_start(&self) -> usize {
        self.queue.iter().rposition(Entry::ends_series).map_or(0, |last| last + 1)
    }

    /// Forgets the requests since the last `Sync`: nobody will read their answers.
    pub(crate) fn abandon_series(&mut self) {
        let start = self.series_start();
        self.queue.truncate(start);
    }

    /// Answers the series that now ends in the server's place, and has the server's own answers swallowed. Says
    /// `false`, and changes nothing, where an answer would need what only the server knows.
    pub(crate) fn acknowledge_series(&mut self, status: impl FnOnce(&str) -> u8) -> bool {
        let start = self.series_start();
        let mut answer = BytesMut::new();
        let mut command = None;
        for entry in self.queue.range(start..) {
            match (&entry.kind, &entry.early) {
                (Kind::Parse(_), _) => answer.extend_from_slice(&message::empty(b'1')),
                (Kind::Bind, _) => answer.extend_from_slice(&message::empty(b'2')),
                (Kind::Close(_), _) => answer.extend_from_slice(&message::empty(b'3')),
                (Kind::Describe { statement: false }, _) => answer.extend_from_slice(&message::empty(b'n')),
                (Kind::Execute, Some(tag)) => {
                    answer.extend_from_slice(&message::complete(tag));
                    command = Some(tag.clone());
                }
                (Kind::Flush | Kind::CopyEnd, _) => {}
                _ => return false,
            }
        }
        let Some(command) = command else { return false };
        answer.extend_from_slice(&message::ready(status(&command)));
        for entry in self.queue.range_mut(start..) {
            entry.fate = Fate::Swallow;
        }
        self.queue.insert(start, Kind::Made { bytes: answer.freeze(), last: false }.into());
        true
    }
}

fn pass(fate: &mut Fate, tag: u8) -> Pass {
    let passes = match fate {
        Fate::Pass => true,
        Fate::Swallow => false,
        Fate::SwallowReady => tag != b'Z',
        Fate::OnlyReady => tag == b'Z',
        Fate::OnlyColumns => matches!(tag, b'T' | b'E' | b'N'),
        Fate::Substitute(bytes) if tag == b'E' => return Pass::Instead(std::mem::take(bytes)),
        Fate::Substitute(_) => true,
    };
    if passes { Pass::Yes } else { Pass::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undo(name: &[u8]) -> Undo {
        Undo { name: name.into(), previous: None }
    }

    fn pushed(kinds: Vec<Kind>) -> Pending {
        let mut pending = Pending::default();
        for kind in kinds {
            assert!(pending.push(kind).is_none());
        }
        pending
    }

    #[test]
    fn each_answer_finishes_its_request() {
        let mut pending = pushed(vec![
            Kind::Parse(undo(b"s")),
            Kind::Bind,
            Kind::Describe { statement: true },
            Kind::Execute,
            Kind::Sync,
        ]);
        let finished = b"12tTDCZ".map(|tag| pending.answered(tag).finished);
        assert_eq!(finished, [true, true, false, true, false, true, true]);
        assert!(pending.is_empty());
    }

    #[test]
    fn an_error_skips_to_the_sync_also_when_it_is_still_to_come() {
        let mut pending = pushed(vec![Kind::Parse(undo(b"s")), Kind::Bind, Kind::Execute]);
        let verdict = pending.answered(b'E');
        assert_eq!(verdict.undone.len(), 1);
        assert!(pending.push(Kind::Parse(undo(b"t"))).is_some(), "the server skips it");
        assert!(pending.push(Kind::Execute).is_none());
        assert!(pending.is_empty());
        assert!(pending.push(Kind::Sync).is_none());
        assert!(pending.answered(b'Z').finished);
        assert!(pending.is_empty());
    }

    #[test]
    fn what_is_made_waits_for_its_turn() {
        let made = || Kind::Made { bytes: Bytes::from_static(b"made"), last: false };
        let mut pending = pushed(vec![Kind::Bind, made(), Kind::Sync]);
        assert!(pending.take_made().is_none());
        pending.answered(b'2');
        assert!(pending.take_made().is_some());
        assert!(pending.take_made().is_none());
        assert!(pending.answered(b'Z').finished);
    }

    #[test]
    fn an_error_skips_what_is_made_too() {
        let made = Kind::Made { bytes: Bytes::from_static(b"made"), last: false };
        let mut pending = pushed(vec![Kind::Bind, made, Kind::Sync]);
        pending.answered(b'E');
        assert!(pending.take_made().is_none());
        assert!(pending.answered(b'Z').finished);
    }

    #[test]
    fn a_sync_within_a_copy_has_no_answer() {
        let mut pending = pushed(vec![Kind::Bind, Kind::Execute, Kind::Sync]);
        pending.answered(b'2');
        assert!(!pending.answered(b'G').finished);
        assert!(pending.push(Kind::CopyEnd).is_none());
        assert!(pending.push(Kind::Sync).is_none());
        assert!(pending.answered(b'C').finished);
        assert!(pending.answered(b'Z').finished);
        assert!(pending.is_empty());
    }

    #[test]
    fn notices_and_notifications_belong_to_no_request() {
        let mut pending = pushed(vec![Kind::Query]);
        assert!(!pending.answered(b'A').finished);
        assert!(!pending.answered(b'N').finished);
        assert!(!pending.answered(b'E').finished, "a simple query is finished by its ReadyForQuery");
        assert!(pending.answered(b'Z').finished);
        assert_eq!(pending.answered(b'N').pass, Pass::Yes);
    }

    #[test]
    fn a_series_is_acknowledged_in_its_place() {
        let mut pending = pushed(vec![Kind::Query, Kind::Bind]);
        let early = Entry { early: Some("COMMIT".to_owned()), ..Kind::Execute.into() };
        assert!(pending.push(early).is_none());
        assert!(pending.acknowledge_series(|_| b'I'));
        assert!(pending.push(Entry::new(Kind::Sync, Fate::Swallow)).is_none());
        assert!(pending.take_made().is_none(), "the query before it comes first");
        assert_eq!(pending.answered(b'Z').pass, Pass::Yes);
        assert!(pending.take_made().is_some());
        assert!(b"2CZ".iter().all(|tag| pending.answered(*tag).pass == Pass::No));
    }

    #[test]
    fn a_series_that_describes_a_statement_is_not_acknowledged() {
        let mut pending = pushed(vec![Kind::Describe { statement: true }, Kind::Bind]);
        let early = Entry { early: Some("COMMIT".to_owned()), ..Kind::Execute.into() };
        assert!(pending.push(early).is_none());
        assert!(!pending.acknowledge_series(|_| b'I'));
    }
}
