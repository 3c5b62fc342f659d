//! Which kinds of events a backend has, and who consumes each.
//!
//! A [`Registry`] says of every kind who consumes it (an email, a propagation, the ledger), or that nobody does and why.
//! [`Names`] are kinds as they stand written somewhere, each with its [`Place`]: in constants of a source in any language,
//! in a document, in a database. Two sets of names can be compared in both directions.
//!
//! - In Rust, [`kinds!`] declares the registry in one place; what is wrong with it does not build.
//! - Elsewhere it is a JSON or YAML file that [`source::read_registry`] reads, and the kinds are [`source::Constants`] in
//!   the sources, found by a pattern, or what a [`source::Document`] lists.
//! - What the database knows is read by [`source::postgres`]: an enum, a CHECK constraint, a lookup table.
//! - [`Registry::audit`] gives every [`Complaint`], for a backend's own tests:
//!
//! ```
//! use sabot_contract::source::{Constants, read_registry};
//! use sabot_contract::Names;
//!
//! # let folder = tempfile::tempdir()?;
//! # let (source, registry) = (folder.path().join("kinds.py"), folder.path().join("registry.yaml"));
//! # std::fs::write(&source, "class Kind(StrEnum):\n    TEAM_CREATED = 'team.created'\n    TEAM_GONE = 'team.gone'\n")?;
//! # std::fs::write(&registry, "kinds:\n- kind: team.created\n  email: {fields: [name]}\n")?;
//! let declared = Constants::new(r#"^[ \t]+[A-Z_]+ = ["']([^"']+)["']"#)?.read(&[("kinds.py".into(), source)])?;
//! let (registry, _) = read_registry("registry.yaml", &registry)?;
//! let complaints: Vec<_> =
//!     registry.audit(&declared, &Names::default()).iter().map(ToString::to_string).collect();
//! assert_eq!(complaints, [
//!     "team.gone (kinds.py:3) has no entry in the registry: say who consumes it, or why nobody does",
//!     "team.created emails without the ledger, so that nobody could say what became of it: add `ledger`",
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod audit;
mod declared;
mod kinds;
mod names;
mod nearest;
mod registry;
pub mod source;

pub use audit::Complaint;
#[doc(hidden)]
pub use declared::Fault;
pub use declared::{Consumers, UnknownKind};
pub use names::{Names, Place};
pub use registry::{Email, Entry, Registry};
pub use source::SourceError;
