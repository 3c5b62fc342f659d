//! `contract.reasons`: what is not consumed, and what is no kind, is so for a reason that says something and still
//! applies.

use super::entries::{Declared, Entries, contract};
use super::orphans;
use super::tamper::{first_emailing, first_silent, in_registry, removed};
use sabot_contract::{Entry, Registry};
use sabot_engine::{Check, Cx, Finding, Judgement, Level, Need, Sabotage, Sharing};
use sabot_target::contract::Ignored;
use sabot_target::{Lane, Target};
use std::time::Duration;

const ID: &str = "contract.reasons";

pub(super) fn check() -> Check<Lane> {
    Check {
        id: ID,
        level: Level::Baseline,
        failure_mode: "the registry is silenced and not filled in: `nobody` without a word, a TODO of last year, an \
                       exemption of what is long gone; and the event that a customer waits for is among them",
        asserts: "an entry without a consumer has a reason, which says something; one with a consumer has none, since it \
                  is stale; a constant that is exempt as no kind has a reason, is still declared, and has no entry",
        remedy: "say in a sentence why nobody consumes it, or who does; take out what no longer applies",
        needs: &[Need::Files],
        walks: Some("the entries of the registry of kinds, and the constants that are exempt as no kinds"),
        sharing: Sharing::Lane,
        deadline: Duration::from_secs(5),
        no_cause: None,
        judge: |cx| Box::pin(async move { judge(cx) }),
    }
}

fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let (declared, entries) = (Declared::read(cx.lane())?, Entries::read(cx.lane())?);
    for entry in entries.iter() {
        cx.examined(1);
        if let Some((expected, observed)) = of_entry(entry) {
            cx.find(Finding::new(entries.sketch(entry), expected, observed));
        }
    }
    let ignored = &contract(cx.lane()).ignored;
    for one in ignored {
        cx.examined(1);
        for (expected, observed) in of_ignored(one, declared.is_found(&one.kind), entries.count(&one.kind)) {
            cx.find(Finding::new(format!("the exemption of `{}` as no kind", one.kind), expected, observed));
        }
    }
    cx.fact("kinds that nobody consumes", entries.iter().filter(|entry| entry.nobody.is_some()).count());
    cx.fact("constants that are exempt as no kinds", ignored.len());
    Ok(())
}

/// What is expected, and what is there instead.
type Difference = (&'static str, String);

fn of_entry(entry: &Entry) -> Option<Difference> {
    let mut consumers: Vec<_> = [(entry.email.is_some(), "an email"), (entry.ledger, "the ledger")]
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, what)| String::from(what))
        .collect();
    consumers.extend(entry.propagation.iter().map(|kind| format!("the propagation `{kind}`")));
    match (&entry.nobody, consumers.is_empty()) {
        (None, true) => Some(("a consumer, or the reason why there is none", "neither".into())),
        (Some(reason), true) => unsaid(reason),
        (None, false) => None,
        (Some(reason), false) => {
            let observed = format!("{}; and `{reason}`", consumers.join(", "));
            Some(("consumers, or the reason why there are none", observed))
        }
    }
}

fn of_ignored(ignored: &Ignored, is_found: bool, entries: usize) -> Vec<Difference> {
    let stale = (!is_found).then(|| ("a constant of this name in the sources", "none".to_owned()));
    let twofold = (entries > 0).then(|| ("no entry in the registry", format!("{entries}")));
    unsaid(&ignored.reason).into_iter().chain(stale).chain(twofold).collect()
}

/// What stands where nobody had a reason.
const PLACEHOLDERS: [&str; 6] = ["todo", "tbd", "fixme", "wip", "n/a", "xxx"];

/// Of a reason that says nothing.
fn unsaid(reason: &str) -> Option<Difference> {
    let first = reason.split_whitespace().next().unwrap_or_default();
    let first = first.trim_end_matches([':', '.', ',', '!']).to_lowercase();
    let says = reason.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count() > 1;
    (!says || PLACEHOLDERS.contains(&first.as_str()))
        .then(|| ("a reason that says something", format!("`{reason}`")))
}

