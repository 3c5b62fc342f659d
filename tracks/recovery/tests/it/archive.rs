//! Archives of mongodump, written here after their specification: what is read from them, and each kind of damage.

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use sabot_recovery::mongo::{ArchiveError, Inventory, Reader};
use sabot_sandbox::mongo::bson::Writer;
use std::collections::BTreeMap;
use std::io::Write;

const TERMINATOR: [u8; 4] = [0xFF; 4];

/// An archive under way.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    sums: BTreeMap<(String, String), Vec<u8>>,
}

impl Archive {
    /// One that announces these collections, each with its metadata.
    pub(crate) fn new(collections: &[(&str, &str, &str)]) -> Self {
        Self::of("7.0.14", collections)
    }

    /// The same, taken from a server of this version.
    pub(crate) fn of(server: &str, collections: &[(&str, &str, &str)]) -> Self {
        let mut bytes = 0x8199_e26d_u32.to_le_bytes().to_vec();
        let header = Writer::default().int32("concurrent_collections", 4).string("version", "0.1");
        bytes.extend(header.string("server_version", server).string("tool_version", "100.10.0").finish());
        for (database, name, metadata) in collections {
            let entry = Writer::default().string("db", database).string("collection", name);
            bytes.extend(entry.string("metadata", metadata).finish());
        }
        bytes.extend(TERMINATOR);
        Self { bytes, sums: BTreeMap::new() }
    }

    fn header(database: &str, name: &str, ends: bool, crc: u64) -> Vec<u8> {
        let header = Writer::default().string("db", database).string("collection", name);
        header.bool("EOF", ends).int64("CRC", crc.cast_signed()).finish()
    }

    /// Adds a block of documents.
    pub(crate) fn block(mut self, database: &str, name: &str, documents: &[Vec<u8>]) -> Self {
        self.bytes.extend(Self::header(database, name, false, 0));
        self.bytes.extend(documents.iter().flatten());
        self.bytes.extend(TERMINATOR);
        self.sums
            .entry((database.to_owned(), name.to_owned()))
            .or_default()
            .extend(documents.iter().flatten());
        self
    }

    /// Ends a collection.
    pub(crate) fn end(mut self, database: &str, name: &str) -> Self {
        let documents = self.sums.remove(&(database.to_owned(), name.to_owned())).unwrap_or_default();
        self.bytes.extend(Self::header(database, name, true, crc64(&documents)));
        self.bytes.extend(TERMINATOR);
        self
    }

    pub(crate) fn plain(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    pub(crate) fn packed(&self) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&self.bytes).unwrap();
        packer.finish().unwrap()
    }
}

/// CRC-64 of ECMA-182, bit by bit: another way than the one that is tested.
fn crc64(bytes: &[u8]) -> u64 {
    let shift = |sum: u64| if sum & 1 == 1 { (sum >> 1) ^ 0xC96C_5795_D787_0F42 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u64::from(*byte), |sum, _| shift(sum)))
}

pub(crate) fn shoe(id: i32, name: &str) -> Vec<u8> {
    Writer::default().int32("_id", id).string("name", name).finish()
}

fn shoes(count: i32) -> Vec<Vec<u8>> {
    (0..count).map(|id| shoe(id, "left")).collect()
}

const METADATA: &str = r#"{"indexes":[{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"}],"type":"collection"}"#;

const ALL: [(&str, &str, &str); 3] =
    [("shop", "shoes", METADATA), ("shop", "none", METADATA), ("blog", "posts", METADATA)];

/// Two databases, three collections of which one is empty, one in two blocks.
fn sample() -> Archive {
    let (first, second) = (shoes(5), shoes(9));
    Archive::new(&ALL)
        .block("shop", "shoes", &first)
        .block("blog", "posts", &second)
        .block("shop", "shoes", &second[5..])
        .end("blog", "posts")
        .block("shop", "none", &[])
        .end("shop", "none")
        .end("shop", "shoes")
}

pub(crate) fn read(bytes: &[u8], by: usize) -> Result<Inventory, ArchiveError> {
    let mut reader = Reader::default();
    bytes.chunks(by).try_for_each(|part| reader.feed(part))?;
    reader.finish()
}

fn rows(inventory: &Inventory) -> Vec<(String, u64)> {
    let tables = inventory.databases.iter().flat_map(|database| &database.tables);
    tables.map(|table| (table.name.clone(), table.rows)).collect()
}

