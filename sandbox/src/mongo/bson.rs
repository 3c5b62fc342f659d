//! As much of BSON as a talk with a server and the headers of an archive take (bsonspec.org, version 1.1).

use std::fmt;

/// The shortest document: a length and the closing zero.
pub const SHORTEST: usize = 5;

/// How many bytes the document at the start of `bytes` takes, by its own word; `None` while fewer than four are there.
#[must_use]
pub fn length(bytes: &[u8]) -> Option<i32> {
    bytes.first_chunk().map(|length| i32::from_le_bytes(*length))
}

/// One value, as far as anybody here asks for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A 64-bit floating point number.
    Double(f64),
    /// A text.
    String(&'a str),
    /// A document, whole.
    Document(&'a [u8]),
    /// An array: a document whose names are numbers.
    Array(&'a [u8]),
    /// True or false.
    Bool(bool),
    /// A 32-bit number.
    Int32(i32),
    /// A 64-bit number.
    Int64(i64),
    /// A value of another type.
    Other(u8),
}

impl Value<'_> {
    /// The number that it is, whatever type it has; `None` for what is no whole number.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match *self {
            Self::Int32(number) => Some(number.into()),
            Self::Int64(number) => Some(number),
            Self::Double(number) => Some(number as i64).filter(|whole| *whole as f64 == number),
            _ => None,
        }
    }
}

/// Bytes that are no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a BSON document")
    }
}

impl std::error::Error for Malformed {}

/// The fields of a document, in their order. After an error nothing follows.
#[must_use]
pub fn fields(document: &[u8]) -> Fields<'_> {
    let whole = length(document).and_then(|length| usize::try_from(length).ok()) == Some(document.len());
    match document.get(4..) {
        Some(rest) if whole => Fields(Some(rest)),
        _ => Fields(None).broken(),
    }
}

/// The value of a field; `None` where there is none of that name before anything that is malformed.
#[must_use]
pub fn field<'a>(document: &'a [u8], name: &str) -> Option<Value<'a>> {
    fields(document).map_while(Result::ok).find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// See [`fields`].
#[derive(Debug)]
pub struct Fields<'a>(Option<&'a [u8]>);

impl<'a> Fields<'a> {
    /// One error, then nothing: a rest that cannot be read as anything.
    fn broken(mut self) -> Self {
        self.0 = Some(&[0xFE]);
        self
    }

