//! The provisioner: a database and a role per resource, on the customers' PostgreSQL.

mod customer;
mod name;
mod routes;
mod settings;

use std::process::ExitCode;

pub use name::ResourceName;
pub use settings::{Cli, Settings};

use crate::db::Database;
use crate::http::{Limits, guarded};
use crate::probes::PostgresProbe;
use crate::service::{Parts, Service, StartError, command_line, refuse};

/// Runs the service until a signal ends it.
#[must_use]
pub fn main() -> ExitCode {
    let settings = match command_line::<Cli>().map(|cli| cli.settle()) {
        Ok(Ok(settings)) => settings,
        Ok(Err(problems)) => return refuse(&problems),
        Err(code) => return code,
    };
    Service::new("provisioner", settings.common.clone(), &settings.secrets())
        .run(|service| parts(service, &settings))
}

fn parts(service: &mut Service, settings: &Settings) -> Result<Parts, StartError> {
    let common = service.common();
    let database = Database::new(&settings.database, common.request_time_limit)?;
    let routes = guarded(routes::routes(database), Limits::of(common), service.requests.clone());
    let probe = PostgresProbe::answering(&settings.database.config);
    let row = common.readiness.dependency(&settings::CUSTOMER_DB, move || probe.clone().look());
    Ok(Parts { routes, dependencies: vec![row], seen: None })
}
