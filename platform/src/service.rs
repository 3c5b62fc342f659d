//! What every service does from its start to its end.
//!
//! Settings first, all of them; then logs, the address, requests. No dependency is needed to start: each is
//! connected to when it is first used, and until then `/livez` and `/readyz` answer. SIGTERM and SIGINT end the
//! service: it takes no further connections, finishes what is in flight, and goes after the grace at the latest.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use clap::Parser;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use sabot_delivery::Seen;
use sabot_readiness::{BuildError, Dependency, Readiness, Redactor};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::{Requests, metrics_route};
use crate::logs;
use crate::settings::{Common, EXIT_BAD_SETTINGS, Problems, Secret};

/// What `--version` says after the program's name.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (build ", env!("SABOT_FINGERPRINT"), ")");

/// Reads the command line and the environment; on anything but a command to run it has printed, and gives the code.
///
/// # Errors
/// 0 after `--help` and `--version`, 3 after a flag that cannot be.
pub fn command_line<C: Parser>() -> Result<C, ExitCode> {
    C::try_parse().map_err(|error| {
        let code = if error.use_stderr() { EXIT_BAD_SETTINGS } else { 0 };
        // Standard output may be closed; then there is nobody to tell.
        let _unheard = error.print();
        ExitCode::from(code)
    })
}

/// Prints what is wrong with the settings, and gives the code.
#[must_use]
pub fn refuse(problems: &Problems) -> ExitCode {
    eprint!("{problems}");
    eprintln!("Every setting is described by --help.");
    ExitCode::from(EXIT_BAD_SETTINGS)
}

/// A service about to run.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    common: Common,
    redactor: Redactor,
    /// What it measures.
    pub registry: Registry,
    /// Counts and times requests.
    pub requests: Requests,
    /// Where its loops run.
    pub tasks: TaskTracker,
    /// Says when to end.
    pub ending: CancellationToken,
}

/// What a service's own part adds.
#[derive(Debug)]
pub struct Parts {
    /// Its routes, with their state.
    pub routes: Router,
    /// Its rows in `/readyz`.
    pub dependencies: Vec<Dependency>,
    /// What it tells of the ledger in `/metrics`.
    pub seen: Option<Seen>,
}

impl Service {
    /// Begins: logs from here on, with every one of `secrets` redacted.
    #[must_use]
    pub fn new(name: &'static str, common: Common, secrets: &[&Secret]) -> Self {
        let redactor = Redactor::new(secrets.iter().map(|secret| secret.expose()));
        logs::start(name, common.log_level, redactor.clone());
        let mut registry = Registry::with_labels([("service".into(), name.into())].into_iter());
        registry.register(
            "sabot_build",
            "What runs here",
            Info::new(vec![
                ("version", env!("CARGO_PKG_VERSION").to_owned()),
                ("fingerprint", env!("SABOT_FINGERPRINT").to_owned()),
                ("commit_id", common.commit_id.clone()),
            ]),
        );
        let requests = Requests::register(&mut registry);
        let (tasks, ending) = (TaskTracker::new(), CancellationToken::new());
        Self { name, common, redactor, registry, requests, tasks, ending }
    }

    /// What it was told.
    #[must_use]
    pub const fn common(&self) -> &Common {
        &self.common
    }

    /// What takes every credential out of a text.
    #[must_use]
    pub const fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Runs until a signal ends it. `parts` is called within the runtime, and may spawn onto `tasks`.
    #[must_use]
    pub fn run(self, parts: impl FnOnce(&mut Self) -> Result<Parts, StartError>) -> ExitCode {
        // Fails only when a provider is there already, which serves as well.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return failed(&StartError::Runtime(error)),
        };
        let code = match runtime.block_on(Box::pin(self.serve(parts))) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        };
        // What did not end within its grace does not hold up the exit.
        runtime.shutdown_background();
        code
    }

    async fn serve(
        mut self,
        parts: impl FnOnce(&mut Self) -> Result<Parts, StartError>,
    ) -> Result<(), StartError> {
        let ending = self.ending.clone();
        let signalled = ended_by_signal().map_err(StartError::Signals)?;
        let address = self.common.listen;
        let listener =
            TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })?;
        let bound = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
        for warning in self.common.readiness.warnings() {
            tracing::warn!(warning, "a setting is legal and yet unwise");
        }
        let router = self.router(parts)?;
        tracing::info!(address = %bound, version = VERSION, "listening");

        let listener = listener.tap_io(|stream| {
            // Answers are small; waiting to fill a packet only delays them.
            let _kept = stream.set_nodelay(true);
        });
        let draining = ending.clone();
        let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
        let server = axum::serve(listener, service).with_graceful_shutdown(draining.cancelled_owned());
        let mut server = tokio::spawn(server.into_future());
        tokio::select! {
            name = signalled => tracing::info!(signal = name, "ending: finishing what is in flight"),
            _ = &mut server => tracing::error!("the listener ended by itself"),
        }
        ending.cancel();
        self.tasks.close();
        let grace = self.common.shutdown_grace;
        let in_flight = async {
            if !server.is_finished() {
                let _ended = (&mut server).await;
            }
            self.tasks.wait().await;
        };
        match tokio::time::timeout(grace, in_flight).await {
            Ok(()) => tracing::info!("ended"),
            Err(_) => tracing::warn!(?grace, "ended with work still in flight: the grace is over"),
        }
        Ok(())
    }

    fn router(
        &mut self,
        parts: impl FnOnce(&mut Self) -> Result<Parts, StartError>,
    ) -> Result<Router, StartError> {
        let Parts { routes, dependencies, seen } = parts(self)?;
        let readiness = Readiness::builder(self.name, self.common.commit_id.clone())
            .redactor(self.redactor.clone())
            .dependencies(dependencies)
            .build()?;
        readiness.register_metrics(&mut self.registry);
        let registry = std::mem::take(&mut self.registry);
        Ok(routes.merge(readiness.routes()).merge(metrics_route(registry, seen)))
    }
}

fn ended_by_signal() -> std::io::Result<impl Future<Output = &'static str>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

fn failed(error: &StartError) -> ExitCode {
    tracing::error!(error = logs::with_causes(error), "cannot start");
    ExitCode::FAILURE
}

/// The longest that an upstream may take on behalf of a request, so that there is time left to answer it.
#[must_use]
pub fn upstream_limit(request_time_limit: Duration) -> Duration {
    request_time_limit * 4 / 5
}

/// Why a service whose settings are right does not start all the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}; choose another --listen, or end what listens there")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No threads.
    #[error("the runtime cannot start")]
    Runtime(#[source] std::io::Error),
    /// No signal handlers.
    #[error("signals cannot be handled")]
    Signals(#[source] std::io::Error),
    /// No HTTP client.
    #[error("the HTTP client cannot be made; for an https:// upstream, install the package ca-certificates")]
    HttpClient(#[from] reqwest::Error),
    /// A credential that no header can carry.
    #[error("the credential of {upstream} has characters that no HTTP header can carry")]
    Credential {
        /// Whose it is.
        upstream: &'static str,
    },
    /// No pool.
    #[error(transparent)]
    Database(#[from] crate::db::DatabaseError),
    /// A defect of the service: its rows contradict each other.
    #[error(transparent)]
    Readiness(#[from] BuildError),
    /// A defect of the service: its kinds of propagations contradict each other.
    #[error(transparent)]
    Registry(#[from] sabot_propagation::RegistryError),
    /// A runner cannot work so, though the settings were let through.
    #[error(transparent)]
    Runner(#[from] sabot_propagation::SettingsError),
}
