//! Framing: bytes in, messages out, however they were fragmented on the way. No input or output of its own.
//!
//! A message is one byte of type, four of length (which count themselves), and the body. Small messages come out
//! whole; bulk ones larger than [`WHOLE`] in parts, so that a row of a gigabyte never lies in memory.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// Bulk messages above this size are streamed in parts.
pub(crate) const WHOLE: usize = 64 * 1024;

/// Type and length.
const HEAD: usize = 5;

/// How much to read at once.
const READ: usize = 64 * 1024;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// The largest messages that may pass, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Of a message that must be collected, such as a statement.
    pub(crate) collected: usize,
    /// Of any message.
    pub(crate) message: usize,
}

/// Why a stream is not the protocol.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum FrameError {
    #[error("no message of this protocol has the type {tag:#04x}")]
    Type { tag: u8 },
    #[error("a message of type `{}` claims a length of {length} bytes, which is less than its own length field", char::from(*.tag))]
    Length { tag: u8, length: i32 },
    #[error("a message of type `{}` has {length} bytes; the limit of this wire is {limit}", char::from(*.tag))]
    Oversized { tag: u8, length: usize, limit: usize },
}

/// Which part of its message a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it; of `DataRow` and `CopyData` possibly several messages in a row.
    Whole,
    First,
    Middle,
    Last,
}

/// A message, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) tag: u8,
    pub(crate) part: Part,
    /// As on the wire, head included.
    pub(crate) bytes: Bytes,
}

impl Piece {
    /// What follows the head; empty for any part but the first or the whole.
    pub(crate) fn body(&self) -> Bytes {
        match self.part {
            Part::Whole | Part::First => self.bytes.slice(HEAD.min(self.bytes.len())..),
            Part::Middle | Part::Last => Bytes::new(),
        }
    }
}

/// Turns a stream of bytes into pieces.
#[derive(Debug)]
pub(crate) struct Framer {
    side: Side,
    limits: Limits,
    buffer: BytesMut,
    /// Type and remaining bytes of the message that is being streamed.
    streaming: Option<(u8, usize)>,
    /// Whether `Bind` is collected whatever its size, because a rule needs it.
    pub(crate) collect_binds: bool,
}

impl Framer {
    pub(crate) fn new(side: Side, limits: Limits) -> Self {
        Self { side, limits, buffer: BytesMut::new(), streaming: None, collect_binds: false }
    }

    /// Where to read to; there is always room.
    pub(crate) fn space(&mut self) -> &mut BytesMut {
        if self.buffer.capacity() - self.buffer.len() < READ / 4 {
            self.buffer.reserve(READ);
        }
        &mut self.buffer
    }

    /// Whether a message has come out in part only.
    pub(crate) const fn mid_message(&self) -> bool {
        self.streaming.is_some()
    }

    /// The next piece, or `None` when more must be read first.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, FrameError> {
        if let Some((tag, left)) = self.streaming {
            return Ok(self.rest(tag, left));
        }
        let Some((tag, total)) = self.head(0)? else { return Ok(None) };
        let whole = self.whole_up_to(tag);
        if total <= whole {
            if self.buffer.len() < total {
                return Ok(None);
            }
            let run = self.run(tag, total)?;
            return Ok(Some(Piece { tag, part: Part::Whole, bytes: self.buffer.split_to(run).freeze() }));
        }
        if self.buffer.len() < WHOLE {
            return Ok(None);
        }
        let bytes = self.buffer.split_to(total.min(self.buffer.len())).freeze();
        let left = total - bytes.len();
        if left == 0 {
            return Ok(Some(Piece { tag, part: Part::Whole, bytes }));
        }
        self.streaming = Some((tag, left));
        Ok(Some(Piece { tag, part: Part::First, bytes }))
    }

    fn rest(&mut self, tag: u8, left: usize) -> Option<Piece> {
        if self.buffer.is_empty() {
            return None;
        }
        let bytes = self.buffer.split_to(left.min(self.buffer.len())).freeze();
        let left = left - bytes.len();
        self.streaming = (left > 0).then_some((tag, left));
        Some(Piece { tag, part: if left == 0 { Part::Last } else { Part::Middle }, bytes })
    }

    /// The length of as many whole messages of a bulk type as lie in the buffer; of another type, of one.
    fn run(&self, tag: u8, first: usize) -> Result<usize, FrameError> {
        let bulk = tag == b'd' || (tag == b'D' && self.side == Side::Server);
        let mut end = first;
        while bulk && self.buffer.get(end) == Some(&tag) {
            match self.head(end)? {
                Some((_, total)) if total <= WHOLE && end + total <= self.buffer.len() => end += total,
                _ => break,
            }
        }
        Ok(end)
    }

    /// Type and full size of the message at `at`, if its head is there.
    fn head(&self, at: usize) -> Result<Option<(u8, usize)>, FrameError> {
        let mut head = &self.buffer[at..];
        if let Some(&tag) = head.first() {
            self.known(tag)?;
        }
        if head.len() < HEAD {
            return Ok(None);
        }
        let (tag, length) = (head.get_u8(), head.get_i32());
        if length < 4 {
            return Err(FrameError::Length { tag, length });
        }
        let total = 1 + usize::try_from(length).unwrap_or(usize::MAX);
        let limit = if self.streams(tag) { self.limits.message } else { self.whole_up_to(tag) };
        if total > limit {
            return Err(FrameError::Oversized { tag, length: total, limit });
        }
        Ok(Some((tag, total)))
    }

    fn known(&self, tag: u8) -> Result<(), FrameError> {
        let known = match self.side {
            Side::Client => b"BCDEFHPQSXcdfp".contains(&tag),
            // Servers of later versions may know more; none will leave the letters and digits.
            Side::Server => tag.is_ascii_alphanumeric(),
        };
        if known { Ok(()) } else { Err(FrameError::Type { tag }) }
    }

    fn streams(&self, tag: u8) -> bool {
        match self.side {
            Side::Client => matches!(tag, b'd' | b'F') || (tag == b'B' && !self.collect_binds),
            Side::Server => !matches!(tag, b'R' | b'K' | b'Z' | b'S'),
        }
    }

    fn whole_up_to(&self, tag: u8) -> usize {
        match (self.side, tag) {
            (Side::Client, b'Q' | b'P') => self.limits.collected,
            (Side::Client, b'B') if self.collect_binds => self.limits.collected,
            _ => WHOLE,
        }
    }
}

#[cfg(test)]
mod tests;