#[test]
fn what_is_in_an_archive_is_counted() {
    let inventory = read(&sample().plain(), usize::MAX).unwrap();
    let expected = [("blog.posts", 9), ("shop.none", 0), ("shop.shoes", 9)];
    assert_eq!(rows(&inventory), expected.map(|(name, rows)| (name.to_owned(), rows)));
    assert_eq!((inventory.collections(), inventory.documents()), (3, 18));
    assert_eq!((inventory.server_version.as_str(), inventory.tool_version.as_str()), ("7.0.14", "100.10.0"));
    assert_eq!(inventory.bytes, sample().plain().len() as u64);
    let classes =
        |index: usize| inventory.databases[index].objects.iter().map(|of| (of.class.as_str(), of.count));
    assert_eq!(classes(1).collect::<Vec<_>>(), [("collection", 2), ("index", 2)]);
    let shoes = &inventory.databases[1].tables[1];
    assert_eq!(
        shoes.digest, inventory.databases[0].tables[0].digest,
        "the same documents, in whatever blocks"
    );
}

#[test]
fn neither_packing_nor_the_size_of_the_pieces_matters() {
    let (plain, packed) = (sample().plain(), sample().packed());
    let whole = read(&plain, usize::MAX).unwrap();
    for by in [1, 2, 3, 7, 64, 4096] {
        assert_eq!(read(&plain, by).unwrap(), whole, "plain by {by}");
        assert_eq!(read(&packed, by).unwrap(), whole, "packed by {by}");
    }
}

#[test]
fn the_order_of_documents_does_not_matter_and_everything_else_does() {
    let with = |documents: &[Vec<u8>]| {
        let archive = Archive::new(&[("shop", "shoes", METADATA)]);
        let archive = archive.block("shop", "shoes", documents).end("shop", "shoes");
        read(&archive.plain(), usize::MAX).unwrap().databases
    };
    let original = with(&shoes(6));
    let mut turned = shoes(6);
    turned.reverse();
    assert_eq!(with(&turned), original);
    let mut changed = shoes(6);
    changed[3] = shoe(3, "Left");
    let mut twice = shoes(6);
    twice[5] = twice[4].clone();
    let mut both_twice = shoes(6);
    (both_twice[4], both_twice[5]) = (both_twice[0].clone(), both_twice[0].clone());
    // An exclusive or of all would take these for the same.
    let pair = |id| [shoe(id, "left"), shoe(id, "left")];
    assert_ne!(with(&pair(1)), with(&pair(2)), "pairs");
    for (what, documents) in [
        ("changed", changed),
        ("lost", shoes(5)),
        ("added", shoes(7)),
        ("twice", twice),
        ("thrice", both_twice),
    ] {
        assert_ne!(with(&documents), original, "{what}");
    }
}

