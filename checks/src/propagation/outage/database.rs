//! The outages of the database: each while rows of its own are on their way.

use super::Met;
use crate::propagation::desk::{Desk, PATIENCE};
use crate::propagation::downstream::calls_of;
use sabot_engine::{CannotTell, Context as _, Judgement};
use sabot_wire::http;
use sabot_wire::pg::{CutAt, Match, Mode, PgWire, Rule};
use sabot_wire::rule::Nth;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Rows that meet each.
const ROWS: usize = 3;

/// How long the database stays away: long enough for several tries, and shorter than a lease.
const AWAY: Duration = Duration::from_millis(250);

/// How often it is looked whether a rule has acted; there is no event for that.
const POLL: Duration = Duration::from_millis(10);

/// Goes through all of them. That which costs a lease comes first: it runs out meanwhile.
pub(super) async fn outages(desk: &Desk<'_>) -> Judgement<Vec<Met>> {
    let mut met = Vec::new();
    let marks = &desk.propagation.marks;
    for (fault, mark, at) in [
        ("loses the answer to a claim", &marks.claim, CutAt::Answered),
        ("is cut off within a claim", &marks.claim, CutAt::Within),
        ("is cut off within a completion", &marks.complete, CutAt::Within),
        ("is cut off behind a completion", &marks.complete, CutAt::Sent),
        ("loses the answer to a completion", &marks.complete, CutAt::Answered),
    ] {
        met.extend(cut(desk, fault, mark, at).await?);
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
    let new: Vec<_> = subjects.iter().map(|subject| desk.new(subject)).collect::<Judgement<_>>()?;
    let ids = desk.insert(&new).await?;
    Ok(ids.into_iter().zip(subjects).map(|(id, subject)| Met { fault, id, subject }).collect())
}

fn wire<'a>(desk: &Desk<'a>) -> Judgement<&'a PgWire> {
    Ok(desk.worker()?.postgres(&desk.propagation.runner.database_wire)?)
}

/// The connection ends at the next statement of this mark that is about rows.
async fn cut(desk: &Desk<'_>, fault: &'static str, mark: &str, at: CutAt) -> Judgement<Vec<Met>> {
    let wire = wire(desk)?;
    // Held before its claim the runner finds rows with the next one.
    let halted = desk.halt(desk.worker()?).await?;
    let met = enqueue(desk, fault).await?;
    let rule = wire.set(Rule::on(Match::literal(mark)).nth(Nth::UpTo(1)).cut(at)).await?;
    halted.go_on().await;
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
    let call = timeout(PATIENCE, calls.next()).await.ok().flatten();
    let call = call.ok_or_else(|| CannotTell::new("the runner called nobody"))?;
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
