//! In which form an artifact is written: told by its content, never by its name.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// What an archive of `pg_dump` begins with, in every form but SQL.
const ARCHIVE: &[u8] = b"PGDMP";

/// What the folder of a physical backup holds.
const VERSION_FILE: &str = "PG_VERSION";

/// The table of contents of an archive that is a folder.
const CONTENTS: &str = "toc.dat";

/// What is read to tell.
const HEAD: usize = 4096;

/// How the bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
    Zstd,
}

/// In which form an artifact is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `pg_dump --format=custom`.
    Custom(Packing),
    /// `pg_dump --format=directory`, as a folder.
    Folder,
    /// The same in a tar file, and `pg_dump --format=tar`: unpacked, both are read as a folder.
    PackedFolder(Packing),
    /// SQL of `pg_dump` or `pg_dumpall`.
    Plain(Packing),
    /// A base backup in one tar file.
    Base(Packing),
    /// A base backup as a folder: unpacked, or with its tar files.
    BaseFolder,
}

impl Form {
    /// Whether it is of a whole server's files.
    pub(super) fn is_physical(self) -> bool {
        matches!(self, Self::Base(_) | Self::BaseFolder)
    }

    /// About how many bytes of data come of one of it: SQL and rows shrink to a fifth and less when they are
    /// compressed, and indexes come on top.
    pub(super) fn growth(self) -> u64 {
        match self {
            Self::Plain(Packing::None) => 3,
            Self::Base(Packing::None) | Self::BaseFolder => 2,
            _ => 8,
        }
    }
}

/// Tells the form of a file or folder; the error says what it is instead. It blocks.
pub(super) fn tell(path: &Path) -> Result<Form, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return folder(path);
    }
    let packing = packing(path).map_err(unreadable)?;
    let mut head = Vec::new();
    let read = open(path).and_then(|text| text.take(HEAD as u64).read_to_end(&mut head));
    match (read, head.as_slice()) {
        (Err(error), []) => Err(format!("cannot be unpacked: {error}")),
        (_, []) => Err("it is empty".to_owned()),
        (_, head) if head.starts_with(ARCHIVE) => Ok(Form::Custom(packing)),
        (_, head) if head.get(257..262) == Some(b"ustar") => tar(path, packing),
        (_, head) if is_dump(head) => Ok(Form::Plain(packing)),
        (_, head) if is_text(head) => {
            Err("it is text, and does not begin as `pg_dump` and `pg_dumpall` do".to_owned())
        }
        _ => Err("it is neither a dump nor a base backup of PostgreSQL".to_owned()),
    }
}

/// The bytes of a file, unpacked.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let file = BufReader::with_capacity(256 * 1024, File::open(path)?);
    Ok(match packing(path)? {
        Packing::None => Box::new(file),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Packing::Zstd => Box::new(zstd::Decoder::with_buffer(file)?),
    })
}

/// What somebody has laid into a folder: a file of this name, packed or not.
pub(super) fn packed(folder: &Path, name: &str) -> Option<PathBuf> {
    ["", ".gz", ".zst"].iter().map(|end| folder.join(format!("{name}{end}"))).find(|path| path.is_file())
}

fn packing(path: &Path) -> io::Result<Packing> {
    let mut magic = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut magic)?;
    Ok(match magic.as_slice() {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Packing::Zstd,
        _ => Packing::None,
    })
}

fn folder(path: &Path) -> Result<Form, String> {
    if path.join(CONTENTS).is_file() {
        Ok(Form::Folder)
    } else if path.join(VERSION_FILE).is_file() || packed(path, "base.tar").is_some() {
        Ok(Form::BaseFolder)
    } else {
        Err(format!("the folder holds neither {CONTENTS} nor {VERSION_FILE} nor base.tar"))
    }
}

/// Whether these are characters, the last of them cut perhaps.
fn is_text(head: &[u8]) -> bool {
    let whole = std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    whole && !head.iter().any(|byte| *byte < b'\t')
}

/// The first lines of both programs' SQL.
fn is_dump(head: &[u8]) -> bool {
    ["-- PostgreSQL database dump", "-- PostgreSQL database cluster dump"].iter().any(|words| {
        head.split(|byte| *byte == b'\n').take(5).any(|line| line.trim_ascii_end() == words.as_bytes())
    })
}

/// Which tar: the archive of a dump, or that of a whole data folder.
fn tar(path: &Path, packing: Packing) -> Result<Form, String> {
    let damaged = |error: io::Error| format!("a tar file that cannot be read: {error}");
    let mut archive = tar::Archive::new(open(path).map_err(damaged)?);
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let name = entry.path().map_err(damaged)?.into_owned();
        let name = name.strip_prefix(".").unwrap_or(&name);
        if name == Path::new(CONTENTS) || name.file_name().is_some_and(|file| file == CONTENTS) {
            return Ok(Form::PackedFolder(packing));
        }
        if name == Path::new(VERSION_FILE) || name == Path::new("backup_label") {
            return Ok(Form::Base(packing));
        }
    }
    Err(format!("a tar file with neither {CONTENTS} nor {VERSION_FILE} in it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn told(bytes: &[u8]) -> Result<Form, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        tell(file.path())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    fn tar_of(name: &str, content: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_data(&mut header, name, content).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn every_form_is_told_by_its_content() {
        let dump = b"--\n-- PostgreSQL database dump\n--\n";
        assert_eq!(told(dump), Ok(Form::Plain(Packing::None)));
        assert_eq!(told(&gzip(dump)), Ok(Form::Plain(Packing::Gzip)));
        assert_eq!(told(&zstd::encode_all(&dump[..], 1).unwrap()), Ok(Form::Plain(Packing::Zstd)));
        assert_eq!(told(b"PGDMP\x01\x0e\x00"), Ok(Form::Custom(Packing::None)));
        assert_eq!(told(&tar_of("x/toc.dat", b"PGDMP")), Ok(Form::PackedFolder(Packing::None)));
        assert_eq!(told(&gzip(&tar_of("PG_VERSION", b"15\n"))), Ok(Form::Base(Packing::Gzip)));
    }

    #[test]
    fn what_is_no_backup_is_refused_with_what_it_is() {
        for (bytes, words) in [
            (&b""[..], "empty"),
            (b"SELECT 1;\n", "text"),
            (b"\x00\x01\x02\xff\xfe\xfd\x80\x81", "neither"),
            (b"\x1f\x8b", "cannot be unpacked"),
        ] {
            let error = told(bytes).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        assert!(told(&tar_of("readme", b"")).is_err());
    }
}
