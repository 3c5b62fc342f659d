//! The email provider's webhook, and what the ledger tells.

use axum::Router;
use axum::extract::State;
use axum::routing::any;
use sabot_delivery::{Brevo, Declaration, Receiver, RefusedCall, Seen, SeenError, Unheard, mask_source};
use serde::Serialize;

use super::audit;
use super::routes::Api;
use crate::db::DatabaseSettings;
use crate::db::{Database, DatabaseError};
use crate::http::{ApiError, measured};
use crate::logs::with_causes;
use crate::service::Service;
use crate::settings::WebhookSettings;

/// The webhook, if it has a secret; else nothing is there.
pub(super) fn webhook(
    service: &mut Service,
    webhook: Option<&WebhookSettings>,
    settings: &DatabaseSettings,
    database: &Database,
) -> Router {
    let routes = match webhook {
        Some(webhook) => {
            let tasks = service.tasks.clone();
            let trail = database.clone();
            let tell = move |call| drop(tasks.spawn(note(trail.clone(), call)));
            let secrets = webhook.secrets.clone();
            let receiver = Receiver::with_refusals(Brevo, secrets, settings.config.clone(), tell);
            receiver.register_metrics(&mut service.registry);
            receiver.routes()
        }
        // Said here and not left to the other routes, which would ask for the service's token.
        None => Router::new().route("/webhooks/{*path}", any(|| async { ApiError::not_found("webhook") })),
    };
    measured(routes, service.requests.clone())
}

/// Writes a refused call into the trail; who called has had the answer already.
async fn note(database: Database, call: RefusedCall) {
    let source = call.source.map_or_else(|| "unknown".to_owned(), mask_source);
    tracing::warn!(source, "a call of the webhook without a valid secret was refused");
    if let Err(error) = audit::write_refusal(&database, source).await {
        tracing::warn!(error = error.to_string(), "the trail does not tell of a refused call");
    }
}

/// `GET /delivery/events`: the declared events.
pub(super) async fn events() -> axum::Json<Declaration<'static>> {
    axum::Json(Declaration::new(&Brevo, None))
}

#[derive(Debug, Serialize)]
pub(super) struct Messages {
    messages: Vec<Unheard>,
}

/// `GET /delivery/accepted-too-long`.
pub(super) async fn accepted_too_long(State(api): State<Api>) -> Result<axum::Json<Messages>, ApiError> {
    let messages = look(&api.seen).await?;
    Ok(axum::Json(Messages { messages }))
}

async fn look(seen: &Seen) -> Result<Vec<Unheard>, ApiError> {
    seen.accepted_too_long().await.map_err(|error| match error {
        SeenError::Database(error) => DatabaseError::from(error).into(),
        silent => {
            tracing::warn!(error = with_causes(&silent), "no database");
            DatabaseError::Silent.into()
        }
    })
}
