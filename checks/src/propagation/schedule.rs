//! `propagation.schedule`: the wait after each failure is the one that is promised, to the second.

use super::cause::{durations, has_failed, on_queue, runner_with};
use super::desk::{Desk, PATIENCE};
use super::downstream::{StandIn, unavailable};
use super::parts::unseen;
use super::queue::{Row, sketch};
use crate::held;
use crate::sabotage::trigger;
use crate::sql::ident;
use sabot_engine::{
    Attempt, Check, Cx, Figure, Finding, Judgement, Level, Need, Sabotage, Sharing, Timeline,
};
use sabot_target::propagation::Runner;
use sabot_target::{Instance, Lane, Propagation, Target};
use sabot_wire::http::{Match, Rule};
use std::ops::RangeInclusive;
use std::time::Duration;

pub(super) const ID: &str = "propagation.schedule";

/// By how much a wait may be off.
const EXACT: f64 = 1.0;

/// How many attempts more than by default are allowed, to see what follows the last step.
const BEYOND: u32 = 4;

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the schedule is off by one, or stays at its first step: a downstream that is away for an hour is \
                       called a thousand times, or a change reaches it a day late",
        asserts: "rows that have failed 0, 1, 2 … times fail once more, side by side: the next attempt is after the last \
                  one by exactly the documented step, within a second, both as persisted; with more attempts allowed on \
                  an instance at its default settings, the last step follows the last; and a claim there hides its row \
                  for the documented lease",
        remedy: "take the step from the list by the number of failures, the last one where the list ends, and write both \
                 times by the database's clock in one statement",
        needs: &[Need::Services, Need::Database, Need::Wires],
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(3),
        no_cause: None,
        judge: |cx| Box::pin(judge(cx)),
    }
}

async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let desk = Desk::open(cx.lane()).await?;
    let by_default = desk.propagation.runner.max_attempts;
    let failing = StandIn::answering(&desk, |_| unavailable())?;
    // The one before the last attempt is the last that is followed by a wait.
    steps(cx, &desk, "", &(1..by_default).collect::<Vec<_>>()).await?;
    drop(failing);
    if desk.propagation.runner.default_lease.is_zero() {
        let why = "says that the runner does not start without its settings";
        unseen(cx, "an instance at its default settings", why);
    } else if !cx.is_red() {
        let judged = at_defaults(cx, &desk).await;
        // Whatever came of it: nobody after this one finds the shared runner asleep.
        desk.resume().await?;
        judged?;
    }
    desk.clear().await
}

/// Each of `failures` is the next failure of a row of its own.
async fn steps(cx: &Cx<'_, Lane>, desk: &Desk<'_>, how: &str, failures: &[u32]) -> Judgement {
    let subjects = desk.subjects(failures.len()).await?;
    let new: Vec<_> = subjects
        .iter()
        .zip(failures)
        .map(|(subject, failures)| Ok(desk.due(subject)?.attempts(attempts(*failures)? - 1)))
        .collect::<Judgement<_>>()?;
    let begun = desk.now().await?;
    let ids = desk.insert(&new).await?;
    let rows = desk.awaited(&ids, |row| row.last_attempt_at.is_some() && !row.held).await?;
    let ended = desk.now().await?;
    for (id, failures) in ids.iter().zip(failures) {
        judge_step(cx, desk, &format!("failure {failures}{how}"), rows.get(id), *failures, begun..=ended)?;
    }
    let waits: Vec<_> = ids
        .iter()
        .zip(failures)
        .map(|(id, failures)| (*failures, rows.get(id).and_then(Row::step)))
        .collect();
    cx.figure(timeline(&desk.propagation.runner, &format!("the attempts of a row{how}"), &waits));
    Ok(())
}

/// The attempts of one row, put together from the waits of several that failed once each: the number of failures before
/// the wait, and the wait as persisted.
fn timeline(runner: &Runner, name: &str, waits: &[(u32, Option<f64>)]) -> Figure {
    let (mut expected, mut observed) = (0.0, 0.0);
    let attempt = |(failures, wait): &(u32, Option<f64>)| {
        expected += step(runner, *failures).as_secs_f64();
        observed += (*wait)?;
        Some(Attempt { name: format!("attempt {}", failures + 1), expected, observed })
    };
    let attempts = waits.iter().map_while(attempt).collect();
    Figure::Timeline(Timeline { name: name.to_owned(), attempts })
}

/// Judges the wait of a row after its `failures`-th failure, which came within a time by the database's clock.
pub(super) fn judge_step(
    cx: &Cx<'_, Lane>,
    desk: &Desk<'_>,
    what: &str,
    row: Option<&Row>,
    failures: u32,
    within: RangeInclusive<i64>,
) -> Judgement {
    cx.examined(1);
    let expected = step(&desk.propagation.runner, failures);
    if let Some(observed) = wrong(row, failures, expected, within)? {
        let expected = format!("{} s, failures: {failures}", expected.as_secs());
        let finding = Finding::new(format!("the wait after {what}"), expected, observed);
        let whole = row.map_or_else(String::new, |row| row.whole.clone());
        cx.find(finding.evidence(whole).evidence(desk.last_lines()));
    } else if let Some(step) = row.and_then(Row::step) {
        cx.fact(format!("the wait after {what}"), format!("{step:.6} s"));
    }
    Ok(())
}

