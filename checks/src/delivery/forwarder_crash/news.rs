//! What the provider tells of the emails over which the worker was killed, and what the ledger has to say then.

use crate::delivery::event::{bare, documented};
use crate::delivery::outbox::{Entry, Mail, Outbox, PATIENCE};
use sabot_engine::{CannotTell, Context as _, Judgement};
use sabot_target::brevo::{Brevo, Event, Kind, Manner, Message, Script};
use std::fmt;
use std::time::SystemTime;

/// When the provider tells that an email was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// As soon as it has taken it, while the worker lies dead.
    AtOnce,
    /// Once the ledger has its row.
    Afterwards,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::AtOnce { "told at once" } else { "told once the row is there" })
    }
}

/// The provider as it tells; its manners come back, whatever comes.
pub(super) struct News<'a> {
    brevo: &'a Brevo,
    before: Script,
}

impl<'a> News<'a> {
    pub(super) fn of(brevo: &'a Brevo) -> Self {
        Self { brevo, before: brevo.settings().script }
    }

    /// From now on it tells of each message so.
    pub(super) fn tell(&self, told: Told) {
        let script = if told == Told::AtOnce { Script::delivered() } else { Script::silent() };
        self.brevo.configure(|settings| settings.script = script);
    }

    /// Tells now that `mail` was delivered, if it was taken.
    pub(super) async fn tell_now(&self, mail: &Mail) -> Judgement {
        let Some(Message { id, email, .. }) = message(self.brevo, mail) else { return Ok(()) };
        let event = Event::of(Kind::Delivered, &id, &mail.recipient, SystemTime::now()).tagged(&email.tags);
        let posting = self.brevo.deliver(&[event], Manner::default());
        posting.settled(PATIENCE).await.context("telling of a delivery")?;
        Ok(())
    }
}

impl Drop for News<'_> {
    fn drop(&mut self) {
        self.brevo.configure(|settings| settings.script.clone_from(&self.before));
    }
}

/// What the ledger is to say of `mail` once it was told of.
pub(super) fn expected(outbox: &Outbox<'_>, mail: &Mail) -> Judgement<Entry> {
    let delivered = documented(outbox.delivery, Kind::Delivered.name());
    let delivered = delivered.ok_or_else(|| CannotTell::new("no event tells of a delivery"))?;
    let provider_id = message(outbox.brevo, mail).map(|message| bare(outbox.delivery, &message.id));
    Ok(Entry { classification: Some(delivered.classification.clone()), provider_id })
}

fn message(brevo: &Brevo, mail: &Mail) -> Option<Message> {
    brevo.sent().into_iter().find(|message| message.email.to.contains(&mail.recipient))
}
