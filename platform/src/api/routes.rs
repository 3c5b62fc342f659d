//! The api's routes.

use axum::Router;
use axum::routing::{get, post};

use super::provisioning::Provisioner;
use super::{audit, dead_letters, delivery, resources, teams};
use crate::db::Database;
use sabot_delivery::Seen;

/// What the handlers share.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) database: Database,
    pub(super) provisioner: Provisioner,
    pub(super) seen: Seen,
}

pub(super) fn routes(api: Api) -> Router {
    Router::new()
        .route("/teams", get(teams::list).post(teams::create))
        .route("/teams/{team}", get(teams::show))
        .route("/teams/{team}/tier", post(teams::change_tier))
        .route("/teams/{team}/resources", get(resources::list).post(resources::create))
        .route("/teams/{team}/resources/{resource}", axum::routing::delete(resources::delete))
        .route("/teams/{team}/audit", get(audit::list))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/{id}", get(dead_letters::show).delete(dead_letters::discard))
        .route("/dead-letters/{id}/replay", post(dead_letters::replay))
        .route("/delivery/events", get(delivery::events))
        .route("/delivery/accepted-too-long", get(delivery::accepted_too_long))
        .with_state(api)
}