/// What is wrong with a row after its failure, if anything is.
fn wrong(
    row: Option<&Row>,
    failures: u32,
    expected: Duration,
    within: RangeInclusive<i64>,
) -> Judgement<Option<String>> {
    let waiting = row.filter(|row| row.is_waiting() && row.attempts > 0);
    let Some((row, step)) = waiting.and_then(|row| Some((row, row.step()?))) else {
        return Ok(Some(sketch(row)));
    };
    if (step - expected.as_secs_f64()).abs() > EXACT || row.attempts != attempts(failures)? {
        return Ok(Some(format!("{step} s, failures: {}", row.attempts)));
    }
    let attempted_now = row.last_attempt_at.is_some_and(|at| within.contains(&at));
    Ok((!attempted_now)
        .then(|| "the last attempt is not when it was attempted, by the database's clock".into()))
}

/// The wait after the `failures`-th failure, from one.
fn step(runner: &Runner, failures: u32) -> Duration {
    let place = usize::try_from(failures).unwrap_or(usize::MAX).clamp(1, runner.schedule.len().max(1));
    runner.schedule.get(place - 1).copied().unwrap_or_default()
}

fn attempts(failures: u32) -> Judgement<i32> {
    Ok(i32::try_from(failures)?)
}

/// On an instance at its default settings, but for more attempts, with the shared runner out of the way.
async fn at_defaults(cx: &Cx<'_, Lane>, desk: &Desk<'_>) -> Judgement {
    let runner = &desk.propagation.runner;
    let env = &runner.env;
    let left_out = [
        &env.schedule,
        &env.max_attempts,
        &env.lease,
        &env.dispatch_limit,
        &env.poll,
        &env.stale_after,
        &env.concurrency,
        &env.batch,
    ];
    let more = vec![(env.max_attempts.clone(), (runner.max_attempts + BEYOND).to_string())];
    let more = if is_seen_beyond(runner) { more } else { Vec::new() };
    desk.pause().await?;
    let further = desk.lane.further_without(&runner.service, &left_out.map(String::as_str), &more).await?;
    let mut failing = StandIn::answering(desk, |_| unavailable())?;
    failing.join(&further)?;
    let last = runner.max_attempts;
    let failures = if is_seen_beyond(runner) {
        vec![1, last, last + 1, last + BEYOND - 1]
    } else {
        unseen(cx, "what follows the last step", "names no setting for max_attempts");
        (1..last).filter(|failures| [1, last - 1].contains(failures)).collect()
    };
    steps(cx, desk, " at the default settings", &failures).await?;
    if !cx.is_red() {
        lease(cx, desk, &further).await?;
    }
    further.stop().await;
    Ok(())
}

/// Whether more attempts than by default can be allowed, to see what follows the last step.
fn is_seen_beyond(runner: &Runner) -> bool {
    !runner.default_lease.is_zero() && !runner.env.max_attempts.is_empty()
}

/// How long a claim hides its row: read while its call is held.
async fn lease(cx: &Cx<'_, Lane>, desk: &Desk<'_>, further: &Instance) -> Judgement {
    let (runner, downstream) = (&desk.propagation.runner, &desk.propagation.downstream);
    let subject = desk.subject().await?;
    let (rule, mut held) = Rule::on(Match::path(downstream.path_of(subject.resource))).hold_request();
    let rule = further.http(&runner.downstream_wire)?.set(rule);
    let before = desk.now().await?;
    let id = desk.insert_one(desk.due(&subject)?).await?;
    let call = held::next(&mut held, PATIENCE, "an instance at its default settings called nobody").await?;
    let after = desk.now().await?;
    let rows = desk.rows(&[id]).await?;
    call.release();
    rule.remove();
    cx.examined(1);
    #[expect(clippy::cast_precision_loss, reason = "minutes in microseconds are far below 2^53")]
    let until = |since: i64| rows.get(&id).map(|row| (row.next_attempt_at - since) as f64 / 1e6);
    let expected = runner.default_lease.as_secs_f64();
    // The claim was between the two.
    let (longest, shortest) = (until(before).unwrap_or_default(), until(after).unwrap_or_default());
    if longest < expected - EXACT || shortest > expected + EXACT {
        let subject = "how long a claim hides a row, at the default settings";
        let observed = format!("between {shortest:.1} s and {longest:.1} s");
        cx.find(Finding::new(subject, format!("{expected} s"), observed).evidence(further.log(4).join("\n")));
    } else {
        cx.fact("the lease at the default settings", format!("{expected} s"));
    }
    desk.awaited(&[id], Row::is_waiting).await.map(drop)
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let runner = &propagation.runner;
    let endless = runner_with(
        &[ID],
        "endless-lease",
        "the lease is doubled for one slow downstream, and stays so",
        propagation,
        (&runner.env.lease, durations(&[runner.default_lease * 2])),
    );
    let endless = endless.filter(|_| !runner.default_lease.is_zero());
    lists(propagation).into_iter().chain(times(propagation)).chain(endless).collect()
}

