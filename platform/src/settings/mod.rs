//! Settings: from flags and environment, checked as a whole before anything starts.
//!
//! Every setting `--some-name` is also read from `SABOT_SOME_NAME`; the flag wins. Lists are repeated flags, or one
//! variable with commas. What is empty counts as not given. A credential can be given in a file too
//! (`--some-name-file`), and is best not given as a flag, where every process of the machine can read it.

mod backup;
mod common;
mod delivery;
mod duration;
mod problem;
mod propagation;
mod readiness;
mod secret;
mod upstream;

pub use backup::{BackupArgs, BackupSettings, Due};
pub use common::{Common, CommonArgs, DatabaseArgs};
pub use delivery::{AcceptedArgs, DEFAULT_FROM, EmailSettings, ForwarderArgs, WebhookArgs, WebhookSettings};
pub use duration::parse_duration;
pub use problem::{Problem, Problems};
pub use propagation::{PropagationArgs, PropagationSettings};
pub use readiness::{Declared, ReadinessArgs, ReadinessSettings};
pub use secret::Secret;
pub use upstream::{ArtifactStoreArgs, BrevoArgs, ProvisionerArgs, Upstream, parse_base_url};

/// The exit code for settings that cannot work, and for unknown flags.
pub const EXIT_BAD_SETTINGS: u8 = 3;
