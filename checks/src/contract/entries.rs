//! What the registry says of each kind, and which kinds the sources declare, each with its place.

use sabot_contract::source::{Constants, read_registry};
use sabot_contract::{Email, Entry, Names, Place, Registry};
use sabot_engine::{Context as _, Judgement};
use sabot_target::contract::Source;
use sabot_target::{Contract, Lane};
use std::path::PathBuf;

/// What the lane's target promises about its kinds.
pub(super) fn contract(lane: &Lane) -> &Contract {
    &lane.target().contract
}

/// The registry.
pub(super) struct Entries<'a> {
    /// The document, as the target's description names it.
    pub(super) document: &'a str,
    registry: Registry,
    places: Names,
}

impl<'a> Entries<'a> {
    pub(super) fn read(lane: &'a Lane) -> Judgement<Self> {
        let document = &contract(lane).registry;
        let (registry, places) = read_registry(document, &lane.files()?.path(document)?)?;
        Ok(Self { document, registry, places })
    }

    /// Each entry, in the order of the document.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.registry.kinds.iter()
    }

    /// Each entry that emails.
    pub(super) fn emailing(&self) -> impl Iterator<Item = (&Entry, &Email)> {
        self.iter().filter_map(|entry| Some((entry, entry.email.as_ref()?)))
    }

    /// How many entries `kind` has.
    pub(super) fn count(&self, kind: &str) -> usize {
        self.iter().filter(|entry| entry.kind == kind).count()
    }

    /// An entry, for readers.
    pub(super) fn sketch(&self, entry: &Entry) -> String {
        let found = self.places.iter().find(|(kind, _)| *kind == entry.kind);
        let places = found.map_or_else(|| self.document.to_owned(), |(_, places)| list(places));
        format!("the entry of `{}` ({places})", entry.kind)
    }
}

/// Everything that the patterns find in the sources.
pub(super) struct Declared<'a> {
    contract: &'a Contract,
    /// What is no kind included.
    found: Names,
    files: usize,
}

impl<'a> Declared<'a> {
    pub(super) fn read(lane: &'a Lane) -> Judgement<Self> {
        let contract = contract(lane);
        let (mut found, mut files) = (Names::default(), 0);
        for source in &contract.declared {
            let listed = listed(lane, source)?;
            files += listed.len();
            found.extend(Constants::new(&source.pattern)?.read(&listed).context(&source.what)?);
        }
        Ok(Self { contract, found, files })
    }

    /// Each kind, and where it is declared.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&str, &[Place])> {
        self.found.iter().filter(|(kind, _)| !self.is_ignored(kind))
    }

    /// Whether a source declares this kind.
    pub(super) fn has(&self, kind: &str) -> bool {
        self.found.contains(kind) && !self.is_ignored(kind)
    }

    /// Whether a pattern finds this, be it a kind or not.
    pub(super) fn is_found(&self, name: &str) -> bool {
        self.found.contains(name)
    }

    /// How many files were read.
    pub(super) const fn files(&self) -> usize {
        self.files
    }

    fn is_ignored(&self, name: &str) -> bool {
        self.contract.ignored.iter().any(|ignored| ignored.kind == name)
    }
}

fn listed(lane: &Lane, source: &Source) -> Judgement<Vec<(String, PathBuf)>> {
    let extensions: Vec<_> = source.extensions.iter().map(String::as_str).collect();
    Ok(lane.files()?.list_deep(&source.files, &extensions)?)
}

/// Places, for readers.
pub(super) fn list(places: &[Place]) -> String {
    places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
