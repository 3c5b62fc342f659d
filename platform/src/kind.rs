//! The kinds of the audit trail: what the platform writes into it, who consumes each, and what its emails say.
//!
//! The forwarder writes a kind that it does not find here into the ledger as never sent. So a new kind is added here
//! first, and says who consumes it, or why nobody does; `platform/contract.json` tells the same to other programs.

use sabot_delivery::{AuditRow, Email, Kinds, RenderError, escape};

use crate::propagation::TIER_ELEVATION;

sabot_contract::kinds! {
    /// What the platform writes into the trail.
    pub enum Kind {
        /// A team was made.
        TeamCreated = "team.created" => email(name), ledger;
        /// A team's tier rose.
        SubscriptionUpgraded = "subscription.upgraded" =>
            email(from, to), ledger, propagation(TIER_ELEVATION.name());
        /// A team's tier fell.
        SubscriptionDowngraded = "subscription.downgraded" =>
            email(from, to), ledger, propagation(TIER_ELEVATION.name());
        /// A resource is ready.
        ResourceCreated = "resource.created" =>
            nobody("whoever asked for the resource had it as the answer; the team's trail keeps it");
        /// A resource is gone.
        ResourceDeleted = "resource.deleted" =>
            nobody("whoever asked for it had the answer; the team's trail keeps it");
        /// Somebody called the webhook without its secret.
        WebhookRefused = "webhook.refused" =>
            nobody("operators read it in the trail; the api counts every refused call in its metrics");
        /// A propagation reached its downstream, or had nothing to do there.
        PropagationApplied = "propagation.applied" =>
            nobody("nothing is left to do; operators read in the team's trail when it was done");
        /// A propagation failed and will be tried again.
        PropagationRetrying = "propagation.retrying" =>
            nobody("the runner tries again by itself; operators read in the team's trail why it had to");
        /// A propagation failed its last attempt.
        PropagationDeadLettered = "propagation.dead_lettered" =>
            nobody("an alert tells operators by the metric; `sabot-worker dead-letters` lists what to do");
        /// The same, of a kind that no worker knew.
        PropagationUnknownKindDeadLettered = "propagation.unknown_kind_dead_lettered" =>
            nobody("an alert tells operators by the metric; `sabot-worker dead-letters` lists what to do");
        /// A downstream left a propagation for a reason that is not known to be harmless.
        PropagationUnexpectedSkip = "propagation.unexpected_skip" =>
            nobody("the runner tries again by itself; operators read in the team's trail what was left undone");
        /// Somebody gave a dead letter all its attempts anew.
        PropagationReplayed = "propagation.replayed" =>
            nobody("an operator did it and saw it done; the team's trail keeps who");
        /// Somebody deleted a dead letter.
        PropagationDiscarded = "propagation.discarded" =>
            nobody("an operator did it and saw it done; the team's trail keeps who, and all that was discarded");
    }
}

/// Makes the email of a row.
type Render = fn(&AuditRow) -> Result<Email, RenderError>;

/// Who renders each kind that emails.
const RENDERERS: [(Kind, Render); 3] = [
    (Kind::TeamCreated, team_created),
    (Kind::SubscriptionUpgraded, |row| tier_changed(row, "upgraded")),
    (Kind::SubscriptionDowngraded, |row| tier_changed(row, "downgraded")),
];

/// The forwarder's registry: every kind, and who renders those that email.
#[must_use]
pub fn kinds() -> Kinds {
    let declared = Kind::ALL.iter().fold(Kinds::default(), |kinds, kind| match kind.consumers().email {
        Some(_) => kinds.emails(kind.as_str()),
        None => kinds.silent(kind.as_str()),
    });
    RENDERERS.iter().fold(declared, |kinds, (kind, render)| kinds.renderer(kind.as_str(), *render))
}

fn team_created(row: &AuditRow) -> Result<Email, RenderError> {
    let name = field(row, "name")?;
    Ok(email("Your team is ready".to_owned(), &format!("The team {name} has been created.")))
}

fn tier_changed(row: &AuditRow, how: &str) -> Result<Email, RenderError> {
    let (from, to) = (field(row, "from")?, field(row, "to")?);
    let sentence = format!("Your subscription was {how} from {from} to {to}.");
    Ok(email(format!("Your subscription was {how}"), &sentence))
}

fn field<'a>(row: &'a AuditRow, name: &'static str) -> Result<&'a str, RenderError> {
    row.payload.get(name).and_then(|value| value.as_str()).ok_or(RenderError { lacks: name })
}

fn email(subject: String, sentence: &str) -> Email {
    let html = format!("<!doctype html><html><body><p>{}</p></body></html>", escape(sentence));
    Email { subject, html, text: Some(format!("{sentence}\n")) }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_kind_that_emails_has_a_renderer_and_no_other() {
        let kinds = kinds();
        let declared = kinds.declared();
        assert_eq!(declared.len(), Kind::ALL.len());
        for kind in declared {
            assert_eq!(kind.emails, kind.renderer, "{kind:?}");
        }
    }

    #[test]
    fn every_email_renders_with_the_fields_that_its_kind_names_and_lacks_each_of_them() {
        for (kind, render) in RENDERERS {
            let fields = kind.consumers().email.unwrap();
            let row = |fields: &mut dyn Iterator<Item = &&'static str>| {
                let payload =
                    fields.map(|field| ((*field).to_owned(), format!("the {field}").into())).collect();
                AuditRow {
                    id: 1,
                    kind: kind.to_string(),
                    summary: String::new(),
                    payload: Value::Object(payload),
                }
            };
            let html = render(&row(&mut fields.iter())).unwrap().html;
            for field in fields {
                assert!(html.contains(&format!("the {field}")), "{kind} without its {field}: {html}");
                let lacking = render(&row(&mut fields.iter().filter(|other| *other != field)));
                assert_eq!(lacking.unwrap_err(), RenderError { lacks: field }, "{kind}");
            }
        }
    }

    #[test]
    fn what_a_person_wrote_is_text_and_not_html() {
        let payload = serde_json::json!({ "name": "<b>\"A\" & B</b>" });
        let row = AuditRow { id: 1, kind: "team.created".into(), summary: String::new(), payload };
        let html = team_created(&row).unwrap().html;
        assert!(html.contains("&lt;b&gt;&quot;A&quot; &amp; B&lt;/b&gt;"), "{html}");
    }
}
