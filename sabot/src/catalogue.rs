//! The catalogue of checks: as lines, as JSON, as Markdown (`INTEGRATION-TESTS.md`), and one check in full.

use sabot_engine::{Check, Need, Sabotage};
use sabot_target::{Lane, Target};
use serde_json::{Value, json};
use std::sync::Arc;

/// What the project promises; the table of it is shown first.
const README: &str = include_str!("../../README.md");

type Checks = [Arc<Check<Lane>>];
type Sabotages = [Sabotage<Lane>];

fn of<'a>(check: &Check<Lane>, sabotages: &'a Sabotages) -> Vec<&'a Sabotage<Lane>> {
    sabotages.iter().filter(|sabotage| sabotage.turns_red.contains(&check.id)).collect()
}

fn needs(check: &Check<Lane>) -> String {
    check.needs.iter().map(Need::to_string).collect::<Vec<_>>().join(", ")
}

/// How a sabotage is put on: its sorts and its nature.
fn how(sabotage: &Sabotage<Lane>) -> String {
    let sorts: Vec<_> = sabotage.sorts.iter().map(ToString::to_string).collect();
    format!("{}, of {}", sorts.join(" + "), sabotage.nature)
}

/// One line for each check.
pub(crate) fn text(checks: &Checks, sabotages: &Sabotages, target: &Target) -> String {
    checks.iter().fold(String::new(), |text, check| {
        let count = of(check, sabotages).len();
        let left_out = sabot_checks::leaves_out(target, check.id);
        let skipped = left_out.map(|reason| format!("  skipped: {reason}\n")).unwrap_or_default();
        text + &format!(
            "{:<26} {:<9} {count:>2} sabotages  needs {}\n  {}\n{skipped}",
            check.id,
            check.level,
            needs(check),
            check.failure_mode
        )
    })
}

/// Everything, for programs.
pub(crate) fn json(checks: &Checks, sabotages: &Sabotages, target: &Target) -> Value {
    let sabotage = |sabotage: &Sabotage<Lane>| {
        json!({
            "id": sabotage.id,
            "mistake": sabotage.mistake,
            "sorts": sabotage.sorts,
            "nature": sabotage.nature,
            "turns_red": sabotage.turns_red,
        })
    };
    let check = |check: &Arc<Check<Lane>>| {
        json!({
            "id": check.id,
            "track": check.track(),
            "level": check.level,
            "failure_mode": check.failure_mode,
            "asserts": check.asserts,
            "remedy": check.remedy,
            "needs": check.needs,
            "walks": check.walks,
            "no_cause": check.no_cause,
            "left_out": sabot_checks::leaves_out(target, check.id),
            "sabotages": of(check, sabotages).into_iter().map(sabotage).collect::<Vec<_>>(),
        })
    };
    Value::Array(checks.iter().map(check).collect())
}

/// One check in full.
pub(crate) fn explain(check: &Check<Lane>, sabotages: &Sabotages) -> String {
    let mut text = format!("{} ({})\n\n", check.id, check.level);
    for (name, value) in [
        ("without it", check.failure_mode),
        ("it asserts", check.asserts),
        ("it walks", check.walks.unwrap_or("no registry")),
        ("remedy", check.remedy),
        ("needs", &needs(check)),
    ] {
        text += &format!("{name:<11} {value}\n");
    }
    text += &format!("{:<11} {} s\n\nsabotages\n", "time limit", check.limit().as_secs());
    for sabotage in of(check, sabotages) {
        text += &format!("  {} ({})\n      {}\n", sabotage.id, how(sabotage), sabotage.mistake);
    }
    if let Some(why) = check.no_cause {
        text += &format!("\nno sabotage of cause: {why}\n");
    }
    text
}

/// The whole catalogue as a document.
pub(crate) fn markdown(checks: &Checks, sabotages: &Sabotages) -> String {
    let mut text = String::from(
        "# Integration tests: the catalogue of checks\n\n<!-- Generated: make catalogue -->\n\n\
         Each check guards against one failure mode. Each sabotage is a deliberate defect that `sabot prove` puts on, \
         and that must turn its check red.\n",
    );
    text += &format!("\n## What is promised, and what holds it\n\n{}", promises());
    let mut track = "";
    for check in checks {
        if check.track() != track {
            track = check.track();
            text += &format!("\n## {track}\n");
        }
        section(&mut text, check, sabotages);
    }
    if checks.iter().any(|check| check.track() == "readiness") {
        left_out(&mut text);
    }
    text
}

/// The README's table of promises.
fn promises() -> String {
    let table = README.lines().skip_while(|line| !line.starts_with("| promise |"));
    table.take_while(|line| line.starts_with('|')).fold(String::new(), |text, line| text + line + "\n")
}

fn section(text: &mut String, check: &Check<Lane>, sabotages: &Sabotages) {
    let walks = check.walks.unwrap_or("no registry");
    let rows = [
        ("what breaks without it", check.failure_mode.to_owned()),
        ("what it asserts", check.asserts.to_owned()),
        ("level", check.level.to_string()),
        ("needs", needs(check)),
        ("walks", walks.to_owned()),
        ("remedy", check.remedy.to_owned()),
    ];
    *text += &format!("\n### `{}`\n\n| | |\n| --- | --- |\n", check.id);
    for (name, value) in rows {
        *text += &format!("| {name} | {} |\n", cell(&value));
    }
    *text += "\n| what turns it red | the mistake it stands for | how |\n| --- | --- | --- |\n";
    for sabotage in of(check, sabotages) {
        *text += &format!("| `{}` | {} | {} |\n", sabotage.id, cell(&sabotage.mistake), how(sabotage));
    }
    if let Some(why) = check.no_cause {
        *text += &format!("\nNo sabotage of cause: {why}.\n");
    }
}

/// Text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The table of faults that `readiness.criticality` leaves out.
fn left_out(text: &mut String) {
    *text += "\n### Faults that `readiness.criticality` leaves out\n\n| dependency | fault | why |\n| --- | --- | --- |\n";
    for left_out in sabot_checks::left_out() {
        *text += &format!("| {} | {} | {} |\n", left_out.kind, left_out.fault, left_out.reason);
    }
}