/// Another list of steps than the documented one.
fn lists(propagation: &Propagation) -> Vec<Sabotage<Lane>> {
    let schedule = &propagation.runner.schedule;
    let scheduled = |name: &str, mistake: &str, schedule: &[Duration]| {
        runner_with(
            &[ID],
            name,
            mistake,
            propagation,
            (&propagation.runner.env.schedule, durations(schedule)),
        )
    };
    let [first, rest @ ..] = schedule.as_slice() else { return Vec::new() };
    if rest.is_empty() {
        return Vec::new();
    }
    let lists = [
        scheduled(
            "constant",
            "the backoff is made constant, so that nobody has to wait a day",
            std::slice::from_ref(first),
        ),
        scheduled(
            "off-by-one",
            "the schedule is looked up by the number of failures, counted from zero where it counts from one",
            rest,
        ),
    ];
    lists.into_iter().flatten().collect()
}

/// Other times than those of the list.
fn times(propagation: &Propagation) -> Vec<Sabotage<Lane>> {
    let (runner, queue) = (&propagation.runner, &propagation.queue);
    let (next, attempts) = (ident(&queue.next_attempt_at), ident(&queue.attempts));
    let (schedule, failed) = (&runner.schedule, has_failed(propagation));
    let on_failure = |name: &str, mistake: &str, body: String| {
        trigger::put(&[ID], name, mistake, &on_queue(propagation, "BEFORE UPDATE", body))
    };
    let last = ident(&queue.last_attempt_at);
    // Of a row that was never attempted the time before its claim is that of its enqueue.
    let before = if queue.created_at.is_empty() {
        "now()".to_owned()
    } else {
        format!("OLD.{}", ident(&queue.created_at))
    };
    let mut times = vec![
        on_failure(
            "jittered",
            "jitter is added to the backoff, as is good custom elsewhere",
            format!(
                "IF {failed} THEN NEW.{next} := now() + (NEW.{next} - now()) * 1.1 + interval '2 s'; END IF;"
            ),
        ),
        on_failure(
            "when-claimed",
            "the last attempt is stamped with the time of the claim before it, which the row still has",
            format!(
                "IF {failed} THEN NEW.{last} := COALESCE(OLD.{last}, {before}) - interval '1 s'; \
                 NEW.{next} := NEW.{last} + (NEW.{next} - now()); END IF;"
            ),
        ),
    ];
    let first = schedule.first().copied().unwrap_or_default().as_secs();
    let behind = usize::try_from(runner.max_attempts).unwrap_or(usize::MAX);
    if is_seen_beyond(runner) || schedule.len() + 1 < behind {
        times.push(on_failure(
            "starts-over",
            "where the list of steps ends the modulo takes over, and the first step comes again",
            format!(
                "IF {failed} AND NEW.{attempts} > {} THEN NEW.{next} := now() + interval '{first} s'; END IF;",
                schedule.len()
            ),
        ));
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_step_follows_the_last() {
        let runner = Target::embedded().propagation.runner;
        let steps =
            |failures: &[u32]| failures.iter().map(|n| step(&runner, *n).as_secs()).collect::<Vec<_>>();
        assert_eq!(steps(&[1, 2, 9, 10, 11, 99]), [60, 300, 57_600, 86_400, 86_400, 86_400]);
    }

    #[test]
    fn what_is_off_by_more_than_a_second_is_wrong() {
        let row = |attempts, step: i64| Row {
            kind: String::new(),
            attempts,
            next_attempt_at: step + 5,
            last_attempt_at: Some(5),
            last_error: None,
            applied_at: None,
            failed_at: None,
            held: false,
            lost_leases: Some(0),
            whole: String::new(),
        };
        let minute = Duration::from_secs(60);
        let verdict = |row: &Row| wrong(Some(row), 1, minute, 0..=10).unwrap();
        assert_eq!(verdict(&row(1, 60_900_000)), None);
        assert!(verdict(&row(1, 61_100_000)).is_some_and(|told| told.starts_with("61.1 s")));
        assert!(verdict(&row(1, 58_900_000)).is_some() && verdict(&row(2, 60_000_000)).is_some());
        assert!(
            verdict(&Row { last_attempt_at: Some(11), next_attempt_at: 60_000_011, ..row(1, 0) }).is_some()
        );
        assert!(verdict(&Row { failed_at: Some(5), ..row(1, 60_000_000) }).is_some());
        assert!(wrong(None, 1, minute, 0..=10).unwrap().is_some());
    }
}
