//! The worker: the loops behind the platform.

mod backup;
mod dead_letters;
mod heartbeat;
mod propagate;
mod registry;
mod regrade;
mod settings;
mod tally;

use std::process::ExitCode;

pub use settings::{Cli, Command, DeadLettersCommand, Format, Settings};

use sabot_delivery::{Brevo, BrevoMailer, Forwarder, FromAddress, Seen};

use crate::db::PLATFORM;
use crate::kind::kinds;
use crate::probes::{PostgresProbe, http_client};
use crate::service::{Parts, Service, StartError, command_line, refuse};
use crate::settings::{DEFAULT_FROM, EmailSettings};
use crate::upstreams::{self, PLATFORM_DB};

/// Prints the registry, sees to dead letters, or runs the service until a signal ends it.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match command_line::<Cli>() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match &cli.command {
        Some(Command::Kinds { format }) => return registry::print(*format),
        Some(Command::Contract) => return registry::print_contract(),
        Some(Command::DeadLetters { command }) => {
            return match cli.database.settle_alone("sabot-worker") {
                Ok(database) => dead_letters::run(command, &database),
                Err(problems) => refuse(&problems),
            };
        }
        None => {}
    }
    let settings = match cli.settle() {
        Ok(settings) => settings,
        Err(problems) => return refuse(&problems),
    };
    Service::new("worker", settings.common.clone(), &settings.secrets())
        .run(|service| parts(service, &settings))
}

fn parts(service: &mut Service, settings: &Settings) -> Result<Parts, StartError> {
    let heartbeat = propagate::start(service, settings)?;
    let stale_after = settings.propagation.stale_after;
    forward(service, settings)?;
    backup::start(service, settings)?;
    let seen = Seen::new(settings.database.config.clone(), settings.accepted_too_long);
    seen.register_metrics(&mut service.registry);

    let readiness = &settings.common.readiness;
    let probe = PostgresProbe::migrated(&settings.database.config, &PLATFORM);
    let mut dependencies = vec![
        readiness.dependency(&PLATFORM_DB, move || probe.clone().look()),
        readiness.dependency(&settings::PROPAGATION_RUNNER, move || {
            heartbeat::look(heartbeat.clone(), stale_after)
        }),
    ];
    dependencies.extend(upstreams::brevo(settings.brevo.as_ref(), readiness)?);
    dependencies.extend(upstreams::artifact_store(settings.artifact_store.as_ref(), readiness)?);
    Ok(Parts { routes: axum::Router::new(), dependencies, seen: Some(seen) })
}

/// Starts the forwarder, if the email provider is in use.
fn forward(service: &mut Service, settings: &Settings) -> Result<(), StartError> {
    let Some(brevo) = &settings.brevo else {
        tracing::warn!("no Brevo key is given: nothing is emailed, and what there is to email waits for one");
        return Ok(());
    };
    let EmailSettings { forwarder, from } = &settings.email;
    if from == DEFAULT_FROM {
        tracing::warn!(from, "--mail-from is not given: Brevo itself refuses this one");
    }
    let client = http_client(&brevo.url, forwarder.send_limit, true)?;
    let from = FromAddress { email: from.clone(), name: None };
    let mailer = BrevoMailer::new(client, &brevo.url, brevo.credential.expose(), from, forwarder.send_limit);
    let mailer = mailer.map_err(|_| StartError::Credential { upstream: upstreams::BREVO.name })?;
    let database = settings.database.config.clone();
    let forwarder = Forwarder::new(Brevo, mailer, kinds(), database, forwarder.clone());
    forwarder.register_metrics(&mut service.registry);
    service.tasks.spawn(forwarder.run(service.ending.clone()));
    Ok(())
}
