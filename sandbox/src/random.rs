//! Names and passwords that nobody guesses.

use std::fmt::Write;
use std::io;

/// `bytes` random bytes as hexadecimal digits.
pub(crate) fn hex(bytes: usize) -> io::Result<String> {
    let mut raw = vec![0; bytes];
    getrandom::fill(&mut raw).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(raw.iter().fold(String::with_capacity(bytes * 2), |mut hex, byte| {
        // Writing into a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}
