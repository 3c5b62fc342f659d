//! The record: the last statements that came by, bounded, and redacted when it is read.

use super::lexer::{self, Token};
use super::statement::{ConnectionInfo, Execution};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";

/// The longest text that is kept, in bytes.
const TEXT: usize = 16 * 1024;

/// One execution that came by.
#[derive(Debug, Clone)]
pub struct Record {
    /// When the wire received it.
    pub at: SystemTime,
    /// By which connection.
    pub connection: Arc<ConnectionInfo>,
    /// The text as the client gave it, cut after 16 KiB, without registered secrets and passwords. From where it
    /// can't be told what is a string, it is covered.
    pub text: String,
}

#[derive(Debug)]
struct Entry {
    at: SystemTime,
    execution: Execution,
    /// More followed.
    cut: bool,
}

/// A ring of records.
#[derive(Debug)]
pub(crate) struct Recorder {
    limit: usize,
    entries: Mutex<VecDeque<Entry>>,
    secrets: Mutex<Vec<String>>,
}

impl Recorder {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, entries: Mutex::new(VecDeque::new()), secrets: Mutex::new(Vec::new()) }
    }

    pub(crate) fn record(&self, mut execution: Execution) {
        if self.limit == 0 {
            return;
        }
        let cut = execution.text.len() > TEXT;
        if cut {
            let end = (0..=TEXT).rev().find(|end| execution.text.is_char_boundary(*end)).unwrap_or(0);
            execution.text = execution.text[..end].into();
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == self.limit {
            entries.pop_front();
        }
        entries.push_back(Entry { at: SystemTime::now(), execution, cut });
    }

    /// Registers secrets; short ones would blot out ordinary words and are left aside.
    pub(crate) fn redact(&self, secrets: impl IntoIterator<Item = String>) {
        let mut known = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(secrets.into_iter().filter(|secret| secret.len() >= 4));
        known.sort();
        known.dedup();
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(|entry| entry.redacted(&secrets)).collect()
    }
}

impl Entry {
    fn redacted(&self, secrets: &[String]) -> Record {
        let text = &self.execution.text;
        let mut covered = passwords(text);
        for secret in secrets {
            covered.extend(text.match_indices(secret.as_str()).map(|(at, _)| at..at + secret.len()));
            if self.cut {
                covered.extend(begun_at_the_end(text, secret));
            }
        }
        Record { at: self.at, connection: Arc::clone(&self.execution.connection), text: cover(text, covered) }
    }
}

/// The strings that follow the word `PASSWORD`, and all from where something is opened and not closed: the string may
/// be one that follows it too.
fn passwords(text: &str) -> Vec<Range<usize>> {
    let (lexemes, unclosed) = lexer::lex_prefix(text);
    let mut passwords = Vec::new();
    for pair in lexemes.windows(2) {
        let [word, value] = pair else { continue };
        let password = text[word.start..word.end].eq_ignore_ascii_case("password");
        if password && value.token == Token::Text {
            passwords.push(value.start..value.end);
        }
    }
    if unclosed.is_some() {
        passwords.push(lexemes.last().map_or(0, |last| last.end)..text.len());
    }
    passwords
}

/// The end of a cut text, where it is how `secret` begins.
fn begun_at_the_end(text: &str, secret: &str) -> Option<Range<usize>> {
    let longest = (1..secret.len()).rev().filter(|end| secret.is_char_boundary(*end));
    let begun = longest.map(|end| &secret[..end]).find(|begun| text.ends_with(begun))?;
    Some(text.len() - begun.len()..text.len())
}

/// `text` with one mark in the place of all that touches.
fn cover(text: &str, mut ranges: Vec<Range<usize>>) -> String {
    ranges.sort_by_key(|range| range.start);
    let mut clean = String::with_capacity(text.len());
    let mut copied = None;
    for range in ranges.into_iter().filter(|range| !range.is_empty()) {
        // Within the one before, or right behind it.
        if copied.is_none_or(|copied| range.start > copied) {
            clean.push_str(&text[copied.unwrap_or(0)..range.start]);
            clean.push_str(REDACTED);
        }
        copied = Some(range.end.max(copied.unwrap_or(0)));
    }
    clean.push_str(&text[copied.unwrap_or(0)..]);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution(text: &str) -> Execution {
        let connection = ConnectionInfo {
            number: 1,
            user: String::new(),
            database: String::new(),
            application_name: String::new(),
            backend_pid: None,
            opened: SystemTime::UNIX_EPOCH,
        };
        Execution { text: text.into(), parameters: Vec::new(), connection: Arc::new(connection) }
    }

    #[test]
    fn only_the_last_statements_are_kept() {
        let recorder = Recorder::new(2);
        for text in ["one", "two", "three"] {
            recorder.record(execution(text));
        }
        let texts = recorder.records().into_iter().map(|record| record.text).collect::<Vec<_>>();
        assert_eq!(texts, ["two", "three"]);
    }

    #[test]
    fn secrets_and_passwords_are_covered() {
        let recorder = Recorder::new(8);
        recorder.redact(["hunter22".to_owned(), "hunter22-and-more".to_owned()]);
        recorder.record(execution("SELECT 'hunter22-and-more', 'hunter22'"));
        recorder.record(execution("ALTER ROLE r PASSWORD 'x' VALID UNTIL 'y'"));
        let texts = recorder.records().into_iter().map(|record| record.text).collect::<Vec<_>>();
        assert_eq!(
            texts,
            ["SELECT '[redacted]', '[redacted]'", "ALTER ROLE r PASSWORD [redacted] VALID UNTIL 'y'"]
        );
    }

    #[test]
    fn a_cut_uncovers_nothing() {
        let recorder = Recorder::new(8);
        recorder.redact(["hunter22".to_owned()]);
        let before =
            |part: &str, tail: &str| format!("/*{}*/{part}{tail}", "x".repeat(TEXT - 4 - part.len()));
        recorder.record(execution(&before("SELECT hunt", "er22")));
        recorder.record(execution(&before("ALTER ROLE r PASSWORD 'topsec", "ret'")));
        recorder.record(execution("ALTER ROLE r PASSWORD 'topsecret' VALID UNTIL 'open"));
        let texts = recorder.records().into_iter().map(|record| record.text).collect::<Vec<_>>();
        assert!(texts[0].ends_with("*/SELECT [redacted]"));
        assert!(texts[1].ends_with("*/ALTER ROLE r PASSWORD[redacted]"));
        assert_eq!(texts[2], "ALTER ROLE r PASSWORD [redacted] VALID UNTIL[redacted]");
    }
}