#[test]
fn a_lost_index_or_collection_is_seen() {
    let with = |collections: &[(&str, &str, &str)]| {
        let archive = collections.iter().fold(Archive::new(collections), |archive, (database, name, _)| {
            archive.block(database, name, &[]).end(database, name)
        });
        read(&archive.plain(), usize::MAX).unwrap().databases
    };
    let more = r#"{"indexes":[{"key":{"_id":1},"name":"_id_"},{"key":{"a":1},"name":"a"}]}"#;
    let original = with(&[("shop", "shoes", more)]);
    assert_ne!(with(&[("shop", "shoes", METADATA)]), original);
    assert_ne!(with(&[("shop", "boots", more)]), original);
    let validated = more.replacen('{', r#"{"options":{"validator":{"a":{"$gt":1}}},"#, 1);
    assert_ne!(with(&[("shop", "shoes", &validated)]), original);
}

#[test]
fn a_view_needs_no_documents_and_a_collection_does() {
    let view = r#"{"options":{"viewOn":"shoes","pipeline":[]},"indexes":[],"type":"view"}"#;
    let of_view = Archive::new(&[("shop", "left", view)]).plain();
    assert_eq!(read(&of_view, usize::MAX).unwrap().databases[0].objects[0].count, 1);
    let of_collection = Archive::new(&[("shop", "left", METADATA)]).plain();
    let error = read(&of_collection, usize::MAX).unwrap_err().to_string();
    assert!(error.contains("before the end of shop.left"), "{error}");
}

#[test]
fn an_archive_that_is_cut_anywhere_is_found() {
    let (plain, packed) = (sample().plain(), sample().packed());
    for bytes in [&plain, &packed] {
        for end in 0..bytes.len() {
            let error = read(&bytes[..end], 64).expect_err(&format!("cut at {end} of {}", bytes.len()));
            assert!(!error.to_string().is_empty());
        }
    }
    assert!(matches!(read(&[], 64), Err(ArchiveError::Truncated { at: 0, .. })));
}

/// The prelude has no sum of its own: of an artifact the manifest's SHA-256 covers it.
#[test]
fn a_bit_that_is_flipped_anywhere_behind_the_prelude_is_found() {
    let plain = sample().plain();
    let whole = read(&plain, usize::MAX).unwrap();
    let prelude = Archive::new(&ALL).plain().len();
    for at in prelude * 8..plain.len() * 8 {
        let mut bytes = plain.clone();
        bytes[at / 8] ^= 1 << (at % 8);
        let found = read(&bytes, usize::MAX);
        assert!(found.is_err() || found.unwrap() != whole, "bit {at}");
    }
}

#[test]
fn documents_that_are_not_those_that_were_dumped_are_found_by_their_sum() {
    let archive =
        Archive::new(&[("shop", "shoes", METADATA)]).block("shop", "shoes", &shoes(3)).end("shop", "shoes");
    let mut bytes = archive.plain();
    let at = bytes.windows(4).rposition(|window| window == b"left").unwrap();
    bytes[at] = b'L';
    let error = read(&bytes, 10).unwrap_err();
    assert!(matches!(&error, ArchiveError::Crc { namespace, .. } if namespace == "shop.shoes"), "{error}");
}

#[test]
fn other_files_are_told_apart() {
    for other in [&b"PGDMP and so on"[..], b"{}", b"\x1f\x8b nothing packed", &[0; 4096]] {
        let error = read(other, usize::MAX).unwrap_err();
        assert!(matches!(error, ArchiveError::NotAnArchive | ArchiveError::Gzip { .. }), "{error}");
    }
    let behind = [sample().packed(), b"more".to_vec()].concat();
    assert!(read(&behind, usize::MAX).is_err(), "something follows");
    let twice = [sample().plain(), sample().plain()].concat();
    assert!(read(&twice, usize::MAX).is_err(), "another archive follows");
}

/// A length of 16 MiB that nothing follows must not cost 16 MiB, and names must not pile up without end.
#[test]
fn what_an_archive_says_of_itself_is_not_believed() {
    let long = [sample().plain(), (16 * 1024 * 1024_i32).to_le_bytes().to_vec()].concat();
    assert!(matches!(read(&long, usize::MAX), Err(ArchiveError::Truncated { .. })));
    let longer = [sample().plain(), i32::MAX.to_le_bytes().to_vec()].concat();
    assert!(matches!(read(&longer, usize::MAX), Err(ArchiveError::Corrupt { .. })));
    let name = "x".repeat(2_000);
    let named = Archive::new(&[("shop", &name, "")]).plain();
    assert!(read(&named, usize::MAX).unwrap_err().to_string().contains("impossible name"));
    let mut reader = Reader::default();
    let error = reader.feed(&Archive::new(&[]).plain()).and_then(|()| {
        (0..=100_001).try_for_each(|number| {
            reader
                .feed(&Archive::header("shop", &number.to_string(), false, 0))
                .and_then(|()| reader.feed(&TERMINATOR))
        })
    });
    assert!(error.unwrap_err().to_string().contains("more than 100000 collections"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), by in 1_usize..300) {
        prop_assert!(read(&bytes, by).is_err());
    }

    #[test]
    fn no_damage_makes_the_reader_panic(
        packed in any::<bool>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<prop::sample::Index>(),
        by in 1_usize..300,
    ) {
        let mut bytes = if packed { sample().packed() } else { sample().plain() };
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(read(&bytes, by).is_err(), "it was cut");
    }

    #[test]
    fn whatever_the_order_the_inventory_is_the_same(
        order in Just((0..12_i32).collect::<Vec<_>>()).prop_shuffle(),
        size in 1_usize..13,
        by in 1_usize..100,
    ) {
        let archive = Archive::new(&[("shop", "shoes", METADATA)]);
        let documents: Vec<_> = order.iter().map(|id| shoe(*id, "left")).collect();
        let blocks = documents.chunks(size).fold(archive, |archive, block| archive.block("shop", "shoes", block));
        let inventory = read(&blocks.end("shop", "shoes").packed(), by).unwrap();
        let plain = Archive::new(&[("shop", "shoes", METADATA)]).block("shop", "shoes", &shoes(12));
        prop_assert_eq!(inventory.databases, read(&plain.end("shop", "shoes").plain(), 64).unwrap().databases);
    }
}
