//! The steps at which the worker is killed: each a message on one of its wires, held there while it dies.

use crate::delivery::outbox::{Mail, Outbox, PATIENCE};
use crate::held;
use sabot_engine::{CannotTell, Judgement};
use sabot_wire::hold::{Held, Hold};
use sabot_wire::http::{self, HeldRequest, Response};
use sabot_wire::pg::{self, HoldAt};
use serde_json::Value;
use std::fmt;
use tokio::time::timeout;

/// Where the worker is, seen from outside, when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Claim(HoldAt),
    Request,
    Answer,
    Insert(HoldAt),
    Commit(HoldAt),
    Cursor(HoldAt),
}

impl Step {
    pub(super) const ALL: [Self; 10] = [
        Self::Claim(HoldAt::Before),
        Self::Claim(HoldAt::Answered),
        Self::Request,
        Self::Answer,
        Self::Insert(HoldAt::Before),
        Self::Insert(HoldAt::Answered),
        Self::Commit(HoldAt::Before),
        Self::Commit(HoldAt::Answered),
        Self::Cursor(HoldAt::Before),
        Self::Cursor(HoldAt::Answered),
    ];

    /// The one after which the lease is left to end by itself; after the others it is ended by hand.
    pub(super) const LEASE_AWAITED: Self = Self::Answer;

    /// Causes an email and kills the worker when it is here with it. `None` where the target has no such step: then
    /// it lives.
    pub(super) async fn crash(self, outbox: &Outbox<'_>) -> Judgement<Option<Mail>> {
        let marks = &outbox.delivery.marks;
        match self {
            Self::Claim(at) => at_statement(outbox, &marks.claim, at, false).await.map(Some),
            Self::Request | Self::Answer => at_exchange(outbox, self == Self::Answer).await.map(Some),
            Self::Insert(at) => at_statement(outbox, &marks.sent, at, false).await.map(Some),
            Self::Commit(at) => at_commit(outbox, at).await,
            Self::Cursor(at) => at_statement(outbox, &marks.cursor, at, true).await.map(Some),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, at) = match self {
            Self::Claim(at) => ("claim", at),
            Self::Request => return f.pad("before the request"),
            Self::Answer => return f.pad("before the answer"),
            Self::Insert(at) => ("insert into the ledger", at),
            Self::Commit(at) => ("commit", at),
            Self::Cursor(at) => ("move of the cursor", at),
        };
        let side = if *at == HoldAt::Before { "before" } else { "after" };
        write!(f, "{side} the {what}")
    }
}

/// Kills it at a statement; where `entered`, at the first after the ledger has the email.
async fn at_statement(outbox: &Outbox<'_>, mark: &str, at: HoldAt, entered: bool) -> Judgement<Mail> {
    let wire = outbox.worker()?.postgres(&outbox.forwarder().database_wire)?;
    let (rule, mut hold) = pg::Rule::on(pg::Match::literal(mark)).hold(at);
    let rule = wire.set(rule).await?;
    let mail = outbox.cause_one().await?;
    let mut held = next(&mut hold, mark).await?;
    while entered && outbox.entries(std::slice::from_ref(&mail)).await?.is_empty() {
        drop(held);
        held = next(&mut hold, mark).await?;
    }
    kill(outbox, held).await?;
    let _closed = rule.remove().await;
    Ok(mail)
}

/// Kills it at the commit that follows the insert.
async fn at_commit(outbox: &Outbox<'_>, at: HoldAt) -> Judgement<Option<Mail>> {
    let wire = outbox.worker()?.postgres(&outbox.forwarder().database_wire)?;
    let mark = &outbox.delivery.marks.sent;
    let (rule, mut inserts) = pg::Rule::on(pg::Match::literal(mark)).hold(HoldAt::Answered);
    let inserting = wire.set(rule).await?;
    let mail = outbox.cause_one().await?;
    let insert = next(&mut inserts, mark).await?;
    let connection = insert.message().connection.number;
    let commit =
        pg::Match::regex(r"(?i)^\s*(COMMIT|END)\b").map_err(|error| CannotTell::new(error.to_string()))?;
    let (rule, mut commits) = pg::Rule::on(commit).hold(at);
    let committing = wire.set(rule).await?;
    drop(insert);
    let ours = async {
        loop {
            let held = commits.next().await?;
            if held.message().connection.number == connection {
                return Some(held);
            }
        }
    };
    // A statement that is a transaction of its own has none.
    let held = timeout(outbox.forwarder().send_limit, ours).await.ok().flatten();
    let killed = held.is_some();
    if let Some(held) = held {
        kill(outbox, held).await?;
    }
    let _closed = inserting.remove().await;
    let _closed = committing.remove().await;
    Ok(killed.then_some(mail))
}

/// Kills it while its request, or the answer to it, is on the way.
async fn at_exchange(outbox: &Outbox<'_>, answered: bool) -> Judgement<Mail> {
    let forwarder = outbox.forwarder();
    let wire = outbox.worker()?.http(&forwarder.provider_wire)?;
    let on = http::Rule::on(http::Match::path(&forwarder.send_path));
    let (rule, mut hold) = if answered { on.hold_response() } else { on.hold_request() };
    let rule = wire.set(rule);
    let mail = outbox.cause_one().await?;
    let held = loop {
        let held: Held<HeldRequest, Response> = next(&mut hold, "send").await?;
        let body: Value = serde_json::from_slice(&held.message().request.body).unwrap_or_default();
        if body.pointer(&forwarder.recipient).and_then(Value::as_str) == Some(&mail.recipient) {
            break held;
        }
    };
    kill(outbox, held).await?;
    rule.remove();
    Ok(mail)
}

/// What is held stays so until nobody is left who could send it again.
async fn kill<M, A>(outbox: &Outbox<'_>, held: Held<M, A>) -> Judgement {
    outbox.kill().await?;
    held.cut();
    Ok(())
}

async fn next<M, A>(hold: &mut Hold<M, A>, what: &str) -> Judgement<Held<M, A>> {
    held::next(hold, PATIENCE, format!("the forwarder never came to its {what}")).await
}
