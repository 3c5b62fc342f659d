//! `recovery.cleanup`, `recovery.cleanup-failure` and `recovery.cleanup-crash`: nothing of a drill stays, however it ends.

use super::drill::{Drill, Ended, Order, PATIENCE};
use super::restore::logical;
use super::stand_in;
use super::traces::Traces;
use rustix::process::Signal;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_recovery::report::Phase;
use sabot_target::{Estate, Lane, Target};
use std::time::Duration;

pub(super) const PASSED: &str = "recovery.cleanup";
pub(super) const FAILED: &str = "recovery.cleanup-failure";
pub(super) const CRASHED: &str = "recovery.cleanup-crash";

/// How long what a drill had may outlive it: the kernel needs a moment to take processes and sockets away.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The same after SIGKILL, when nobody is left but what sees to the end of orphans.
const ORPHANED: Duration = Duration::from_secs(10);

/// The phases at whose beginning a drill is ended.
const PHASES: [Phase; 5] = [Phase::Fetch, Phase::Preflight, Phase::Restore, Phase::Verify, Phase::Smoke];

/// The signals that end it, with the exit code of one that has cleaned up after itself.
const SIGNALS: [(Signal, &str, Option<i32>); 3] = [
    (Signal::INT, "SIGINT", Some(130)),
    (Signal::TERM, "SIGTERM", Some(143)),
    (Signal::KILL, "SIGKILL", None),
];

const NEEDS: &[Need] = &[Need::Services, Need::Database, Need::Disposable];

pub(super) fn passed() -> Check<Lane> {
    Check {
        id: PASSED,
        level: Level::Baseline,
        failure_mode: "each nightly drill leaves its server behind, with a copy of production in it, until the disk is \
                       full or somebody finds the open port",
        asserts: "what a drill had while its restored server was up (processes, folders, listening ports) is gone when it \
                  has passed",
        remedy: "bind every process of the drill to it, and remove its folder and see that it has gone before it exits",
        needs: NEEDS,
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE,
        no_cause: None,
        judge: |cx| Box::pin(judge_passed(cx)),
    }
}

async fn judge_passed(cx: &Cx<'_, Lane>) -> Judgement {
    let estate = cx.lane().estate().await?;
    let (ended, _) = watched(cx, estate, &Order::of(estate, logical(cx.lane())?)?, "that passed").await?;
    if !ended.passed() {
        cx.find(Finding::new("the drill", "passes", ended.told()).evidence(ended.last_lines()));
    }
    Ok(())
}

/// Runs a drill, looks at what it has while its restored server is up, and whether all of it is gone at the end.
async fn watched(
    cx: &Cx<'_, Lane>,
    estate: &Estate,
    order: &Order,
    which: &str,
) -> Judgement<(Ended, Traces)> {
    let mut drill = Drill::start(estate, order)?;
    // The last phase that is sure to take a while.
    drill.begins(Phase::Verify).await?;
    let traces = drill.traces();
    let ended = drill.end().await?;
    nothing_left(cx, traces.clone(), AT_ONCE, &format!("a drill {which}")).await;
    Ok((ended, traces))
}

async fn nothing_left(cx: &Cx<'_, Lane>, traces: Traces, within: Duration, whose: &str) {
    let (processes, folders, ports) = traces.counts();
    cx.examined(processes + folders + ports);
    if folders == 0 || ports == 0 {
        let observed = format!("{processes} processes, {folders} folders, {ports} ports");
        cx.find(Finding::new(
            format!("{whose}, while it ran"),
            "a server in a labelled folder, on a port",
            observed,
        ));
    }
    let left = traces.left(within).await;
    if !left.is_empty() {
        let observed = format!("{} things left", left.len());
        let finding = Finding::new(format!("{whose}, {within:?} after its end"), "nothing left", observed);
        cx.find(left.into_iter().take(8).fold(finding, Finding::evidence));
    }
}

pub(super) fn failed() -> Check<Lane> {
    Check {
        id: FAILED,
        level: Level::Baseline,
        failure_mode: "a drill that fails stops where it is: the server stays up with the restored data, and the schedule \
                       sees exit code 0",
        asserts: "a drill whose smoke query fails, and one whose smoke query is an error, end with exit code 1 and a \
                  report that names the query, and nothing of them is left",
        remedy: "clean up on every path, and let the exit code say what the report says",
        needs: NEEDS,
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(2),
        no_cause: None,
        judge: |cx| Box::pin(judge_failed(cx)),
    }
}

