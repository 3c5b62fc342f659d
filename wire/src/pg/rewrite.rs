//! Rewriting a statement, and refusing what would change more than was meant.

use super::board::{Active, Snapshot};
use super::lexer::Shape;
use super::pattern::Speaker;
use super::rule::Action;
use crate::rule::RuleId;
use std::sync::Arc;

/// A rewrite that was not sent.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) active: Arc<Active>,
    pub(crate) reason: String,
}

/// Which rules have been asked about a text, and whether they take it: a text that is looked at again, because the
/// rules have changed, is counted once.
pub(crate) type Asked = Vec<(RuleId, bool)>;

/// `given` after every rewrite that means it, and which rules changed it; they have acted once it is sent.
pub(crate) fn rewrite(
    snapshot: &Snapshot,
    speaker: Speaker<'_>,
    connection: u64,
    given: &Arc<str>,
    asked: &mut Asked,
) -> Result<(Arc<str>, Vec<RuleId>), Refusal> {
    let mut text = Arc::clone(given);
    let mut rewritten_by = Vec::new();
    for active in &snapshot.rules {
        let Action::Rewrite { find, replace } = &active.rule.action else { continue };
        if !active.rule.matcher.applies(speaker, given) {
            continue;
        }
        let known = asked.iter().find(|(id, _)| *id == active.id).map(|(_, takes)| *takes);
        let takes = known.unwrap_or_else(|| {
            let takes = active.takes(connection);
            asked.push((active.id, takes));
            takes
        });
        if !takes {
            continue;
        }
        let rewritten = find.replace(&text, replace);
        if *rewritten == *text {
            continue;
        }
        check(&text, &rewritten).map_err(|reason| Refusal { active: Arc::clone(active), reason })?;
        text = rewritten.into();
        rewritten_by.push(active.id);
    }
    Ok((text, rewritten_by))
}

/// Says why `after` is more than another wording of `before`.
fn check(before: &str, after: &str) -> Result<(), String> {
    if after.contains(['\0', char::REPLACEMENT_CHARACTER]) {
        return Err("it holds what is no text in UTF-8".to_owned());
    }
    let before = Shape::of(before).map_err(|error| format!("in the text as given, {error}"))?;
    let after = Shape::of(after).map_err(|error| error.to_string())?;
    if before.statements != after.statements {
        return Err(format!("it would make {} statements of {}", after.statements, before.statements));
    }
    if before.parameters.keys().ne(after.parameters.keys()) {
        let list = |shape: &Shape| {
            let numbers = shape.parameters.keys().map(|number| format!("${number}")).collect::<Vec<_>>();
            if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") }
        };
        return Err(format!("its parameters would be {}, not {}", list(&after), list(&before)));
    }
    if before.parameters != after.parameters {
        return Err("it would cast a parameter to another type".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_wording_passes() {
        let before = "SELECT id FROM t WHERE a = $1::int AND b = $2 FOR UPDATE SKIP LOCKED";
        assert_eq!(check(before, "SELECT id FROM t WHERE a = $1::int AND b = $2 FOR UPDATE"), Ok(()));
    }

    #[test]
    fn what_changes_parameters_or_statements_is_refused() {
        let before = "SELECT $1::int, CAST($2 AS text) -- $3";
        for after in [
            "SELECT $1::int",
            "SELECT $1::int, CAST($2 AS text), $3",
            "SELECT $1::bigint, CAST($2 AS text)",
            "SELECT $1::int, CAST($2 AS json)",
            "SELECT $1::int, $2",
            "SELECT $1::int, CAST($2 AS text); SELECT 1",
            "SELECT $1::int, CAST($2 AS text), 'open",
            "SELECT $1::int, CAST($2 AS text) /* open",
            "",
        ] {
            assert!(check(before, after).is_err(), "{after}");
        }
    }
}
