//! The outages of the database: each while rows of its own are on their way.

use super::Met;
use crate::held;
use crate::propagation::desk::{Desk, PATIENCE};
use crate::propagation::downstream::calls_of;
use sabot_engine::{CannotTell, Context as _, Judgement};
use sabot_wire::http;
use sabot_wire::pg::{CutAt, HoldAt, Match, Mode, PgWire, Rule};
use sabot_wire::rule::Nth;
use std::time::Duration;
use tokio::time::Instant;

/// Rows that meet each.
const ROWS: usize = 3;

/// How long the database stays away: long enough for several tries, and shorter than a lease.
const AWAY: Duration = Duration::from_millis(250);

/// How often it is looked whether a rule has acted; there is no event for that.
const POLL: Duration = Duration::from_millis(10);

/// Goes through all of them. That which costs a lease comes first: it runs out meanwhile.
pub(super) async fn outages(desk: &Desk<'_>) -> Judgement<Vec<Met>> {
    let mut met = cut_claim(desk, "loses the answer to a claim", HoldAt::Answered).await?;
    met.extend(cut_claim(desk, "is cut off before a claim", HoldAt::Before).await?);
    for (fault, at) in [
        ("is cut off within a completion", CutAt::Within),
        ("is cut off behind a completion", CutAt::Sent),
        ("loses the answer to a completion", CutAt::Answered),
    ] {
        if !desk.propagation.marks.complete.is_empty() {
            met.extend(cut_completion(desk, fault, at).await?);
        }
    }
    for (fault, outage) in
        [("restarts", Outage::Restarts), ("refuses connections", Outage::Refuses), ("hangs", Outage::Hangs)]
    {
        met.extend(away(desk, fault, outage).await?);
    }
    Ok(met)
}

async fn enqueue(desk: &Desk<'_>, fault: &'static str) -> Judgement<Vec<Met>> {
    let subjects = desk.subjects(ROWS).await?;
    let new: Vec<_> = subjects.iter().map(|subject| desk.due(subject)).collect::<Judgement<_>>()?;
    let ids = desk.insert(&new).await?;
    Ok(ids.into_iter().zip(subjects).map(|(id, subject)| Met { fault, id, subject }).collect())
}

fn wire<'a>(desk: &Desk<'a>) -> Judgement<&'a PgWire> {
    Ok(desk.worker()?.postgres(&desk.propagation.runner.database_wire)?)
}

/// The connection ends at a claim that is to take rows, or has taken them.
async fn cut_claim(desk: &Desk<'_>, fault: &'static str, at: HoldAt) -> Judgement<Vec<Met>> {
    let claim = Match::literal(&desk.propagation.marks.claim);
    let (rule, mut claims) = Rule::on(claim).hold(at);
    let rule = wire(desk)?.set(rule).await?;
    let met = enqueue(desk, fault).await?;
    let ids: Vec<_> = met.iter().map(|met| met.id).collect();
    loop {
        let claim = held::next(&mut claims, PATIENCE, "the runner no longer looks for work").await?;
        // What is not yet sent finds them.
        if at == HoldAt::Before || desk.has_claimed(&ids).await? {
            claim.cut();
            break;
        }
    }
    let _closed = rule.remove().await;
    Ok(met)
}

/// The connection ends at the next completion.
async fn cut_completion(desk: &Desk<'_>, fault: &'static str, at: CutAt) -> Judgement<Vec<Met>> {
    let complete = Match::literal(&desk.propagation.marks.complete);
    let rule = wire(desk)?.set(Rule::on(complete).nth(Nth::UpTo(1)).cut(at)).await?;
    let met = enqueue(desk, fault).await?;
    let deadline = Instant::now() + PATIENCE;
    while rule.tally().applied() == 0 {
        if Instant::now() >= deadline {
            return Err(CannotTell::new(format!("nothing met the fault: a database which {fault}")));
        }
        tokio::time::sleep(POLL).await;
    }
    let _closed = rule.remove().await;
    Ok(met)
}

#[derive(Debug, Clone, Copy)]
enum Outage {
    Restarts,
    Refuses,
    Hangs,
}

/// The database goes away while calls are on their way, and their answers come before it is back.
async fn away(desk: &Desk<'_>, fault: &'static str, outage: Outage) -> Judgement<Vec<Met>> {
    let wire = wire(desk)?;
    let downstream = desk.worker()?.http(&desk.propagation.runner.downstream_wire)?;
    let (rule, mut calls) = http::Rule::on(calls_of(&desk.propagation.downstream)).hold_response();
    let rule = downstream.set(rule);
    let met = enqueue(desk, fault).await?;
    let call = held::next(&mut calls, PATIENCE, "the runner called nobody").await?;
    match outage {
        Outage::Restarts => end_connections(desk, wire).await?,
        Outage::Refuses => wire.set_mode(Mode::Refuse).context("refusing connections to the database")?,
        Outage::Hangs => wire.set_mode(Mode::Hang).context("hanging the database")?,
    }
    call.release();
    rule.remove();
    if !matches!(outage, Outage::Restarts) {
        // The outage itself; what it does shows when it is over.
        tokio::time::sleep(AWAY).await;
    }
    wire.set_mode(Mode::Pass).context("giving the database back")?;
    Ok(met)
}

/// Ends every connection of the runner as a server does that is restarted.
async fn end_connections(desk: &Desk<'_>, wire: &PgWire) -> Judgement {
    let pids: Vec<_> = wire.connections().iter().filter_map(|connection| connection.backend_pid).collect();
    let end = "SELECT pg_terminate_backend(pid) FROM unnest($1::integer[]) AS own (pid)";
    desk.client.execute(end, &[&pids]).await.context("ending connections").map(drop)
}
