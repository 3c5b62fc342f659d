//! Bodies: where one ends, without keeping it. Framing bytes (chunk sizes, extensions, trailers) are looked at and
//! passed on as they are.

use super::head::{HEAD_LIMIT, Malformed};

/// How the rest of a body is delimited.
#[derive(Debug)]
pub(super) struct Body(State);

#[derive(Debug)]
enum State {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

/// What became of the bytes offered to [`Body::advance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// How many of them belong to the body.
    pub(super) consumed: usize,
    /// Whether the body ends with them.
    pub(super) done: bool,
}

impl Body {
    pub(super) const fn none() -> Self {
        Self(State::Length(0))
    }

    pub(super) const fn length(bytes: u64) -> Self {
        Self(State::Length(bytes))
    }

    pub(super) const fn chunked() -> Self {
        Self(State::Chunked(Chunked { place: Place::SizeStart, left: 0, line: 0 }))
    }

    pub(super) const fn until_close() -> Self {
        Self(State::UntilClose)
    }

    /// Whether nothing is left to come.
    pub(super) const fn is_empty(&self) -> bool {
        matches!(self.0, State::Length(0))
    }

    /// Whether the body ends where the connection does.
    pub(super) const fn ends_with_connection(&self) -> bool {
        matches!(self.0, State::UntilClose)
    }

    /// The bytes still to come, where that is known.
    pub(super) const fn known_length(&self) -> Option<u64> {
        if let State::Length(left) = self.0 { Some(left) } else { None }
    }

    /// Takes what belongs to the body off the front of `bytes`, and gives its content to `content`, freed of its
    /// framing. May be called with any piece, an empty one too.
    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        mut content: impl FnMut(&[u8]),
    ) -> Result<Progress, Malformed> {
        match &mut self.0 {
            State::Length(left) => {
                let consumed = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                content(&bytes[..consumed]);
                *left -= consumed as u64;
                Ok(Progress { consumed, done: *left == 0 })
            }
            State::UntilClose => {
                content(bytes);
                Ok(Progress { consumed: bytes.len(), done: false })
            }
            State::Chunked(chunked) => chunked.advance(bytes, content),
        }
    }
}

/// The chunked transfer coding (RFC 9112, section 7.1).
#[derive(Debug)]
struct Chunked {
    place: Place,
    /// Size of the present chunk, then what is left of it.
    left: u64,
    /// Length of the present line of framing; of all trailers together.
    line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    SizeStart,
    Size,
    Extension,
    /// After the CR of a size line.
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    /// After the CR of a trailer.
    TrailerEnd,
    /// After the CR of the empty line.
    LastLf,
    Done,
}

impl Chunked {
    fn advance(&mut self, bytes: &[u8], mut content: impl FnMut(&[u8])) -> Result<Progress, Malformed> {
        let mut at = 0;
        while at < bytes.len() && self.place != Place::Done {
            if self.place == Place::Data {
                let rest = &bytes[at..];
                let taken = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
                content(&rest[..taken]);
                at += taken;
                self.left -= taken as u64;
                if self.left == 0 {
                    self.place = Place::DataCr;
                }
            } else {
                self.place = self.framing(bytes[at])?;
                at += 1;
            }
        }
        Ok(Progress { consumed: at, done: self.place == Place::Done })
    }

    /// The place after one byte of framing.
    fn framing(&mut self, byte: u8) -> Result<Place, Malformed> {
        self.line += 1;
        if self.line > HEAD_LIMIT {
            return Err(Malformed::ChunkLine);
        }
        Ok(match (self.place, byte) {
            (Place::SizeStart | Place::Size, digit) if digit.is_ascii_hexdigit() => self.digit(digit)?,
            (Place::Size, b';' | b' ' | b'\t') => Place::Extension,
            (Place::Size | Place::Extension, b'\r') => Place::SizeEnd,
            (Place::SizeStart | Place::Size, _) => return Err(Malformed::ChunkSize),
            (Place::SizeEnd, b'\n') => {
                self.line = 0;
                if self.left == 0 { Place::TrailerStart } else { Place::Data }
            }
            (Place::DataCr, b'\r') => Place::DataLf,
            (Place::DataLf, b'\n') => {
                self.line = 0;
                Place::SizeStart
            }
            (Place::TrailerStart, b'\r') => Place::LastLf,
            (Place::Trailer, b'\r') => Place::TrailerEnd,
            (Place::TrailerEnd, b'\n') => Place::TrailerStart,
            (Place::LastLf, b'\n') => Place::Done,
            (Place::Extension, text) if is_text(text) => Place::Extension,
            // A trailer that starts with a space would continue the one before: two readings again.
            (Place::TrailerStart, text) if is_text(text) && text != b' ' && text != b'\t' => Place::Trailer,
            (Place::Trailer, text) if is_text(text) => Place::Trailer,
            _ => return Err(Malformed::ChunkEnd),
        })
    }

    fn digit(&mut self, digit: u8) -> Result<Place, Malformed> {
        if self.place == Place::SizeStart {
            self.left = 0;
        }
        let value = char::from(digit).to_digit(16).ok_or(Malformed::ChunkSize)?;
        if self.line > 16 {
            return Err(Malformed::ChunkSize);
        }
        self.left = self.left << 4 | u64::from(value);
        Ok(Place::Size)
    }
}

const fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(body: &mut Body, pieces: &[&[u8]]) -> Result<(usize, bool, Vec<u8>), Malformed> {
        let (mut total, mut done, mut content) = (0, false, Vec::new());
        for piece in pieces {
            let progress = body.advance(piece, |bytes| content.extend_from_slice(bytes))?;
            total += progress.consumed;
            done = progress.done;
        }
        Ok((total, done, content))
    }

    #[test]
    fn chunks_with_extensions_and_trailers_end_where_they_should() {
        let whole = b"5;name=\"v\"\r\nhello\r\n0A \r\n0123456789\r\n000\r\nx-sum: 1\r\nx-b:\r\n\r\nGET /";
        let (consumed, done, content) = run(&mut Body::chunked(), &[whole]).unwrap();
        assert!(done);
        assert_eq!(consumed, whole.len() - 5);
        assert_eq!(content, b"hello0123456789");
    }

    #[test]
    fn broken_chunks_are_refused() {
        for broken in [
            "\r\n",
            "g\r\n",
            "-1\r\n",
            "0x5\r\n",
            " 5\r\n",
            "11111111111111111\r\n",
            "5\nhello",
            "5\r\r\n",
            "5\r\nhelloX",
            "5\r\nhello\n",
            "0\r\n x: folded\r\n\r\n",
            "0\r\nx: y\n\n",
            "1;a\nb\r\n",
            "5;\0\r\n",
        ] {
            assert!(run(&mut Body::chunked(), &[broken.as_bytes()]).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn an_endless_extension_is_refused() {
        let mut body = Body::chunked();
        assert!(run(&mut body, &[b"5;", &vec![b'a'; HEAD_LIMIT]]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn any_chunking_in_any_pieces_gives_its_content(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8),
            cuts in prop::collection::vec(1usize..9, 1..40),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let mut pieces = Vec::new();
            let (mut rest, mut cuts) = (&wire[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                pieces.push(piece);
                rest = after;
            }
            let (consumed, done, content) = run(&mut Body::chunked(), &pieces).unwrap();
            prop_assert!(done);
            prop_assert_eq!(consumed, wire.len());
            prop_assert_eq!(content, chunks.concat());
        }
    }
}
