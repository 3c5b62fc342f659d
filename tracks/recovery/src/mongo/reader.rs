//! Reads an archive as its bytes pass by, packed by gzip or not.

use super::parser::Parser;
use super::{ArchiveError, Inventory};
use flate2::write::MultiGzDecoder;
use std::io::{self, Write};

/// What every gzip begins with (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// Reads one archive. Give it the bytes as they come, then [`finish`](Self::finish). Memory is bounded by the largest
/// document (16 MiB) and some hundred bytes for each collection.
#[derive(Debug, Default)]
pub struct Reader {
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// The first byte, or none, has come.
    Unknown(Vec<u8>),
    Plain(Parser),
    Packed(Box<MultiGzDecoder<Unpacked>>),
}

impl Default for Form {
    fn default() -> Self {
        Self::Unknown(Vec::new())
    }
}

/// Where unpacked bytes go.
#[derive(Debug, Default)]
struct Unpacked {
    parser: Parser,
    error: Option<ArchiveError>,
}

impl Write for Unpacked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.error.is_none() {
            self.error = self.parser.feed(bytes).err();
        }
        // The error is told by whoever holds this; here it only has to end.
        if self.error.is_some() { Err(io::ErrorKind::InvalidData.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Reader {
    /// Takes the next bytes of the archive.
    ///
    /// # Errors
    /// When it is damaged so far; it takes no more then.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        match &mut self.form {
            Form::Plain(parser) => parser.feed(bytes),
            Form::Packed(decoder) => {
                decoder.write_all(bytes).map_err(|source| failed(decoder.get_mut(), source))
            }
            Form::Unknown(first) => {
                first.extend_from_slice(bytes);
                if first.len() < GZIP.len() {
                    return Ok(());
                }
                let first = std::mem::take(first);
                self.form = if first.starts_with(&GZIP) {
                    Form::Packed(Box::new(MultiGzDecoder::new(Unpacked::default())))
                } else {
                    Form::Plain(Parser::default())
                };
                self.feed(&first)
            }
        }
    }

    /// Says that no more will come.
    ///
    /// # Errors
    /// When more had to come, or a collection that was announced did not.
    pub fn finish(self) -> Result<Inventory, ArchiveError> {
        match self.form {
            Form::Plain(parser) => parser.finish(),
            Form::Packed(mut decoder) => {
                let finished = decoder.try_finish();
                finished.map_err(|source| failed(decoder.get_mut(), source))?;
                std::mem::take(&mut decoder.get_mut().parser).finish()
            }
            Form::Unknown(first) => {
                let mut parser = Parser::default();
                parser.feed(&first)?;
                parser.finish()
            }
        }
    }
}

/// What is wrong with the archive, else with its packing.
fn failed(unpacked: &mut Unpacked, source: io::Error) -> ArchiveError {
    let at = unpacked.parser.bytes();
    unpacked.error.take().unwrap_or(ArchiveError::Gzip { at, source })
}