async fn judge_failed(cx: &Cx<'_, Lane>) -> Judgement {
    let estate = cx.lane().estate().await?;
    let order = Order::of(estate, logical(cx.lane())?)?;
    for (how, query) in [("is false", "SELECT false"), ("is an error", "SELECT 1 / 0")] {
        let which = format!("whose smoke query {how}");
        let (ended, _) = watched(cx, estate, &order.clone().smoke(&[query]), &which).await?;
        let named = ended.report().is_some_and(|report| {
            report
                .problems
                .iter()
                .any(|problem| format!("{} {}", problem.subject, problem.message).contains(query))
        });
        cx.examined(1);
        if !ended.failed() || !named {
            let expected = "ends with exit code 1 and a report that names the query";
            cx.find(Finding::new(format!("a drill {which}"), expected, ended.told()));
        }
    }
    Ok(())
}

pub(super) fn crashed() -> Check<Lane> {
    Check {
        id: CRASHED,
        level: Level::Baseline,
        failure_mode: "the job is cancelled, or the node is drained, in the middle of a drill: a server with a copy of \
                       production stays up, and nobody knows of it",
        asserts: "a drill that gets SIGINT or SIGTERM at the beginning of any phase cleans up and ends with 130 or 143; \
                  after SIGKILL everything that it had is gone within 10 s, by itself",
        remedy: "bind every process to the drill by its parent's death, and let what guards them remove the folder",
        needs: NEEDS,
        walks: None,
        sharing: Sharing::Lane,
        deadline: PATIENCE.saturating_mul(4),
        no_cause: None,
        judge: |cx| Box::pin(judge_crashed(cx)),
    }
}

async fn judge_crashed(cx: &Cx<'_, Lane>) -> Judgement {
    let estate = cx.lane().estate().await?;
    let order = Order::of(estate, logical(cx.lane())?)?.held();
    let mut ended = 0;
    for phase in PHASES {
        for (signal, name, code) in SIGNALS {
            if signalled(cx, estate, &order, phase, (signal, name, code)).await? {
                ended += 1;
            }
        }
    }
    cx.fact("drills ended by a signal", ended);
    Ok(())
}

async fn signalled(
    cx: &Cx<'_, Lane>,
    estate: &Estate,
    order: &Order,
    phase: Phase,
    (signal, name, code): (Signal, &str, Option<i32>),
) -> Judgement<bool> {
    let mut drill = Drill::start(estate, order)?;
    if !drill.begins(phase).await? {
        let ended = drill.end().await?;
        let subject = format!("a drill that is to be ended in {phase}");
        cx.find(Finding::new(subject, "comes that far", ended.told()).evidence(ended.last_lines()));
        return Ok(false);
    }
    let traces = drill.traces();
    drill.signal(signal)?;
    drill.exited().await?;
    let within = if code.is_some() { AT_ONCE } else { ORPHANED };
    // Before its input ends, on which what it may have left waits.
    let left = traces.left(within).await;
    let ended = drill.end().await?;
    let whose = format!("a drill ended by {name} in {phase}");
    cx.examined(1);
    if code.is_some() && ended.status.code() != code {
        let expected = code.map(|code| format!("exit code {code}")).unwrap_or_default();
        cx.find(Finding::new(whose.clone(), expected, ended.told()));
    }
    if !left.is_empty() {
        let finding = Finding::new(
            format!("{whose}, {within:?} later"),
            "nothing left",
            format!("{} things left", left.len()),
        );
        cx.find(left.into_iter().take(8).fold(finding, Finding::evidence));
    }
    Ok(true)
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    vec![
        stand_in::program(
            &[PASSED, FAILED],
            "detached-helper",
            "the restore starts a watcher of its own that detaches itself and ignores the end",
            "pg_restore",
            |_, _| {
                Ok("setsid sleep 600 </dev/null >/dev/null 2>&1 &\necho $! > \"$HERE/stray-$$\"\nexec \"$REAL\" \"$@\"".into())
            },
        ),
        stand_in::program(
            &[CRASHED],
            "signal-not-passed-on",
            "the job's entry point is a shell script that starts the drill and passes no signal on",
            &target.recovery.backups.program,
            |_, _| {
                Ok("trap 'exit 143' TERM\ntrap 'exit 130' INT\n\"$REAL\" \"$@\" <&0 &\necho $! > \"$HERE/stray-$$\"\nwait $!".into())
            },
        ),
    ]
}
