//! What the rules have to do when a series of messages ends with its `Sync`: acknowledge it early, repeat it.

use super::board::Active;
use super::message;
use super::pending::{Entry, Fate, Kind, Undo};
use super::up::{Outcome, Up};
use bytes::{Bytes, BytesMut};

impl Up {
    pub(super) async fn sync(&mut self, bytes: &[u8]) -> Outcome {
        let early = self.series.early.take().is_some_and(|active| self.acknowledge_early(&active));
        let repeats = std::mem::take(&mut self.series.repeats);
        let fate = match (early, repeats.is_empty()) {
            (true, _) => Fate::Swallow,
            (false, true) => Fate::Pass,
            (false, false) => Fate::SwallowReady,
        };
        self.request(Entry::new(Kind::Sync, fate), bytes);
        let last = repeats.len();
        for (index, repeat) in repeats.iter().enumerate() {
            self.repeat_series(repeat, early, index + 1 == last);
        }
        self.end_cut().await?;
        self.end_series();
        Ok(())
    }

    /// Sends `Close`, `Bind` and `Execute` of a repeat with a `Sync` of its own.
    fn repeat_series(&mut self, messages: &[u8], early: bool, last: bool) {
        let undo =
            Undo { name: Box::default(), previous: self.session.state().statements.get(&b""[..]).cloned() };
        self.request(Entry::new(Kind::Close(undo), Fate::Swallow), &[]);
        self.request(Entry::new(Kind::Bind, Fate::Swallow), &[]);
        self.request(Entry::new(Kind::Execute, Fate::Swallow), messages);
        let fate = if last && !early { Fate::OnlyReady } else { Fate::Swallow };
        self.request(Entry::new(Kind::Sync, fate), &message::sync());
    }

    fn acknowledge_early(&self, active: &Active) -> bool {
        let mut state = self.session.state();
        let current = state.status;
        let done = state.pending.acknowledge_series(|command| status_after(command, current));
        drop(state);
        if done {
            active.act(self.session.number);
            self.session.wake.notify_one();
        } else {
            active.refuse("the series describes a statement or executes another one besides, which only the server can answer".to_owned());
        }
        done
    }
}

/// The transaction status once `command` has been done.
pub(super) fn status_after(command: &str, current: u8) -> u8 {
    match command.split(' ').next() {
        Some("COMMIT" | "ROLLBACK") => b'I',
        Some("BEGIN" | "START") => b'T',
        _ if current == b'T' => b'T',
        _ => b'I',
    }
}

/// What repeats an execution: the portal anew, with the same parameters.
pub(super) fn repeat_of(portal: &[u8], bind: &[u8], execute: &[u8]) -> Bytes {
    let mut bytes = BytesMut::from(message::close_portal(portal));
    bytes.extend_from_slice(bind);
    bytes.extend_from_slice(execute);
    bytes.freeze()
}