    fn read(rest: &mut &'a [u8], kind: u8) -> Result<(&'a str, Value<'a>), Malformed> {
        let name = text(rest)?;
        let value = match kind {
            0x01 => Value::Double(f64::from_le_bytes(array(rest)?)),
            0x02 => Value::String(string(rest)?),
            0x03 => Value::Document(embedded(rest)?),
            0x04 => Value::Array(embedded(rest)?),
            0x08 => match take(rest, 1)? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                _ => return Err(Malformed),
            },
            0x10 => Value::Int32(i32::from_le_bytes(array(rest)?)),
            0x12 => Value::Int64(i64::from_le_bytes(array(rest)?)),
            other => {
                skip(rest, other)?;
                Value::Other(other)
            }
        };
        Ok((name, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(&'a str, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.0.take()?;
        match take(&mut rest, 1) {
            Ok([0]) if rest.is_empty() => None,
            Ok(&[kind]) if kind != 0 => {
                let read = Self::read(&mut rest, kind);
                self.0 = read.is_ok().then_some(rest);
                Some(read)
            }
            _ => Some(Err(Malformed)),
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Malformed> {
    let (taken, left) = rest.split_at_checked(count).ok_or(Malformed)?;
    *rest = left;
    Ok(taken)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Malformed> {
    take(rest, N)?.try_into().map_err(|_| Malformed)
}

fn size(rest: &mut &[u8]) -> Result<usize, Malformed> {
    usize::try_from(i32::from_le_bytes(array(rest)?)).map_err(|_| Malformed)
}

/// A text that ends with a zero.
fn text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    let end = rest.iter().position(|byte| *byte == 0).ok_or(Malformed)?;
    let text = take(rest, end)?;
    take(rest, 1)?;
    std::str::from_utf8(text).map_err(|_| Malformed)
}

fn string<'a>(rest: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    let size = size(rest)?;
    let [text @ .., 0] = take(rest, size)? else { return Err(Malformed) };
    std::str::from_utf8(text).map_err(|_| Malformed)
}

fn embedded<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let size = length(rest).and_then(|length| usize::try_from(length).ok()).ok_or(Malformed)?;
    if size < SHORTEST {
        return Err(Malformed);
    }
    take(rest, size)
}

fn skip(rest: &mut &[u8], kind: u8) -> Result<(), Malformed> {
    let count = match kind {
        0x06 | 0x0A | 0x7F | 0xFF => 0,
        0x09 | 0x11 => 8,
        0x07 => 12,
        0x13 => 16,
        // Binary: one byte more, which says of what sort.
        0x05 => size(rest)?.checked_add(1).ok_or(Malformed)?,
        0x0D | 0x0E => size(rest)?,
        // A pointer: a text and an id.
        0x0C => size(rest)?.checked_add(12).ok_or(Malformed)?,
        0x0F => size(rest)?.checked_sub(4).ok_or(Malformed)?,
        0x0B => {
            text(rest)?;
            text(rest)?;
            0
        }
        _ => return Err(Malformed),
    };
    take(rest, count).map(drop)
}

/// Writes a document.
#[derive(Debug, Clone)]
pub struct Writer(Vec<u8>);

impl Default for Writer {
    fn default() -> Self {
        Self(vec![0; 4])
    }
}

impl Writer {
    /// Adds a field with a 32-bit number.
    #[must_use]
    pub fn int32(self, name: &str, value: i32) -> Self {
        self.field(0x10, name, &[&value.to_le_bytes()])
    }

    /// Adds a field with a 64-bit number.
    #[must_use]
    pub fn int64(self, name: &str, value: i64) -> Self {
        self.field(0x12, name, &[&value.to_le_bytes()])
    }

    /// Adds a field that is true or false.
    #[must_use]
    pub fn bool(self, name: &str, value: bool) -> Self {
        self.field(0x08, name, &[&[u8::from(value)]])
    }

    /// Adds a field with a text.
    #[must_use]
    pub fn string(self, name: &str, value: &str) -> Self {
        let size = i32::try_from(value.len() + 1).unwrap_or(i32::MAX);
        self.field(0x02, name, &[&size.to_le_bytes(), value.as_bytes(), &[0]])
    }

    /// Adds a field with a floating point number.
    #[must_use]
    pub fn double(self, name: &str, value: f64) -> Self {
        self.field(0x01, name, &[&value.to_le_bytes()])
    }

    /// Adds a field with a time, in milliseconds since 1970.
    #[must_use]
    pub fn date(self, name: &str, milliseconds: i64) -> Self {
        self.field(0x09, name, &[&milliseconds.to_le_bytes()])
    }

    /// Adds a field that is null.
    #[must_use]
    pub fn null(self, name: &str) -> Self {
        self.field(0x0A, name, &[])
    }

    /// Adds a field with bytes, of no particular sort.
    #[must_use]
    pub fn binary(self, name: &str, value: &[u8]) -> Self {
        let size = i32::try_from(value.len()).unwrap_or(i32::MAX);
        self.field(0x05, name, &[&size.to_le_bytes(), &[0], value])
    }

    /// Adds a field with an object id.
    #[must_use]
    pub fn object_id(self, name: &str, value: [u8; 12]) -> Self {
        self.field(0x07, name, &[&value])
    }

    /// Adds a field with a whole document.
    #[must_use]
    pub fn document(self, name: &str, value: &[u8]) -> Self {
        self.field(0x03, name, &[value])
    }

    /// Adds a field with an array, given as a whole document.
    #[must_use]
    pub fn array(self, name: &str, value: &[u8]) -> Self {
        self.field(0x04, name, &[value])
    }

    /// The document.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.0.push(0);
        let size = i32::try_from(self.0.len()).unwrap_or(i32::MAX).to_le_bytes();
        self.0.iter_mut().zip(size).for_each(|(to, from)| *to = from);
        self.0
    }

    fn field(mut self, kind: u8, name: &str, parts: &[&[u8]]) -> Self {
        self.0.push(kind);
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(0);
        self.0.extend(parts.iter().copied().flatten());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let inner = Writer::default().bool("yes", true).finish();
        Writer::default()
            .int32("a", -5)
            .string("text", "å")
            .document("inner", &inner)
            .array("list", &Writer::default().int64("0", 1 << 40).finish())
            .finish()
    }

    #[test]
    fn what_is_written_is_read() {
        let document = sample();
        assert_eq!(fields(&document).filter(Result::is_ok).count(), 4);
        assert_eq!(field(&document, "a"), Some(Value::Int32(-5)));
        assert_eq!(field(&document, "text"), Some(Value::String("å")));
        let Some(Value::Document(inner)) = field(&document, "inner") else { panic!("no document") };
        assert_eq!(field(inner, "yes"), Some(Value::Bool(true)));
        assert_eq!(field(&document, "none"), None);
    }

    #[test]
    fn a_document_that_is_cut_or_longer_than_it_says_is_malformed() {
        let whole = sample();
        for end in 0..whole.len() {
            assert!(fields(&whole[..end]).any(|field| field.is_err()), "cut at {end}");
        }
        let longer = [whole.as_slice(), &[0]].concat();
        assert!(fields(&longer).any(|field| field.is_err()));
    }

    #[test]
    fn no_byte_makes_the_reader_panic_or_go_on_for_ever() {
        let whole = sample();
        for at in 0..whole.len() {
            for byte in 0..=255 {
                let mut document = whole.clone();
                document[at] = byte;
                assert!(fields(&document).count() <= whole.len());
            }
        }
    }

    #[test]
    fn every_type_is_passed_over() {
        // bsonspec.org: a value of each type that is only passed over, and its size.
        let values: [(u8, &[u8]); 12] = [
            (0x05, &[2, 0, 0, 0, 0, 9, 9]),
            (0x06, &[]),
            (0x07, &[1; 12]),
            (0x09, &[1; 8]),
            (0x0A, &[]),
            (0x0B, b"a\0i\0"),
            (0x0C, &[1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
            (0x0D, &[2, 0, 0, 0, b'x', 0]),
            (0x0F, &[14, 0, 0, 0, 1, 0, 0, 0, 0, 5, 0, 0, 0, 0]),
            (0x11, &[1; 8]),
            (0x13, &[1; 16]),
            (0xFF, &[]),
        ];
        for (kind, bytes) in values {
            let document = Writer::default().field(kind, "x", &[bytes]).int32("after", 1).finish();
            assert_eq!(field(&document, "after"), Some(Value::Int32(1)), "type {kind:#x}");
        }
    }
}
