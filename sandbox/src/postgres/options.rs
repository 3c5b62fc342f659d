//! How a throwaway server is to be.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Installation;
use crate::Place;

/// How a throwaway server is to be; the default suits tests.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which binaries; the default is [`Installation::find`].
    pub installation: Option<Installation>,
    /// Where the data lie.
    pub place: Place,
    /// Settings of `postgresql.conf` that replace the sandbox's own: `fsync`, `full_page_writes` and `archive_mode` are
    /// off, `max_connections` is 200. What is committed survives [`kill`](super::Server::kill), but no power cut.
    pub settings: BTreeMap<String, String>,
    /// Lines of `pg_hba.conf` that come before the sandbox's own, which ask for a SCRAM password everywhere.
    pub hba: Vec<String>,
    /// How long it may stay (12 h): after that [`gc`](crate::gc()) removes it even though its owner lives.
    pub held_for: Duration,
    /// How long a start may take (60 s).
    pub start_limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            installation: None,
            place: Place::Auto,
            settings: BTreeMap::new(),
            hba: Vec::new(),
            held_for: Duration::from_secs(12 * 60 * 60),
            start_limit: Duration::from_secs(60),
        }
    }
}

impl Options {
    /// Adds or replaces one setting.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }

    /// Chooses where the data lie.
    #[must_use]
    pub fn place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// Keeps the data on disk and writes them as a server in production does, for what is about durability or measures
    /// it.
    #[must_use]
    pub fn durable(self) -> Self {
        let on = ["fsync", "full_page_writes"];
        on.into_iter().fold(self.place(Place::Disk), |options, name| options.setting(name, "on"))
    }
}
