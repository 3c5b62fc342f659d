//! One claimed row: rendered, sent, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::claim::Claimed;
use crate::email::{Message, SendOutcome};
use crate::kinds::Kinds;
use crate::mask::mask_address;
use crate::provider::Mailer;

/// What came of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The provider took it, under this reference.
    Sent { provider_id: Option<String>, reference: Uuid },
    /// It never will be sent.
    Dropped,
    /// Later: the message may be at fault.
    Failed(String),
    /// Later, like all the others: the account or the rate is at fault. After this time, if the provider said so.
    Paused { why: String, after: Option<Duration> },
    /// There was too little left of the lease; nothing was asked.
    Untried,
}

/// A row with what came of it, to be written down.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) audit_id: i64,
    pub(super) kind: String,
    pub(super) recipient: String,
    pub(super) attempts: usize,
    pub(super) token: Uuid,
    pub(super) verdict: Verdict,
    /// For the metric.
    pub(super) outcome: &'static str,
}

impl Done {
    pub(super) fn of(claimed: &Claimed, outcome: &'static str, verdict: Verdict) -> Self {
        let row = &claimed.row;
        Self {
            audit_id: row.id,
            kind: row.kind.clone(),
            recipient: row.recipient().map(mask_address).unwrap_or_default(),
            attempts: claimed.attempts,
            token: claimed.token,
            verdict,
            outcome,
        }
    }
}

/// What sending needs besides the row.
#[derive(Clone)]
pub(super) struct Means {
    pub(super) kinds: Kinds,
    pub(super) mailer: Arc<dyn Mailer>,
    pub(super) send_limit: Duration,
}

/// Deals with one row. `namespace` is the deployment's own; the claim holds until `lease_ends`.
pub(super) async fn deliver(means: Means, claimed: Claimed, namespace: Uuid, lease_ends: Instant) -> Done {
    let message = match message(&means.kinds, &claimed) {
        Ok(message) => message,
        Err(outcome) => {
            tracing::error!(
                audit_id = claimed.row.id,
                kind = claimed.row.kind,
                outcome,
                "an email is never sent"
            );
            return Done::of(&claimed, outcome, Verdict::Dropped);
        }
    };
    if lease_ends.saturating_duration_since(Instant::now()) < means.send_limit {
        return Done::of(&claimed, "untried", Verdict::Untried);
    }
    let reference = reference(namespace, claimed.row.id);
    // The mailer has a limit of its own; that one keeps it is not for the lease to rely on.
    let sent = timeout(means.send_limit, means.mailer.send(&message, reference)).await;
    let outcome = sent.unwrap_or_else(|_| SendOutcome::Temporary("timeout".to_owned()));
    let label = outcome.as_str();
    let verdict = match outcome {
        SendOutcome::Sent { provider_id } => {
            if provider_id.is_none() {
                tracing::warn!(
                    audit_id = claimed.row.id,
                    "an email was taken and no id told; its events will tell"
                );
            }
            Verdict::Sent { provider_id, reference }
        }
        SendOutcome::Permanent(why) => {
            tracing::error!(
                audit_id = claimed.row.id,
                kind = claimed.row.kind,
                why,
                "an email was refused for good"
            );
            Verdict::Dropped
        }
        SendOutcome::Temporary(why) => Verdict::Failed(why),
        SendOutcome::Unauthorised(why) => Verdict::Paused { why, after: None },
        SendOutcome::Throttled(after) => Verdict::Paused { why: "throttled".to_owned(), after },
    };
    Done::of(&claimed, label, verdict)
}

fn message(kinds: &Kinds, claimed: &Claimed) -> Result<Message, &'static str> {
    let row = &claimed.row;
    if !kinds.is_declared(&row.kind) {
        return Err("undeclared_kind");
    }
    let renderer = kinds.rendered_by(&row.kind).ok_or("no_renderer")?;
    let to = row.recipient().ok_or("no_recipient")?.to_owned();
    let email = renderer.render(row).map_err(|error| {
        tracing::error!(audit_id = row.id, lacks = error.lacks, "an email cannot be rendered");
        "not_rendered"
    })?;
    Ok(Message { to, email, tag: row.kind.clone() })
}

/// The same at every try, and another for every row of every deployment, even where two share an account.
fn reference(namespace: Uuid, audit_id: i64) -> Uuid {
    Uuid::new_v5(&namespace, &audit_id.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_belongs_to_one_row_of_one_deployment() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(reference(one, 7), reference(one, 7));
        assert_ne!(reference(one, 7), reference(one, 8));
        assert_ne!(reference(one, 7), reference(other, 7));
        assert_eq!(reference(one, 7).get_version_num(), 5);
    }
}
