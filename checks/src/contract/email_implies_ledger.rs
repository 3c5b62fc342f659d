//! `contract.email-implies-ledger`: what is sent to somebody is in the ledger.

use super::entries::Entries;
use super::tamper::{first_emailing, first_silent, in_registry};
use sabot_contract::Email;
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::{Lane, Target};
use std::time::Duration;

const ID: &str = "contract.email-implies-ledger";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "an email goes out past the ledger: when it bounces nobody learns of it, and when a customer asks \
                       whether he was told nobody can say",
        asserts: "each entry of the registry that says that its kind emails says that the ledger has it too",
        remedy: "send the email by what writes the ledger, and say so in the entry",
        needs: &[Need::Files],
        walks: Some("the entries of the registry of kinds that email"),
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(5),
        no_cause: None,
        judge: |cx| Box::pin(async move { judge(cx) }),
    }
}

fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let entries = Entries::read(cx.lane())?;
    for (entry, _) in entries.emailing() {
        cx.examined(1);
        if !entry.ledger {
            cx.find(Finding::new(entries.sketch(entry), "an email and the ledger", "an email alone"));
        }
    }
    cx.fact("kinds that email", entries.emailing().count());
    Ok(())
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    vec![
        in_registry(
            &[ID],
            "ledger-taken-away",
            "an email is moved to another sender, which writes no ledger",
            target,
            |registry| {
                if let Some(entry) = first_emailing(registry) {
                    entry.ledger = false;
                }
            },
        ),
        in_registry(
            &[ID],
            "email-added",
            "an email is added to a kind that nobody consumed, and the ledger is forgotten",
            target,
            |registry| {
                if let Some(entry) = first_silent(registry) {
                    (entry.nobody, entry.email) = (None, Some(Email::default()));
                }
            },
        ),
    ]
}
