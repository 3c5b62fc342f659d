//! Holds: a message stops on the wire until somebody who waits for it has said what becomes of it.
//!
//! This is how "killed at each step" is done without a sleep: the check awaits [`Hold::next`], acts (kills a
//! process, changes a row) while the message is provably in flight, and then decides.

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// What becomes of a held message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<A> {
    /// Send it on as if nothing had happened.
    Release,
    /// Close the connection; the message is never sent.
    Cut,
    /// Answer in place of the receiver; the message is never sent.
    Answer(A),
}

/// One message that stopped on the wire. Dropping it releases the message, so that a check that panics leaves no
/// connection hanging.
#[derive(Debug)]
pub struct Held<M, A> {
    message: M,
    decision: Option<oneshot::Sender<Decision<A>>>,
}

impl<M, A> Held<M, A> {
    /// What is held.
    pub const fn message(&self) -> &M {
        &self.message
    }

    /// Sends the message on.
    pub fn release(self) {
        self.decide(Decision::Release);
    }

    /// Closes the connection instead of sending the message.
    pub fn cut(self) {
        self.decide(Decision::Cut);
    }

    /// Answers in place of the receiver.
    pub fn answer(self, answer: A) {
        self.decide(Decision::Answer(answer));
    }

    /// Carries out `decision`. Where the connection has gone in the meantime this does nothing.
    pub fn decide(mut self, decision: Decision<A>) {
        if let Some(sender) = self.decision.take() {
            drop(sender.send(decision));
        }
    }
}

/// The waiting end: yields each message that a hold rule stopped, in the order in which they stopped.
#[derive(Debug)]
pub struct Hold<M, A> {
    held: mpsc::UnboundedReceiver<Held<M, A>>,
    removed: CancellationToken,
}

impl<M, A> Hold<M, A> {
    /// Waits for the next held message; `None` once the rule or the wire is gone, whatever it held before: that has
    /// been released. Give it a time limit.
    pub async fn next(&mut self) -> Option<Held<M, A>> {
        tokio::select! {
            biased;
            () = self.removed.cancelled() => None,
            held = self.held.recv() => held,
        }
    }
}

/// The wire's end of a hold rule.
#[derive(Debug)]
pub(crate) struct Holder<M, A> {
    waiting: mpsc::UnboundedSender<Held<M, A>>,
    removed: CancellationToken,
}

impl<M, A> Clone for Holder<M, A> {
    fn clone(&self) -> Self {
        Self { waiting: self.waiting.clone(), removed: self.removed.clone() }
    }
}

impl<M, A> Holder<M, A> {
    /// Stops `message` until its fate is decided. Nobody waiting (any more) means release, and so does the rule's
    /// removal: what is undone must not harm a client.
    pub(crate) async fn hold(&self, message: M) -> Decision<A> {
        let (sender, decision) = oneshot::channel();
        if self.waiting.send(Held { message, decision: Some(sender) }).is_err() {
            return Decision::Release;
        }
        tokio::select! {
            biased;
            decision = decision => decision.unwrap_or(Decision::Release),
            () = self.removed.cancelled() => Decision::Release,
        }
    }
}

/// The two ends of a hold rule, and what is cancelled when it is removed.
pub(crate) fn pair<M, A>(removed: &CancellationToken) -> (Holder<M, A>, Hold<M, A>) {
    let (waiting, held) = mpsc::unbounded_channel();
    (Holder { waiting, removed: removed.clone() }, Hold { held, removed: removed.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_held_message_waits_for_its_decision() {
        let (holder, mut hold) = pair::<_, ()>(&CancellationToken::new());
        let wire = tokio::spawn(async move { holder.hold("message").await });
        let held = hold.next().await.unwrap();
        assert_eq!(*held.message(), "message");
        assert!(!wire.is_finished());
        held.cut();
        assert_eq!(wire.await.unwrap(), Decision::Cut);
    }

    #[tokio::test]
    async fn dropping_what_is_held_releases_it() {
        let (holder, mut hold) = pair::<_, ()>(&CancellationToken::new());
        let wire = tokio::spawn(async move { holder.hold(1).await });
        drop(hold.next().await);
        assert_eq!(wire.await.unwrap(), Decision::Release);
    }

    #[tokio::test]
    async fn nobody_waiting_means_release() {
        let (holder, hold) = pair::<_, ()>(&CancellationToken::new());
        drop(hold);
        assert_eq!(holder.hold(1).await, Decision::Release);
    }

    #[tokio::test]
    async fn removing_the_rule_releases_what_is_held_and_ends_the_hold() {
        let removed = CancellationToken::new();
        let (holder, mut hold) = pair::<_, ()>(&removed);
        let kept = holder.clone();
        let wire = tokio::spawn(async move { holder.hold(1).await });
        let held = hold.next().await.unwrap();
        removed.cancel();
        assert_eq!(wire.await.unwrap(), Decision::Release);
        held.cut();
        assert!(hold.next().await.is_none());
        assert_eq!(kept.hold(2).await, Decision::Release);
    }
}
