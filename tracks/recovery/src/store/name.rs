//! What artifacts are called.

use super::StoreError;
use std::fmt::Write as _;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const STAMP: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// What a manifest's name adds to that of its artifact.
const MANIFEST: &str = ".manifest.json";

/// What the name of an artifact ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suffix {
    /// A custom-format dump of PostgreSQL.
    Dump,
    /// A base backup, as tar and packed.
    BaseTarZst,
    /// An archive of mongodump, packed.
    ArchiveGz,
}

impl Suffix {
    const ALL: [Self; 3] = [Self::Dump, Self::BaseTarZst, Self::ArchiveGz];

    /// Without its leading dot.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dump => "dump",
            Self::BaseTarZst => "base.tar.zst",
            Self::ArchiveGz => "archive.gz",
        }
    }
}

/// A name that nothing in any store has: `job/20261123T030000Z-9f86d081.dump`.
///
/// # Errors
/// When the system gives no random numbers, or the job's name cannot be a folder.
pub fn artifact_name(job: &str, at: OffsetDateTime, suffix: Suffix) -> Result<String, StoreError> {
    if !is_job(job) {
        return Err(StoreError::BadName { name: job.to_owned(), place: "a store".to_owned() });
    }
    let mut random = [0; 4];
    getrandom::fill(&mut random)?;
    let at = at.to_offset(time::UtcOffset::UTC);
    let date = at.date();
    let mut name = format!("{job}/{:04}{:02}{:02}T", date.year(), u8::from(date.month()), date.day());
    // Writing to a string cannot fail.
    let _ = write!(name, "{:02}{:02}{:02}Z-", at.hour(), at.minute(), at.second());
    random.iter().for_each(|byte| {
        let _ = write!(name, "{byte:02x}");
    });
    Ok(format!("{name}.{}", suffix.as_str()))
}

/// The name of an artifact's manifest.
#[must_use]
pub fn manifest_name(artifact: &str) -> String {
    format!("{artifact}{MANIFEST}")
}

/// The artifact whose manifest has this name.
pub(super) fn artifact_of(manifest: &str) -> Option<&str> {
    manifest.strip_suffix(MANIFEST)
}

/// Whether a job may be called so.
#[must_use]
pub fn is_job(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(good)
}

/// Whether this is a name that [`artifact_name`] gives, with or without its job.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    let file = name.rsplit_once('/').map_or(name, |(_, file)| file);
    let Some((stem, suffix)) = file.split_once('.') else { return false };
    let Some((stamp, random)) = stem.split_once('-') else { return false };
    Suffix::ALL.iter().any(|known| known.as_str() == suffix)
        && random.len() == 8
        && random.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        && time::PrimitiveDateTime::parse(stamp, STAMP).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_name_is_known_again() {
        for suffix in Suffix::ALL {
            let name = artifact_name("platform", datetime!(2026-11-23 03:00:09 UTC), suffix).unwrap();
            assert!(name.starts_with("platform/20261123T030009Z-"), "{name}");
            assert!(is_ours(&name), "{name}");
            assert_eq!(artifact_of(&manifest_name(&name)), Some(name.as_str()));
            assert!(!is_ours(&manifest_name(&name)));
        }
        let east = datetime!(2026-11-23 03:00:09 +2);
        assert!(artifact_name("p", east, Suffix::Dump).unwrap().starts_with("p/20261123T010009Z-"));
    }

    #[test]
    fn other_names_are_not_ours() {
        let others = [
            "nightly.dump",
            "20261123T030000Z-9f86d08.dump",
            "20261123T030000Z-9F86D081.dump",
            "20261323T030000Z-9f86d081.dump",
            "20261123T030000Z-9f86d081.sql",
            "20261123T030000Z-9f86d081.dump.gz",
            "20261123T030000Z-9f86d081",
        ];
        for name in others {
            assert!(!is_ours(name), "{name}");
        }
        assert!(!is_job("") && !is_job("../up") && !is_job("a/b") && !is_job(".hidden") && is_job("db-1.eu"));
    }
}
