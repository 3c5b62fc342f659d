//! `contract.orphans`: every entry of the registry is of a kind that a source declares.

use super::entries::{Declared, Entries};
use super::tamper::{in_registry, removed};
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, Target};
use std::time::Duration;

pub(super) const ID: &str = "contract.orphans";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "an email is written, translated and signed off for an event that nobody has written since spring, \
                       or whose name has a slip of the pen in it: it is never sent, and looks as if it were",
        asserts: "each entry of the registry is of a kind that the patterns find in the sources, those aside that are \
                  exempt as no kinds",
        remedy: "take the entry out with what hangs on it, or give it the name under which the kind is written",
        needs: &[Need::Files],
        walks: Some("the entries of the registry of kinds"),
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(5),
        no_cause: None,
        judge: |cx| Box::pin(async move { judge(cx) }),
    }
}

fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let (declared, entries) = (Declared::read(cx.lane())?, Entries::read(cx.lane())?);
    let files = cx.lane().target().contract.declared.iter().flat_map(|source| &source.files);
    let files = files.map(String::as_str).collect::<Vec<_>>().join(", ");
    for entry in entries.iter() {
        cx.examined(1);
        if !declared.has(&entry.kind) {
            let observed = if declared.is_found(&entry.kind) { "exempt there as no kind" } else { "none" };
            let expected = format!("a declaration in {files}");
            cx.find(Finding::new(entries.sketch(entry), expected, observed));
        }
    }
    cx.fact("entries", entries.iter().count());
    Ok(())
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let slip = in_registry(
        &[ID],
        "slip-of-the-pen",
        "an entry is added by hand, and its name is one letter off",
        target,
        |registry| {
            let slip = registry.kinds.first().map(|entry| {
                let mut slip = entry.clone();
                slip.kind.push('s');
                slip
            });
            registry.kinds.extend(slip);
        },
    );
    let mistake = "a feature goes with its constant, and its entry and its email stay";
    vec![slip, removed(&[ID], "constant-removed", mistake, target, None)]
}
