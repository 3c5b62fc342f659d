//! How a description is written in TOML where that differs from how it is held: durations are text, what has a name is
//! an entry of a table.

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// What has a name, and in TOML is the table's entry of that name.
pub(crate) trait Named: Sized {
    /// What stands behind the name.
    type Form: Serialize + DeserializeOwned;
    fn of(name: String, form: Self::Form) -> Self;
    fn parts(&self) -> (&str, &Self::Form);
}

impl<T: Serialize + DeserializeOwned> Named for (String, T) {
    type Form = T;

    fn of(name: String, form: T) -> Self {
        (name, form)
    }

    fn parts(&self) -> (&str, &T) {
        (&self.0, &self.1)
    }
}

/// A list of what is [`Named`], as a table.
pub(crate) mod named {
    use super::{Deserializer, Entries, Named, PhantomData, Serializer};
    use serde::ser::SerializeMap as _;

    pub(crate) fn serialize<S: Serializer, T: Named>(all: &[T], to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(all.len()))?;
        for (name, form) in all.iter().map(Named::parts) {
            map.serialize_entry(name, &form)?;
        }
        map.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: Named>(from: D) -> Result<Vec<T>, D::Error> {
        from.deserialize_map(Entries(PhantomData))
    }
}

/// A list of pairs, as a table.
pub(crate) use named as pairs;

struct Entries<T>(PhantomData<T>);

impl<'de, T: Named> Visitor<'de> for Entries<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some((name, form)) = map.next_entry()? {
            all.push(T::of(name, form));
        }
        Ok(all)
    }
}

/// A duration as people write it: `500ms`, `90s`, `5m`, `30h`, `2d`.
pub(crate) mod duration {
    use super::{Deserialize as _, Deserializer, Duration, Serializer, read, write};
    use serde::de::Error as _;

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&write(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        read(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A list of such durations.
pub(crate) mod durations {
    use super::{Deserialize, Deserializer, Duration, Serializer, duration, write};

    #[derive(Deserialize)]
    #[serde(transparent)]
    struct One(#[serde(with = "duration")] Duration);

    pub(crate) fn serialize<S: Serializer>(all: &[Duration], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(all.iter().map(|duration| write(*duration)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Duration>, D::Error> {
        Ok(Vec::<One>::deserialize(from)?.into_iter().map(|one| one.0).collect())
    }
}

/// The units, the longest first, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 24 * 3_600_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

fn read(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration; write one such as 500ms, 90s, 5m, 30h or 2d");
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let (_, milliseconds) = UNITS.iter().find(|(known, _)| *known == unit).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(*milliseconds).map(Duration::from_millis).ok_or_else(wrong)
}

/// In the longest unit in which it is a whole number.
fn write(duration: Duration) -> String {
    let all = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let fits = UNITS.iter().find(|(_, milliseconds)| all >= *milliseconds && all % milliseconds == 0);
    fits.map_or_else(|| "0ms".to_owned(), |(unit, milliseconds)| format!("{}{unit}", all / milliseconds))
}

pub(crate) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(crate) fn pairs_of(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["500ms", "90s", "5m", "30h", "2d", "1500ms"] {
            assert_eq!(write(read(text).unwrap()), text);
        }
        for wrong in ["", "5", "m", "5 m", "-5m", "5min", "1.5s", "99999999999999999999d"] {
            assert!(read(wrong).unwrap_err().contains("500ms"), "{wrong}");
        }
    }
}
