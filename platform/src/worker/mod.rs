//! The worker: the loops behind the platform.

mod heartbeat;
mod settings;

use std::process::ExitCode;

pub use heartbeat::Heartbeat;
pub use settings::{Cli, Settings};

use crate::db::{Database, PLATFORM};
use crate::probes::PostgresProbe;
use crate::service::{Parts, Service, StartError, command_line, refuse};
use crate::upstreams::{self, PLATFORM_DB};

/// Runs the service until a signal ends it.
#[must_use]
pub fn main() -> ExitCode {
    let settings = match command_line::<Cli>().map(|cli| cli.settle()) {
        Ok(Ok(settings)) => settings,
        Ok(Err(problems)) => return refuse(&problems),
        Err(code) => return code,
    };
    Service::new("worker", settings.common.clone(), &settings.secrets())
        .run(|service| parts(service, &settings))
}

fn parts(service: &mut Service, settings: &Settings) -> Result<Parts, StartError> {
    let database = Database::new(&settings.database, settings.runner_stale_after)?;
    let heartbeat = Heartbeat::new(settings.runner_stale_after);
    service.tasks.spawn(heartbeat.clone().run(database, settings.poll, service.ending.clone()));

    let readiness = &settings.common.readiness;
    let probe = PostgresProbe::migrated(&settings.database.config, &PLATFORM);
    let mut dependencies = vec![
        readiness.dependency(&PLATFORM_DB, move || probe.clone().look()),
        readiness.dependency(&settings::PROPAGATION_RUNNER, move || heartbeat.clone().look()),
    ];
    dependencies.extend(upstreams::brevo(settings.brevo.as_ref(), readiness)?);
    dependencies.extend(upstreams::artifact_store(settings.artifact_store.as_ref(), readiness)?);
    Ok(Parts { routes: axum::Router::new(), dependencies })
}
