//! What the target declares to handle, against what is documented.

use super::super::desk::delivery;
use super::super::post;
use sabot_engine::{Context as _, Cx, Finding, Judgement};
use sabot_target::Lane;
use serde_json::Value;
use std::collections::BTreeSet;

/// What the target declares, against what is documented.
pub(super) async fn judge(cx: &Cx<'_, Lane>) -> Judgement {
    let lane = cx.lane();
    let delivery = delivery(lane);
    let names = &delivery.declared;
    let token = post::secret(lane, &names.credential)?;
    let instance = lane.service(&delivery.webhook.service)?;
    let request = lane.client().get(instance.url(&names.path)).bearer_auth(token);
    let asked =
        request.timeout(delivery.webhook.answers_within).send().await.context("asking what is declared")?;
    let declared: Value = asked.json().await.unwrap_or_default();
    let events = declared.get(&names.events).and_then(Value::as_array).cloned().unwrap_or_default();
    let text =
        |event: &Value, field: &str| event.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    for documented in &delivery.documented {
        cx.examined(1);
        let found = events.iter().find(|event| text(event, &names.event) == documented.event);
        let subject = format!("the declared event `{}`", documented.event);
        let Some(found) = found else {
            cx.find(Finding::new(
                subject,
                "declared, since it is documented",
                "the target does not declare it",
            ));
            continue;
        };
        let spelled: BTreeSet<_> = found
            .get(&names.spellings)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(folded)
            .collect();
        let observed =
            (text(found, &names.classification), found.get(&names.stamps).and_then(Value::as_bool), spelled);
        let spellings = documented.spellings.iter().map(|spelling| folded(spelling)).collect();
        let expected = (documented.classification.clone(), Some(documented.stamps), spellings);
        if observed != expected {
            cx.find(Finding::new(subject, format!("{expected:?}"), format!("{observed:?}")));
        }
    }
    for event in events.iter().map(|event| text(event, &names.event)) {
        if !delivery.documented.iter().any(|documented| documented.event == event) {
            let subject = format!("the declared event `{event}`");
            cx.find(Finding::new(subject, "documented, since it is declared", "it is documented nowhere"));
        }
    }
    let severity = declared.get(&names.severity).cloned().unwrap_or_default();
    if severity != Value::from(delivery.severity.clone()) {
        let expected = delivery.severity.join(", ");
        cx.find(Finding::new("the declared order of a tie", expected, severity.to_string()));
    }
    Ok(())
}

/// A spelling without what providers vary: case and separators.
fn folded(spelling: &str) -> String {
    spelling.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
