//! What can be wrong with an archive of `mongodump`.

use std::io;

/// Why an archive cannot be what `mongodump` wrote. Positions are bytes of the archive once it is unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Something else altogether.
    #[error("it is no archive of mongodump: it does not begin as one (take it with `mongodump --archive`)")]
    NotAnArchive,
    /// The packing is damaged, or ends too early.
    #[error("it cannot be unpacked behind byte {at}")]
    Gzip {
        /// How far it could be.
        at: u64,
        /// What is wrong.
        #[source]
        source: io::Error,
    },
    /// It ends where more must come.
    #[error("it ends at byte {at}, {within}")]
    Truncated {
        /// How long it is.
        at: u64,
        /// What it ends in.
        within: String,
    },
    /// Something stands where it cannot.
    #[error("it is damaged at byte {at}: {what}")]
    Corrupt {
        /// Where.
        at: u64,
        /// What.
        what: String,
    },
    /// The documents of a collection are not those that were dumped.
    #[error("the documents of {namespace} have the CRC {found:#018x}, the archive says {stated:#018x}")]
    Crc {
        /// `database.collection`.
        namespace: String,
        /// What the archive says.
        stated: u64,
        /// What it is.
        found: u64,
    },
}
