//! `contract.consumers`: every kind that the sources declare has its entry in the registry.

use super::audit_known;
use super::entries::{Declared, Entries, list};
use super::tamper::{added, in_registry, renamed};
use sabot_contract::Registry;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, Target};
use std::time::Duration;

pub(super) const ID: &str = "contract.consumers";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "somebody adds an event, and nobody thinks of who consumes it: it is written faithfully for months, \
                       and no customer is told and no system is changed",
        asserts: "each kind that the patterns find in the sources, those aside that are exempt, has one entry in the \
                  registry",
        remedy: "add an entry that says who consumes the kind, or why nobody does; where the constant is no kind, exempt \
                 it with a reason",
        needs: &[Need::Files],
        walks: Some("the kinds that the sources declare"),
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(5),
        no_cause: None,
        judge: |cx| Box::pin(async move { judge(cx) }),
    }
}

fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let (declared, entries) = (Declared::read(cx.lane())?, Entries::read(cx.lane())?);
    for (kind, places) in declared.kinds() {
        cx.examined(1);
        let count = entries.count(kind);
        if count != 1 {
            let subject = format!("the kind `{kind}`, declared in {}", list(places));
            let observed = if count == 0 { "none".to_owned() } else { count.to_string() };
            cx.find(Finding::new(subject, format!("one entry in {}", entries.document), observed));
        }
    }
    cx.fact("kinds declared", declared.kinds().count());
    cx.fact("files read for them", declared.files());
    Ok(())
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let mut sabotages = vec![
        added(
            &[ID],
            "constant-added",
            "a constant is added with the code that writes it, and the registry is another team's",
            target,
            "sabotage.added",
        ),
        renamed(
            &[ID, super::orphans::ID],
            "renamed-on-one-side",
            "a kind is renamed where it is written, and its entry keeps the old name",
            target,
        ),
    ];
    if let Some(change) = target.propagation.changes.first() {
        let kind = change.audited.clone();
        sabotages.push(in_registry(
            &[ID, audit_known::ID],
            "entry-removed",
            "an entry is taken out with the email that it named, and the event is written as before",
            target,
            move |registry| registry.kinds.retain(|entry| entry.kind != kind),
        ));
    }
    sabotages.push(in_registry(
        &[ID],
        "entry-twice",
        "two branches add the same kind with different consumers, and the merge keeps both",
        target,
        twice,
    ));
    sabotages
}

fn twice(registry: &mut Registry) {
    let again = registry.kinds.first().cloned();
    registry.kinds.extend(again);
}
