//! The blocks of an archive, as its bytes come.

use super::crc::Crc64;
use super::digest::Digest;
use super::inventory::Tally;
use super::metadata::Metadata;
use super::{ArchiveError, Inventory};
use sabot_sandbox::mongo::bson::{self, Value};
use std::collections::BTreeMap;

const MAGIC: [u8; 4] = 0x8199_e26d_u32.to_le_bytes();

const TERMINATOR: [u8; 4] = [0xFF; 4];

/// The largest document: 16 MiB, and 16 KiB that servers grant themselves.
const MAX_DOCUMENT: usize = 16 * 1024 * 1024 + 16 * 1024;

/// How many collections are kept apart. Far above what one server bears, and what bounds the memory.
const MAX_COLLECTIONS: usize = 100_000;

/// The longest `database.collection`, in bytes; servers grant 255.
const MAX_NAME: usize = 1_024;

/// The longest metadata of a collection, in bytes.
const MAX_METADATA: usize = 4 * 1024 * 1024;

/// Where in the archive we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Before the magic number.
    Magic,
    /// Before the archive's header.
    Header,
    /// Among what is said of each collection.
    Prelude,
    /// Between two blocks: the archive may end here.
    Between,
    /// Among the documents of this collection.
    Documents(usize),
    /// Behind the end of a collection.
    Closing,
}

/// One collection.
#[derive(Debug)]
struct Collection {
    database: String,
    name: String,
    digest: Digest,
    crc: Crc64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A view: nothing need follow.
    Optional,
    /// Its documents must follow.
    Announced,
    /// Some have come.
    Open,
    /// All have come, and their sum was right.
    Closed,
}

impl Collection {
    fn namespace(&self) -> String {
        format!("{}.{}", self.database, self.name)
    }
}

/// Reads an archive that is not packed.
#[derive(Debug)]
pub(super) struct Parser {
    stage: Stage,
    /// Where the item at hand begins.
    at: u64,
    /// The beginning of an item whose rest is still to come.
    pending: Vec<u8>,
    collections: Vec<Collection>,
    by_name: BTreeMap<(String, String), usize>,
    tally: Tally,
    server_version: String,
    tool_version: String,
}

impl Default for Parser {
    fn default() -> Self {
        Self {
            stage: Stage::Magic,
            at: 0,
            pending: Vec::new(),
            collections: Vec::new(),
            by_name: BTreeMap::new(),
            tally: Tally::default(),
            server_version: String::new(),
            tool_version: String::new(),
        }
    }
}

impl Parser {
    /// How many bytes have come.
    pub(super) fn bytes(&self) -> u64 {
        self.at + self.pending.len() as u64
    }

