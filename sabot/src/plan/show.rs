//! A plan as text and as JSON.

use super::{Mode, Plan, Step};
use sabot_engine::{Need, Sharing};
use serde_json::{Value, json};
use std::time::Duration;

fn needs(step: &Step) -> String {
    step.check.needs.iter().map(Need::to_string).collect::<Vec<_>>().join(", ")
}

fn sharing(step: &Step) -> &'static str {
    match step.check.sharing {
        Sharing::Lane => "a lane of its own",
        Sharing::Alone => "alone, since it measures time",
        Sharing::Last => "last on a lane",
    }
}

/// For people.
pub(crate) fn text(plan: &Plan) -> String {
    let mut text = format!("plan for {}; nothing was started\n", plan.target);
    for step in &plan.steps {
        let (deadline, limit) = (step.check.deadline.as_secs(), step.check.limit().as_secs());
        let head = format!("\n{:<30} {}", step.check.id, step.mode);
        text += &match &step.skipped {
            None => format!("{head}, {}\n", sharing(step)),
            Some((reason, true)) => format!("{head}\n  skipped  {reason} (allowed)\n"),
            Some((reason, false)) => format!("{head}\n  skipped  {reason}\n"),
        };
        if step.skipped.is_none() {
            let parts = [
                ("needs", needs(step)),
                ("writes", step.writes().to_owned()),
                ("calls", step.calls().to_owned()),
                ("alerts", step.alerts().to_owned()),
                ("takes", format!("its waits end within {deadline} s; it is given up after {limit} s")),
            ];
            for (name, value) in parts {
                text += &format!("  {name:<8} {value}\n");
            }
        }
    }
    text + &totals(plan)
}

fn totals(plan: &Plan) -> String {
    let mut text = String::from("\ntotals\n");
    for mode in Mode::ALL {
        let number = plan.would_run().filter(|step| step.mode == mode).count();
        if number > 0 {
            text += &format!("  {number:>3} {mode:<13} {}\n", mode.does());
        }
    }
    let skipped = plan.steps.iter().filter_map(|step| step.skipped.as_ref());
    let (allowed, not) = skipped.partition::<Vec<_>, _>(|(_, allowed)| *allowed);
    text += &format!("  {:>3} skipped, {} of them allowed\n", allowed.len() + not.len(), allowed.len());
    if !not.is_empty() {
        text += "      a run with a skip that is not allowed ends with 2\n";
    }
    text += &format!(
        "  at most {} on {} lanes by the limits of the checks, the making of lanes aside; most end long before\n",
        told(plan.at_most()),
        plan.lanes
    );
    text
}

fn told(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

/// For programs.
pub(crate) fn json(plan: &Plan) -> Value {
    let step = |step: &Step| {
        json!({
            "id": step.check.id,
            "track": step.check.track(),
            "level": step.check.level,
            "mode": step.mode.to_string(),
            "needs": step.check.needs,
            "shares": sharing(step),
            "writes": step.writes(),
            "calls": step.calls(),
            "alerts": step.alerts(),
            "skipped": step.skipped.as_ref().map(|(reason, _)| reason),
            "skip_allowed": step.skipped.as_ref().is_some_and(|(_, allowed)| *allowed),
            "deadline_s": step.check.deadline.as_secs(),
            "limit_s": step.check.limit().as_secs(),
        })
    };
    let modes = Mode::ALL.map(|mode| {
        let number = plan.would_run().filter(|step| step.mode == mode).count();
        (mode.to_string(), json!(number))
    });
    json!({
        "target": plan.target,
        "lanes": plan.lanes,
        "checks": plan.steps.iter().map(step).collect::<Vec<_>>(),
        "totals": {
            "run": plan.would_run().count(),
            "skipped": plan.steps.len() - plan.would_run().count(),
            "modes": Value::Object(modes.into_iter().collect()),
            "at_most_s": plan.at_most().as_secs(),
        },
    })
}
