//! The api: teams, their tier, their resources, the audit trail, dead letters, the email provider's webhook.

mod audit;
mod dead_letters;
mod delivery;
mod provisioning;
mod resources;
mod routes;
mod settings;
mod teams;

use std::process::ExitCode;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use sabot_delivery::Seen;
use tokio_util::sync::CancellationToken;

pub use settings::{Cli, Command, Settings};

use crate::db::{Database, DatabaseSettings, PLATFORM, migrate};
use crate::http::{Limits, guarded};
use crate::logs::with_causes;
use crate::probes::PostgresProbe;
use crate::service::{Parts, Service, StartError, command_line, refuse, upstream_limit};
use crate::upstreams::{self, PLATFORM_DB};
use provisioning::Provisioner;
use routes::Api;

/// How long to wait before a migration that failed is tried again.
const MIGRATION_RETRY: Duration = Duration::from_secs(2);

/// Migrates, or runs the service until a signal ends it.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match command_line::<Cli>() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match cli.command {
        Some(Command::Migrate) => match cli.database.settle_alone("sabot-api") {
            Ok(database) => migrate_now(&database),
            Err(problems) => refuse(&problems),
        },
        None => match cli.settle() {
            Ok(settings) => Service::new("api", settings.common.clone(), &settings.secrets())
                .run(|service| parts(service, &settings)),
            Err(problems) => refuse(&problems),
        },
    }
}

fn parts(service: &mut Service, settings: &Settings) -> Result<Parts, StartError> {
    let common = service.common().clone();
    let database = Database::new(&settings.database, common.request_time_limit)?;
    if settings.migrate {
        service.tasks.spawn(migrate_until_done(settings.database.config.clone(), service.ending.clone()));
    }
    let limit = upstream_limit(common.request_time_limit);
    let seen = Seen::new(settings.database.config.clone(), settings.accepted_too_long);
    seen.register_metrics(&mut service.registry);
    let webhook = delivery::webhook(service, settings.webhook.as_ref(), &settings.database, &database);
    let provisioner = Provisioner::new(&settings.provisioner, limit)?;
    let api = Api { database, provisioner, seen: seen.clone() };
    let routes = guarded(routes::routes(api), Limits::of(&common), service.requests.clone()).merge(webhook);

    let readiness = &common.readiness;
    let probe = PostgresProbe::migrated(&settings.database.config, &PLATFORM);
    let mut dependencies = vec![
        readiness.dependency(&PLATFORM_DB, move || probe.clone().look()),
        // Its liveness, not its readiness: its own dependencies are its own concern and do not cascade.
        upstreams::row(
            &settings::PROVISIONER,
            &settings.provisioner,
            Method::GET,
            "livez",
            HeaderMap::new(),
            readiness,
        )?,
    ];
    dependencies.extend(upstreams::brevo(settings.brevo.as_ref(), readiness)?);
    dependencies.extend(upstreams::artifact_store(settings.artifact_store.as_ref(), readiness)?);
    Ok(Parts { routes, dependencies, seen: Some(seen) })
}

/// `sabot-api migrate`.
fn migrate_now(database: &DatabaseSettings) -> ExitCode {
    let redactor = sabot_readiness::Redactor::new([database.url.expose()]);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(migrate(&database.config, &[PLATFORM])) {
        Ok(0) => println!("the schema is up to date"),
        Ok(ran) => println!("migrations run: {ran}"),
        Err(error) => {
            eprintln!("error: {}", redactor.redact(&with_causes(&error)));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// `--migrate`: the service serves meanwhile, and `/readyz` says `schema_missing` until it is done.
async fn migrate_until_done(config: tokio_postgres::Config, ending: CancellationToken) {
    let migrating = async {
        loop {
            match migrate(&config, &[PLATFORM]).await {
                Ok(ran) => return tracing::info!(ran, "the schema is up to date"),
                Err(error) => {
                    tracing::error!(error = with_causes(&error), "the migration failed; trying again")
                }
            }
            tokio::time::sleep(MIGRATION_RETRY).await;
        }
    };
    let _ended = ending.run_until_cancelled(migrating).await;
}
