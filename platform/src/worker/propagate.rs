//! The propagation runner: put together, and set to work beside the forwarder.

use sabot_propagation::{Audit, Heartbeat, Runner};
use tokio_postgres::NoTls;

use super::regrade::Regrader;
use super::settings::Settings;
use crate::db::{Database, DatabaseSettings};
use crate::propagation::registry;
use crate::service::{Service, StartError};

/// How many connections a runner uses at once at most; its ear is one more.
const RUNNER_CONNECTIONS: usize = 5;

/// Starts it, and gives what its liveness shows by.
pub(super) fn start(service: &mut Service, settings: &Settings) -> Result<Heartbeat, StartError> {
    let how = &settings.propagation.runner;
    // The handlers have connections of their own: many of them must not keep the runner from its claims.
    let handlers = Database::new(&settings.database, how.dispatch_limit)?;
    let own = DatabaseSettings { pool_size: RUNNER_CONNECTIONS, ..settings.database.clone() };
    let own = Database::new(&own, how.statement_limit)?;
    let regrader = Regrader::new(handlers, &settings.provisioner, how.dispatch_limit)?;
    let registry = registry(move |propagation| {
        let regrader = regrader.clone();
        async move { regrader.regrade_team(propagation).await }
    })?;
    let redactor = service.redactor().clone();
    let runner = Runner::builder(own.into_pool(), registry, move |text: &str| redactor.redact(text))
        .settings(how.clone())
        .audit(Audit::default().actor("worker"))
        .listen(settings.database.config.clone(), NoTls)
        .build()?;
    runner.register_metrics(&mut service.registry);
    let heartbeat = runner.heartbeat();
    service.tasks.spawn(runner.run(service.ending.clone().cancelled_owned()));
    Ok(heartbeat)
}
