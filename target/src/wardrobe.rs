//! What every instance of a service on a lane wears: settings turned, a program in its place, rules on its wires; so that
//! an instance that a check starts later is sabotaged as those before it.

use crate::TargetError;
use crate::instance::{Instance, Overrides};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Puts rules on the wires of an instance.
pub type Dress = dyn for<'a> Fn(&'a Instance) -> BoxFuture<'a, Result<(), TargetError>> + Send + Sync;

/// By service.
#[derive(Default)]
pub(crate) struct Wardrobe(Mutex<BTreeMap<String, Wear>>);

#[derive(Default)]
struct Wear {
    overrides: Overrides,
    program: Option<PathBuf>,
    dresses: Vec<Arc<Dress>>,
}

impl Wardrobe {
    pub(crate) fn overrides(&self, service: &str) -> Overrides {
        self.all().get(service).map(|wear| wear.overrides.clone()).unwrap_or_default()
    }

    pub(crate) fn dresses(&self, service: &str) -> Vec<Arc<Dress>> {
        self.all().get(service).map(|wear| wear.dresses.clone()).unwrap_or_default()
    }

    pub(crate) fn turn(&self, service: &str, overrides: Overrides) {
        self.all().entry(service.to_owned()).or_default().overrides = overrides;
    }

    pub(crate) fn program(&self, service: &str) -> Option<PathBuf> {
        self.all().get(service).and_then(|wear| wear.program.clone())
    }

    pub(crate) fn start_by(&self, service: &str, program: Option<PathBuf>) {
        self.all().entry(service.to_owned()).or_default().program = program;
    }

    pub(crate) fn add(&self, service: &str, dress: Arc<Dress>) {
        self.all().entry(service.to_owned()).or_default().dresses.push(dress);
    }

    pub(crate) fn remove(&self, service: &str) {
        self.all().entry(service.to_owned()).or_default().dresses.clear();
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Wear>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Wardrobe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.all().iter().map(|(service, wear)| (service, &wear.overrides))).finish()
    }
}