pub(super) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let of_silent = |name: &str, mistake: &str, reason: Option<&'static str>| {
        in_registry(&[ID], name, mistake, target, move |registry| {
            if let Some(entry) = first_silent(registry) {
                entry.nobody = reason.map(str::to_owned);
            }
        })
    };
    let mut sabotages = vec![
        of_silent("reason-lost", "an entry loses its reason when the registry is made anew", None),
        of_silent("blank-reason", "the field is filled in so that the tool keeps quiet", Some("  ")),
        of_silent("put-off", "the reason is to be found later", Some("TODO: ask the billing team")),
        in_registry(
            &[ID],
            "stale-reason",
            "an email is added to a kind, and the reason why it had none stays",
            target,
            |registry| {
                if let Some(entry) = first_emailing(registry) {
                    entry.nobody = Some("nobody wants to be told of this".into());
                }
            },
        ),
    ];
    if let Some(ignored) = target.contract.ignored.first() {
        let (kind, mistake) =
            (&ignored.kind, "a constant goes, and its exemption waits for the next of its name");
        sabotages.push(removed(&[ID], "stale-exemption", mistake, target, Some(kind)));
        let mistake = "a constant becomes a kind, gets its entry, and is still passed over";
        let kind = kind.clone();
        let entered = move |registry: &mut Registry| {
            let nobody = Some("shown to operators with the trail".to_owned());
            registry.kinds.push(Entry { kind: kind.clone(), nobody, ..Entry::default() });
        };
        sabotages.push(in_registry(&[ID, orphans::ID], "exempt-with-an-entry", mistake, target, entered));
    }
    sabotages
}

#[cfg(test)]
mod tests {
    use super::*;
    use sabot_contract::Email;

    fn entry(email: bool, ledger: bool, propagation: bool, nobody: Option<&str>) -> Entry {
        Entry {
            kind: "k".into(),
            email: email.then(Email::default),
            propagation: propagation.then(|| "p".into()),
            ledger,
            nobody: nobody.map(str::to_owned),
        }
    }

    #[test]
    fn an_entry_has_consumers_or_a_reason_and_never_both() {
        let reason = Some("read by operators");
        for (given, is_red) in [
            (entry(false, false, false, reason), false),
            (entry(true, true, false, None), false),
            (entry(false, false, true, None), false),
            (entry(false, true, false, None), false),
            (entry(false, false, false, None), true),
            (entry(true, true, false, reason), true),
            (entry(false, false, true, reason), true),
            (entry(false, true, false, Some("")), true),
        ] {
            assert_eq!(of_entry(&given).is_some(), is_red, "{given:?}");
        }
    }

    #[test]
    fn a_reason_says_something() {
        for silent in
            ["", "  ", "-", "? ?", "none", "TODO ask somebody", "todo: ask", "n/a for now", "Tbd. later"]
        {
            assert!(unsaid(silent).is_some(), "{silent:?}");
        }
        for said in ["read by operators", "Todoist has it", "niemand liest es"] {
            assert!(unsaid(said).is_none(), "{said:?}");
        }
    }

    #[test]
    fn an_exemption_is_of_what_is_there_and_has_no_entry() {
        let of = |reason: &str, is_found, entries| {
            let ignored = Ignored { kind: "k".into(), reason: reason.into() };
            of_ignored(&ignored, is_found, entries).len()
        };
        assert_eq!(of("a state, no kind", true, 0), 0);
        assert_eq!(of(" ", true, 0), 1);
        assert_eq!(of("a state, no kind", false, 0), 1);
        assert_eq!(of("a state, no kind", true, 1), 1);
        assert_eq!(of("", false, 2), 3);
    }
}
