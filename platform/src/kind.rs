//! The kinds of the audit trail: what the platform writes into it, which of them email, and what those emails say.
//!
//! The forwarder writes a kind that it does not find here into the ledger as never sent. So a new kind is added here
//! first, and says whether it emails.

use sabot_delivery::{AuditRow, Email, Kinds, RenderError, escape};

/// What the platform writes into the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A team was made.
    TeamCreated,
    /// A team's tier rose.
    SubscriptionUpgraded,
    /// A team's tier fell.
    SubscriptionDowngraded,
    /// A resource is ready.
    ResourceCreated,
    /// A resource is gone.
    ResourceDeleted,
    /// Somebody called the webhook without its secret.
    WebhookRefused,
    /// A propagation reached its downstream, or had nothing to do there.
    PropagationApplied,
    /// A propagation failed and will be tried again.
    PropagationRetrying,
    /// A propagation failed its last attempt.
    PropagationDeadLettered,
    /// The same, of a kind that no worker knew.
    PropagationUnknownKindDeadLettered,
    /// A downstream left a propagation for a reason that is not known to be harmless.
    PropagationUnexpectedSkip,
    /// Somebody gave a dead letter all its attempts anew.
    PropagationReplayed,
    /// Somebody deleted a dead letter.
    PropagationDiscarded,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::TeamCreated,
        Self::SubscriptionUpgraded,
        Self::SubscriptionDowngraded,
        Self::ResourceCreated,
        Self::ResourceDeleted,
        Self::WebhookRefused,
        Self::PropagationApplied,
        Self::PropagationRetrying,
        Self::PropagationDeadLettered,
        Self::PropagationUnknownKindDeadLettered,
        Self::PropagationUnexpectedSkip,
        Self::PropagationReplayed,
        Self::PropagationDiscarded,
    ];

    /// As it stands in the trail.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TeamCreated => "team.created",
            Self::SubscriptionUpgraded => "subscription.upgraded",
            Self::SubscriptionDowngraded => "subscription.downgraded",
            Self::ResourceCreated => "resource.created",
            Self::ResourceDeleted => "resource.deleted",
            Self::WebhookRefused => "webhook.refused",
            Self::PropagationApplied => "propagation.applied",
            Self::PropagationRetrying => "propagation.retrying",
            Self::PropagationDeadLettered => "propagation.dead_lettered",
            Self::PropagationUnknownKindDeadLettered => "propagation.unknown_kind_dead_lettered",
            Self::PropagationUnexpectedSkip => "propagation.unexpected_skip",
            Self::PropagationReplayed => "propagation.replayed",
            Self::PropagationDiscarded => "propagation.discarded",
        }
    }

    /// Whether the team is told of it by email.
    #[must_use]
    pub const fn emails(self) -> bool {
        match self {
            Self::TeamCreated | Self::SubscriptionUpgraded | Self::SubscriptionDowngraded => true,
            Self::ResourceCreated
            | Self::ResourceDeleted
            | Self::WebhookRefused
            | Self::PropagationApplied
            | Self::PropagationRetrying
            | Self::PropagationDeadLettered
            | Self::PropagationUnknownKindDeadLettered
            | Self::PropagationUnexpectedSkip
            | Self::PropagationReplayed
            | Self::PropagationDiscarded => false,
        }
    }
}

/// The registry: every kind, and who renders those that email.
#[must_use]
pub fn kinds() -> Kinds {
    let declared = Kind::ALL.into_iter().fold(Kinds::default(), |kinds, kind| match kind.emails() {
        true => kinds.emails(kind.as_str()),
        false => kinds.silent(kind.as_str()),
    });
    declared
        .renderer(Kind::TeamCreated.as_str(), team_created)
        .renderer(Kind::SubscriptionUpgraded.as_str(), |row: &AuditRow| tier_changed(row, "upgraded"))
        .renderer(Kind::SubscriptionDowngraded.as_str(), |row: &AuditRow| tier_changed(row, "downgraded"))
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
    fn what_a_person_wrote_is_text_and_not_html() {
        let payload = serde_json::json!({ "name": "<b>\"A\" & B</b>" });
        let row = AuditRow { id: 1, kind: "team.created".into(), summary: String::new(), payload };
        let html = team_created(&row).unwrap().html;
        assert!(html.contains("&lt;b&gt;&quot;A&quot; &amp; B&lt;/b&gt;"), "{html}");
    }
}
