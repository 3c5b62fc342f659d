//! The tables of the file.

use crate::Target;
use crate::description::forms::{named, pairs};
use crate::description::{Contract, Database, Delivery, Propagation, Readiness, Recovery, Service, StandIn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A target, as its file describes it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Document {
    /// What the whole is called.
    pub(crate) target: About,
    /// Its databases by name, each made by Sabot in a throwaway PostgreSQL.
    #[serde(with = "named")]
    #[schemars(with = "BTreeMap<String, Database>")]
    pub(crate) databases: Vec<Database>,
    /// Its services by name, each a command that Sabot starts behind wires.
    #[serde(with = "named")]
    #[schemars(with = "BTreeMap<String, Service>")]
    pub(crate) services: Vec<Service>,
    /// Its upstreams that Sabot answers for, by name.
    #[serde(with = "pairs")]
    #[schemars(with = "BTreeMap<String, StandIn>")]
    pub(crate) stand_ins: Vec<(String, StandIn)>,
    /// Credentials made afresh for each lane: by name the shape, in which each `#` becomes a random hex digit.
    #[serde(with = "pairs")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(crate) secrets: Vec<(String, String)>,
    /// What it promises about readiness.
    pub(crate) readiness: Option<Readiness>,
    /// What it promises about delivery.
    pub(crate) delivery: Option<Delivery>,
    /// What it promises about propagation.
    pub(crate) propagation: Option<Propagation>,
    /// What it promises about recovery.
    pub(crate) recovery: Option<Recovery>,
    /// What it promises about its kinds.
    pub(crate) contract: Option<Contract>,
}

/// What the target is called.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct About {
    /// What it is called in reports.
    pub(crate) name: String,
    /// Settings that differ from its defaults, as printed at the start of a run: name and value.
    #[serde(with = "pairs")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(crate) profile: Vec<(String, String)>,
}

impl Default for About {
    fn default() -> Self {
        Self { name: "the target".into(), profile: Vec::new() }
    }
}

impl Document {
    /// Gives readiness the names that its form brings, and its words unless they are `worded` in the file.
    pub(crate) fn take_form(&mut self, worded: bool) {
        let Some(readiness) = &mut self.readiness else { return };
        let Some(form) = readiness.form else { return };
        readiness.shape = form.shape();
        if !worded {
            readiness.words = form.words();
        }
    }

    /// The target that it describes, written in `file`.
    pub(crate) fn into_target(self, file: PathBuf) -> Target {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let tracks = [
            ("readiness", self.readiness.is_some()),
            ("delivery", self.delivery.is_some()),
            ("propagation", self.propagation.is_some()),
            ("recovery", self.recovery.is_some()),
            ("contract", self.contract.is_some()),
        ];
        let left_out = tracks.into_iter().filter(|(_, described)| !described);
        let left_out: Vec<_> =
            left_out.map(|(track, _)| (track.to_owned(), format!("{name} has no [{track}]"))).collect();
        Target {
            name: self.target.name,
            profile: self.target.profile,
            databases: self.databases,
            stand_ins: self.stand_ins,
            secrets: self.secrets,
            services: self.services,
            left_out,
            readiness: self.readiness.unwrap_or_default(),
            delivery: self.delivery.unwrap_or_default(),
            propagation: self.propagation.unwrap_or_default(),
            recovery: self.recovery.unwrap_or_default(),
            contract: self.contract.unwrap_or_default(),
            file: Some(file),
        }
    }
}
