//! What is in an archive of `mongodump`: read as its bytes pass by, packed or not, in flat memory.
//!
//! ```text
//! magic, header, one document per collection, FF FF FF FF          the prelude
//! (header of a collection, its documents …, FF FF FF FF)*          in any order, collections mixed
//! (header with EOF and the CRC of all its documents, FF FF FF FF)  once for each collection
//! ```
//!
//! The format is that of `common/archive/spec.md` in MongoDB's tools. The same reader sees the stream of a backup while
//! it is stored, and at a drill the stream of a dump of the restored server: what both hold must be equal.

mod crc;
mod digest;
mod error;
mod inventory;
mod metadata;
mod parser;
mod reader;
pub(crate) mod url;

pub use digest::ALGORITHM;
pub use error::ArchiveError;
pub use inventory::Inventory;
pub use reader::Reader;
