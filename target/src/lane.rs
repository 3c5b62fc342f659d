//! A lane: one whole target of its own, with databases, wires, services and stand-ins.

use crate::brevo::Brevo;
use crate::client::client;
use crate::description::{StandIn, Upstream, Wire as WireSpec};
use crate::instance::{Instance, Overrides, Parts, Wire};
use crate::stand_in::StandIns;
use crate::stock::template;
use crate::wardrobe::{Dress, Wardrobe};
use crate::{Binaries, Estate, Files, Target, TargetError};
use futures_util::future::join_all;
use sabot_sandbox::postgres::Server;
use sabot_wire::http::{HttpWire, HttpWireOptions};
use sabot_wire::pg::{PgWire, PgWireOptions};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio::sync::OnceCell;

/// One whole target that runs.
#[derive(Debug)]
pub struct Lane {
    index: usize,
    target: Arc<Target>,
    binaries: Binaries,
    /// None where it was opened for files alone.
    server: Option<Arc<Server>>,
    /// Copied when they are first asked for.
    files: OnceLock<Files>,
    secrets: BTreeMap<String, String>,
    stand_ins: StandIns,
    services: BTreeMap<String, Instance>,
    client: reqwest::Client,
    wardrobe: Wardrobe,
    /// Founded when it is first asked for.
    estate: OnceCell<Estate>,
}

impl Lane {
    /// Makes the databases and starts stand-ins, wires and services.
    pub(crate) async fn start(
        index: usize,
        target: Arc<Target>,
        binaries: Binaries,
        server: Arc<Server>,
        secrets: BTreeMap<String, String>,
    ) -> Result<Self, TargetError> {
        let mut lane = Self::of_files(index, target, binaries)?;
        lane.stand_ins = StandIns::start(&lane.target, &secrets).await?;
        lane.secrets = secrets;
        lane.server = Some(server);
        lane.make_databases().await?;
        lane.start_services().await?;
        Ok(lane)
    }

    /// With nothing that runs.
    pub(crate) fn of_files(
        index: usize,
        target: Arc<Target>,
        binaries: Binaries,
    ) -> Result<Self, TargetError> {
        Ok(Self {
            index,
            target,
            binaries,
            server: None,
            files: OnceLock::new(),
            secrets: BTreeMap::new(),
            stand_ins: StandIns::default(),
            services: BTreeMap::new(),
            client: client()?,
            wardrobe: Wardrobe::default(),
            estate: OnceCell::new(),
        })
    }

    /// Its number.
    pub const fn index(&self) -> usize {
        self.index
    }

    /// What runs on it.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Its own copies of the files that the target's description names.
    ///
    /// # Errors
    /// [`TargetError::Io`], when they can't be copied.
    pub fn files(&self) -> Result<&Files, TargetError> {
        if let Some(files) = self.files.get() {
            return Ok(files);
        }
        let copied = Files::copy(&self.target.files(), &self.binaries)?;
        Ok(self.files.get_or_init(|| copied))
    }

    fn server(&self) -> Result<&Arc<Server>, TargetError> {
        self.server.as_ref().ok_or(TargetError::FilesAlone)
    }

    /// The instance of `service` that every check shares.
    ///
    /// # Errors
    /// [`TargetError::NoSuch`] when there is none; [`TargetError::FilesAlone`].
    pub fn service(&self, service: &str) -> Result<&Instance, TargetError> {
        self.server()?;
        let none = || TargetError::NoSuch { what: "a service", name: service.to_owned() };
        self.services.get(service).ok_or_else(none)
    }

    /// All its instances.
    pub fn services(&self) -> impl Iterator<Item = &Instance> {
        self.services.values()
    }

    /// The stand-in with canned answers for an upstream.
    ///
    /// # Errors
    /// [`TargetError::NoSuch`] when there is none; [`TargetError::FilesAlone`].
    pub fn stand_in(&self, name: &str) -> Result<&HttpWire, TargetError> {
        self.server()?;
        self.stand_ins.canned(name)
    }

