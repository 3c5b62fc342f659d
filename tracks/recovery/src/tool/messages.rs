//! What a program says on standard error.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::unix::pipe;

/// How many lines are kept: the first ones, for what comes later mostly follows from them.
pub const MAX_LINES: usize = 10_000;

/// How many bytes of a line are kept. An error of a `COPY` repeats its row, which may be of any size.
pub const MAX_LINE: usize = 4_096;

/// What a program said, bounded by [`MAX_LINES`] and [`MAX_LINE`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Messages {
    /// The lines, in their order.
    pub lines: Vec<String>,
    /// How many more there were.
    pub dropped: u64,
    /// The very last line that is not blank, even where it was not kept.
    pub last: Option<String>,
}

impl Messages {
    /// The last lines, one below the other.
    #[must_use]
    pub fn tail(&self, lines: usize) -> String {
        self.lines.get(self.lines.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
    }

    fn add(&mut self, line: String) {
        if !line.trim().is_empty() {
            self.last = Some(line.clone());
        }
        if self.lines.len() < MAX_LINES {
            self.lines.push(line);
        } else {
            self.dropped += 1;
        }
    }
}

/// Reads to the end of the pipe. An error of the pipe ends it as well: there is no more to be had.
pub(super) async fn collect(pipe: pipe::Receiver) -> Messages {
    let (mut messages, mut reader) = (Messages::default(), BufReader::new(pipe));
    let mut line = Vec::new();
    loop {
        line.clear();
        let room = MAX_LINE as u64;
        match (&mut reader).take(room).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return messages,
            Ok(_) => {}
        }
        let whole = line.last() == Some(&b'\n');
        while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.pop();
        }
        messages.add(String::from_utf8_lossy(&line).into_owned());
        if !whole && skip_line(&mut reader).await.is_err() {
            return messages;
        }
    }
}

/// Passes over the rest of a line that is too long.
async fn skip_line(reader: &mut BufReader<pipe::Receiver>) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf().await?;
        let (skip, done) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        reader.consume(skip);
        if done {
            return Ok(());
        }
    }
}