    /// Takes the next bytes. After an error it takes no more.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), ArchiveError> {
        while !bytes.is_empty() {
            if self.pending.is_empty()
                && let Some(size) = self.size(bytes)?
                && let Some((item, rest)) = bytes.split_at_checked(size)
            {
                self.item(item)?;
                bytes = rest;
                continue;
            }
            let wanted = self.size(&self.pending)?.unwrap_or(4);
            let (now, later) = bytes.split_at(bytes.len().min(wanted.saturating_sub(self.pending.len())));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.size(&self.pending)? == Some(self.pending.len()) {
                let mut item = std::mem::take(&mut self.pending);
                self.item(&item)?;
                item.clear();
                // Its room serves the next one.
                self.pending = item;
            }
        }
        Ok(())
    }

    /// How long the item is that begins so; `None` while that cannot be told yet.
    fn size(&self, bytes: &[u8]) -> Result<Option<usize>, ArchiveError> {
        let Some(first) = bytes.first_chunk::<4>() else { return Ok(None) };
        if self.stage == Stage::Magic || *first == TERMINATOR {
            return Ok(Some(4));
        }
        let length = i32::from_le_bytes(*first);
        let size = usize::try_from(length).ok().filter(|size| (bson::SHORTEST..=MAX_DOCUMENT).contains(size));
        let what = || format!("{length} is neither the length of a document nor the end of a block");
        size.map(Some).ok_or_else(|| self.corrupt(what()))
    }

    /// One whole item.
    fn item(&mut self, item: &[u8]) -> Result<(), ArchiveError> {
        if self.stage != Stage::Magic && item != TERMINATOR && item.last() != Some(&0) {
            return Err(self.corrupt("a document does not end with a zero".to_owned()));
        }
        match (self.stage, item == TERMINATOR) {
            (Stage::Magic, _) if item == MAGIC => self.stage = Stage::Header,
            (Stage::Magic, _) => return Err(ArchiveError::NotAnArchive),
            (Stage::Header, false) => self.header(item)?,
            (Stage::Prelude, false) => self.announce(item)?,
            (Stage::Prelude | Stage::Documents(_) | Stage::Closing, true) => self.stage = Stage::Between,
            (Stage::Between, false) => self.block(item)?,
            (Stage::Documents(index), false) => self.document(index, item)?,
            (Stage::Header | Stage::Between, true) => {
                return Err(self.corrupt("a block without a header".to_owned()));
            }
            (Stage::Closing, false) => {
                return Err(self.corrupt("a document behind the end of its collection".to_owned()));
            }
        }
        self.at += item.len() as u64;
        Ok(())
    }

    fn header(&mut self, item: &[u8]) -> Result<(), ArchiveError> {
        let (version, server) = (self.text(item, "version")?, self.text(item, "server_version")?);
        if version != "0.1" {
            let what = format!("archives of version {version:?} are not known, only 0.1");
            return Err(self.corrupt(what));
        }
        (self.server_version, self.tool_version) = (server, self.text(item, "tool_version")?);
        self.stage = Stage::Prelude;
        Ok(())
    }

    /// What the prelude says of one collection.
    fn announce(&mut self, item: &[u8]) -> Result<(), ArchiveError> {
        let text = match bson::field(item, "metadata") {
            Some(Value::String(text)) if text.len() <= MAX_METADATA => text,
            Some(Value::String(_)) => return Err(self.corrupt("metadata of more than 4 MiB".to_owned())),
            _ => "",
        };
        let mut metadata = Metadata::parse(text)
            .map_err(|error| self.corrupt(format!("the metadata of a collection cannot be read: {error}")))?;
        if let Some(Value::String(kind)) = bson::field(item, "type")
            && !kind.is_empty()
        {
            metadata.kind = Some(kind.to_owned());
        }
        let index = self.collection(item)?;
        let Some(collection) = self.collections.get_mut(index) else { return Ok(()) };
        collection.state = if metadata.has_documents() { State::Announced } else { State::Optional };
        self.tally.definitions(&collection.database, &collection.name, &metadata);
        Ok(())
    }

    /// The header of a block.
    fn block(&mut self, item: &[u8]) -> Result<(), ArchiveError> {
        let index = self.collection(item)?;
        let (ends, stated) = (bson::field(item, "EOF"), bson::field(item, "CRC"));
        let (Some(Value::Bool(ends)), Some(Value::Int64(stated))) = (ends, stated) else {
            return Err(self.corrupt("a header without EOF and CRC".to_owned()));
        };
        let damaged = self.corrupt("a block of a collection that has ended".to_owned());
        let damaged_header = self.corrupt("a block that begins with a sum".to_owned());
        let Some(collection) = self.collections.get_mut(index) else { return Err(damaged) };
        if collection.state == State::Closed {
            return Err(damaged);
        }
        if !ends {
            if stated != 0 {
                return Err(damaged_header);
            }
            collection.state = State::Open;
            self.stage = Stage::Documents(index);
            return Ok(());
        }
        let (stated, found) = (stated.cast_unsigned(), collection.crc.sum());
        if stated != found {
            return Err(ArchiveError::Crc { namespace: collection.namespace(), stated, found });
        }
        collection.state = State::Closed;
        self.tally.documents(&collection.database, &collection.name, &collection.digest);
        self.stage = Stage::Closing;
        Ok(())
    }

    fn document(&mut self, index: usize, item: &[u8]) -> Result<(), ArchiveError> {
        if let Some(collection) = self.collections.get_mut(index) {
            collection.crc.update(item);
            collection.digest.add(item);
        }
        Ok(())
    }

    /// The collection that a header names; a new one where there is none yet.
    fn collection(&mut self, item: &[u8]) -> Result<usize, ArchiveError> {
        let key = (self.text(item, "db")?, self.text(item, "collection")?);
        if let Some(index) = self.by_name.get(&key) {
            return Ok(*index);
        }
        if key.1.is_empty() || key.0.len() + key.1.len() > MAX_NAME {
            return Err(self.corrupt("a collection with an impossible name".to_owned()));
        }
        let index = self.collections.len();
        if index == MAX_COLLECTIONS {
            return Err(self.corrupt(format!("more than {MAX_COLLECTIONS} collections")));
        }
        let (database, name) = key.clone();
        let (digest, crc) = (Digest::default(), Crc64::default());
        self.collections.push(Collection { database, name, digest, crc, state: State::Optional });
        self.by_name.insert(key, index);
        Ok(index)
    }

    fn text(&self, item: &[u8], name: &str) -> Result<String, ArchiveError> {
        match bson::field(item, name) {
            Some(Value::String(text)) => Ok(text.to_owned()),
            _ => Err(self.corrupt(format!("a header without {name}"))),
        }
    }

    /// Says that no more will come.
    pub(super) fn finish(self) -> Result<Inventory, ArchiveError> {
        let at = self.bytes();
        let truncated = |within: String| Err(ArchiveError::Truncated { at, within });
        if self.stage != Stage::Between || !self.pending.is_empty() {
            return match (self.stage, at) {
                (_, 0) => truncated("that is, it is empty".to_owned()),
                (Stage::Magic, _) => Err(ArchiveError::NotAnArchive),
                (Stage::Header | Stage::Prelude, _) => truncated("before the end of its prelude".to_owned()),
                _ => truncated("within a block".to_owned()),
            };
        }
        let lacks = |collection: &&Collection| matches!(collection.state, State::Announced | State::Open);
        let missing: Vec<_> = self.collections.iter().filter(lacks).map(Collection::namespace).collect();
        if let Some(first) = missing.first() {
            return truncated(format!(
                "before the end of {first} and {} more collections",
                missing.len() - 1
            ));
        }
        let Self { tally, server_version, tool_version, .. } = self;
        Ok(Inventory { server_version, tool_version, bytes: at, databases: tally.finish() })
    }

    fn corrupt(&self, what: String) -> ArchiveError {
        ArchiveError::Corrupt { at: self.at, what }
    }
}