    /// The simulator of the email provider. Its webhook leads to the service that takes the events, over the wire in
    /// front of it; it sends none unless it is given a script or events.
    ///
    /// # Errors
    /// [`TargetError::NoSuch`] when the target has no account with Brevo; [`TargetError::FilesAlone`].
    pub fn brevo(&self) -> Result<&Brevo, TargetError> {
        self.server()?;
        self.stand_ins.brevo()
    }

    /// Every credential that its services were started with.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<_> = self.secrets.values().cloned().collect();
        secrets.extend(self.server.iter().map(|server| server.password().to_owned()));
        secrets
    }

    /// Its own credentials by name.
    pub fn credentials(&self) -> impl Iterator<Item = (&str, &str)> {
        self.secrets.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The address of the target's database `name`, past the wires.
    ///
    /// # Errors
    /// [`TargetError::FilesAlone`].
    pub fn database_url(&self, name: &str) -> Result<String, TargetError> {
        Ok(self.server()?.url(&self.database_name(name)))
    }

    /// A connection to the target's database `name`, past the wires.
    ///
    /// # Errors
    /// [`TargetError::Postgres`] when the server can't be reached; [`TargetError::FilesAlone`].
    pub async fn database(&self, name: &str) -> Result<tokio_postgres::Client, TargetError> {
        Ok(self.server()?.connect(&self.database_name(name)).await?)
    }

    /// Starts a further instance of `service`, with wires of its own; it ends when it is stopped or dropped.
    ///
    /// # Errors
    /// [`TargetError`], with its last log lines when it did not start.
    pub async fn further(&self, service: &str, overrides: &Overrides) -> Result<Instance, TargetError> {
        self.further_without(service, &[], overrides).await
    }

    /// As [`further`](Self::further), with these settings of the description left out, so that its defaults show.
    ///
    /// # Errors
    /// [`TargetError`], with its last log lines when it did not start.
    pub async fn further_without(
        &self,
        service: &str,
        left_out: &[&str],
        overrides: &Overrides,
    ) -> Result<Instance, TargetError> {
        let mut parts = self.parts(service).await?;
        parts.env.retain(|(name, _)| !left_out.contains(&name.as_str()));
        self.connect(&parts).await?;
        let mut all = self.wardrobe.overrides(service);
        all.extend(overrides.iter().cloned());
        let instance = Instance::start(parts, &all).await?;
        for dress in self.wardrobe.dresses(service) {
            dress(&instance).await?;
        }
        Ok(instance)
    }

    /// Restarts `service` with some settings replaced, and starts every further instance of it so, until it is turned
    /// back with none.
    ///
    /// # Errors
    /// [`TargetError`], when it does not start with them.
    pub async fn turn(&self, service: &str, overrides: Overrides) -> Result<(), TargetError> {
        self.wardrobe.turn(service, overrides.clone());
        self.service(service)?.restart_with(&overrides).await
    }

    /// The program of `service`, as the target's description has it.
    ///
    /// # Errors
    /// [`TargetError::NoSuch`] when there is no such service, [`TargetError::NoBinary`] when its program is missing.
    pub fn program(&self, service: &str) -> Result<PathBuf, TargetError> {
        let none = || TargetError::NoSuch { what: "a service", name: service.to_owned() };
        self.binaries.find(self.target.service(service).ok_or_else(none)?.program())
    }

    /// Restarts `service` with `program` in the place of its own, and starts every further instance of it so, until its
    /// own is put back with none.
    ///
    /// # Errors
    /// [`TargetError`], when it does not start so.
    pub async fn start_by(&self, service: &str, program: Option<PathBuf>) -> Result<(), TargetError> {
        self.wardrobe.start_by(service, program);
        self.service(service)?.run_by(self.program_now(service)?).await;
        self.restart(service).await
    }

    fn program_now(&self, service: &str) -> Result<PathBuf, TargetError> {
        self.wardrobe.program(service).map_or_else(|| self.program(service), Ok)
    }

    /// Restarts `service`, which has ended or is to end, as it is turned.
    ///
    /// # Errors
    /// [`TargetError`], with its last log lines when it did not start.
    pub async fn restart(&self, service: &str) -> Result<(), TargetError> {
        self.service(service)?.restart_with(&self.wardrobe.overrides(service)).await
    }

    /// What a program that stands beside the services prints.
    ///
    /// # Errors
    /// [`TargetError::Command`] when it fails, or takes too long.
    pub async fn ask(&self, command_line: &[String]) -> Result<String, TargetError> {
        self.binaries.ask(command_line).await
    }

    /// Puts rules on the wires of every instance of `service`, present and further.
    ///
    /// # Errors
    /// Those of `dress`.
    pub async fn dress(&self, service: &str, dress: Arc<Dress>) -> Result<(), TargetError> {
        dress(self.service(service)?).await?;
        self.wardrobe.add(service, dress);
        Ok(())
    }

    /// Takes every rule off the wires of `service`, and puts none on further instances.
    ///
    /// # Errors
    /// [`TargetError::NoSuch`] when there is no such service.
    pub async fn undress(&self, service: &str) -> Result<(), TargetError> {
        self.wardrobe.remove(service);
        self.service(service)?.clear_wires().await
    }

    /// What is backed up, and the store with its backups. The first who asks founds it, which takes some seconds.
    ///
    /// # Errors
    /// [`TargetError`], with what the backup said that failed; [`TargetError::FilesAlone`].
    pub async fn estate(&self) -> Result<&Estate, TargetError> {
        self.server()?;
        self.estate.get_or_try_init(|| Estate::found(&self.target, &self.binaries)).await
    }

    /// The HTTP client with which services are asked.
    pub const fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Makes it as good as new: files copied anew, wires clear, stand-ins reset, databases remade, services restarted.
    ///
    /// # Errors
    /// [`TargetError`]; the lane is then to be given up.
    pub async fn remake(&mut self) -> Result<(), TargetError> {
        self.files.take();
        if self.server.is_none() {
            return Ok(());
        }
        self.wardrobe = Wardrobe::default();
        if let Some(estate) = self.estate.get() {
            estate.reset()?;
        }
        let stopped = std::mem::take(&mut self.services);
        join_all(stopped.into_values().map(Instance::stop)).await;
        self.stand_ins.reset();
        self.make_databases().await?;
        self.start_services().await
    }

    /// Stops everything and drops the databases.
    pub async fn stop(mut self) {
        if let Some(estate) = self.estate.take() {
            estate.stop().await;
        }
        let services = std::mem::take(&mut self.services);
        join_all(services.into_values().map(Instance::stop)).await;
        let Some(server) = &self.server else { return };
        for database in &self.target.databases {
            let name = self.database_name(&database.name);
            if let Err(error) = server.drop_database(&name).await {
                tracing::debug!(%name, %error, "a database goes with its server instead");
            }
        }
    }

    async fn make_databases(&self) -> Result<(), TargetError> {
        let server = self.server()?;
        for database in &self.target.databases {
            let name = self.database_name(&database.name);
            server.drop_database(&name).await?;
            server.create_database_from(&name, &template(&database.name)).await?;
        }
        Ok(())
    }

    /// Starts every service side by side; an address that another one needs is filled in once it is known.
    async fn start_services(&mut self) -> Result<(), TargetError> {
        let names: Vec<_> = self.target.services.iter().map(|service| service.name.clone()).collect();
        let started = join_all(names.iter().map(|name| async {
            let parts = self.parts(name).await?;
            Instance::start(parts, &Overrides::new()).await
        }))
        .await;
        for (name, instance) in names.into_iter().zip(started) {
            self.services.insert(name, instance?);
        }
        for instance in self.services.values() {
            for (wire, to) in self.to_services(instance.service())? {
                instance.http(&wire)?.set_upstream(self.service(&to)?.address().await?);
            }
        }
        self.point_webhooks()
    }

    /// Gives the simulator the address of the webhook.
    fn point_webhooks(&self) -> Result<(), TargetError> {
        for (_, stand_in) in &self.target.stand_ins {
            if let StandIn::Brevo(account) = stand_in {
                let path = self.fill_in(&account.path, &BTreeMap::new())?;
                self.brevo()?.set_webhook(self.service(&account.service)?.url(&path));
            }
        }
        Ok(())
    }

    /// Which wires of `service` lead to which other services.
    fn to_services(&self, service: &str) -> Result<Vec<(String, String)>, TargetError> {
        let none = || TargetError::NoSuch { what: "a service", name: service.to_owned() };
        let wires = &self.target.service(service).ok_or_else(none)?.wires;
        Ok(wires
            .iter()
            .filter_map(|wire| match &wire.to {
                Upstream::Service(to) => Some((wire.name.clone(), to.clone())),
                Upstream::Database(_) | Upstream::StandIn(_) => None,
            })
            .collect())
    }

    async fn connect(&self, parts: &Parts) -> Result<(), TargetError> {
        for (wire, to) in self.to_services(&parts.service)? {
            if let Some(Wire::Http(wire)) = parts.wires.get(&wire) {
                wire.set_upstream(self.service(&to)?.address().await?);
            }
        }
        Ok(())
    }

    /// The wires of a new instance of `service`, and its environment with their addresses in it.
    async fn parts(&self, service: &str) -> Result<Parts, TargetError> {
        let none = || TargetError::NoSuch { what: "a service", name: service.to_owned() };
        let described = self.target.service(service).ok_or_else(none)?;
        let mut wires = BTreeMap::new();
        let mut addresses = BTreeMap::new();
        for spec in &described.wires {
            let (wire, address) = self.wire(spec).await?;
            wires.insert(spec.name.clone(), wire);
            addresses.insert(spec.name.clone(), address);
        }
        let env =
            described.env.iter().map(|(name, value)| Ok((name.clone(), self.fill_in(value, &addresses)?)));
        let inbound = HttpWire::start(HttpWireOptions::to(nowhere()))
            .await
            .map_err(TargetError::io(format!("starting the wire in front of {service}")))?;
        Ok(Parts {
            target: self.target.clone(),
            binaries: self.binaries.clone(),
            service: service.to_owned(),
            program: self.program_now(service)?,
            env: env.collect::<Result<_, TargetError>>()?,
            inbound,
            wires,
            client: self.client.clone(),
        })
    }

    /// A wire, and its address as the service is given it.
    async fn wire(&self, spec: &WireSpec) -> Result<(Wire, String), TargetError> {
        let failed = || TargetError::io(format!("starting the wire {}", spec.name));
        let http = match &spec.to {
            Upstream::Database(name) => {
                let server = SocketAddr::from((Ipv4Addr::LOCALHOST, self.server()?.port()));
                let wire = PgWire::start(PgWireOptions::to_tcp(server)).await?;
                let url = self.database_url(name)?;
                let url =
                    url.replace(&format!(":{}/", server.port()), &format!(":{}/", wire.address().port()));
                return Ok((Wire::Postgres(wire), url));
            }
            // The other service's address is filled in when it is known.
            Upstream::Service(_) => HttpWireOptions::to(nowhere()),
            Upstream::StandIn(name) => HttpWireOptions::to(self.stand_ins.address(name)?),
        };
        let wire = HttpWire::start(http).await.map_err(failed())?;
        let url = wire.url();
        Ok((Wire::Http(wire), url))
    }

    fn database_name(&self, database: &str) -> String {
        format!("lane{}_{database}", self.index)
    }

    /// Fills the templates in one value of an environment.
    fn fill_in(&self, value: &str, wires: &BTreeMap<String, String>) -> Result<String, TargetError> {
        let Some((before, rest)) = value.split_once('{') else { return Ok(value.to_owned()) };
        let Some((template, after)) = rest.split_once('}') else { return Ok(value.to_owned()) };
        let none = |what, name: &str| TargetError::NoSuch { what, name: name.to_owned() };
        let filled = match template.split_once(':') {
            Some(("wire", name)) => wires.get(name).cloned().ok_or_else(|| none("a wire", name))?,
            Some(("secret", name)) => {
                self.secrets.get(name).cloned().ok_or_else(|| none("a secret", name))?
            }
            Some(("database", name)) => self.database_url(name)?,
            _ => return Err(none("a template", template)),
        };
        Ok(format!("{before}{filled}{}", self.fill_in(after, wires)?))
    }
}

/// Where a wire leads before its upstream is known: the discard port, where nobody listens.
fn nowhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 9))
}
