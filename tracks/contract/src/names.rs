//! Names of kinds as they stand written somewhere, each with its place.

use std::collections::BTreeMap;
use std::fmt;

/// Where a name stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, or what else holds it: `enum propagation_kind`.
    pub within: String,
    /// The line, from one, where there are lines.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.within),
            None => f.write_str(&self.within),
        }
    }
}

/// Names with every place where they stand, in the order of the alphabet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<String, Vec<Place>>);

impl Names {
    /// Adds a name that stands at `place`.
    pub fn add(&mut self, name: impl Into<String>, place: Place) {
        self.0.entry(name.into()).or_default().push(place);
    }

    /// Adds everything of another.
    pub fn extend(&mut self, other: Self) {
        for (name, places) in other.0 {
            self.0.entry(name).or_default().extend(places);
        }
    }

    /// Each name, and where it stands.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Place])> {
        self.0.iter().map(|(name, places)| (name.as_str(), places.as_slice()))
    }

    /// Whether `name` stands anywhere.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Each name of these that stands nowhere in `other`, and where it stands here.
    pub fn missing_from<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a str, &'a [Place])> {
        self.iter().filter(|(name, _)| !other.contains(name))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
