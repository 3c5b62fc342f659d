//! The record: the last statements that came by, bounded, and redacted when it is read.

use super::lexer::{self, Token};
use super::message::Parameter;
use super::statement::{ConnectionInfo, Execution};
use std::collections::VecDeque;
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
    /// The text as the client gave it, cut after 16 KiB, without registered secrets and passwords.
    pub text: String,
    /// The bound parameters, where the wire was asked to keep them.
    pub parameters: Vec<Parameter>,
}

#[derive(Debug)]
struct Entry {
    at: SystemTime,
    execution: Execution,
}

/// A ring of records.
#[derive(Debug)]
pub(crate) struct Recorder {
    limit: usize,
    /// Whether parameters are kept.
    pub(crate) parameters: bool,
    entries: Mutex<VecDeque<Entry>>,
    secrets: Mutex<Vec<String>>,
}

impl Recorder {
    pub(crate) const fn new(limit: usize, parameters: bool) -> Self {
        Self { limit, parameters, entries: Mutex::new(VecDeque::new()), secrets: Mutex::new(Vec::new()) }
    }

    pub(crate) fn record(&self, mut execution: Execution) {
        if self.limit == 0 {
            return;
        }
        if execution.text.len() > TEXT {
            let end = (0..=TEXT).rev().find(|end| execution.text.is_char_boundary(*end)).unwrap_or(0);
            execution.text = execution.text[..end].into();
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == self.limit {
            entries.pop_front();
        }
        entries.push_back(Entry { at: SystemTime::now(), execution });
    }

    /// Registers secrets; short ones would blot out ordinary words and are left aside.
    pub(crate) fn redact(&self, secrets: impl IntoIterator<Item = String>) {
        let mut known = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(secrets.into_iter().filter(|secret| secret.len() >= 4));
        // The longest first, so that none is left half covered by a shorter one within it.
        known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
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
        let clean =
            |text: &str| secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, REDACTED));
        let parameters = self.execution.parameters.iter().map(|parameter| Parameter {
            value: parameter.value.as_ref().map(|value| match std::str::from_utf8(value) {
                Ok(text) => clean(text).into(),
                Err(_) => value.clone(),
            }),
            binary: parameter.binary,
        });
        Record {
            at: self.at,
            connection: Arc::clone(&self.execution.connection),
            text: clean(&without_passwords(&self.execution.text)),
            parameters: parameters.collect(),
        }
    }
}

/// `text` with every string that follows the word `PASSWORD` covered.
fn without_passwords(text: &str) -> String {
    let Ok(lexemes) = lexer::lex(text) else { return text.to_owned() };
    let mut clean = String::with_capacity(text.len());
    let mut copied = 0;
    for pair in lexemes.windows(2) {
        let [word, value] = pair else { continue };
        let password = text[word.start..word.end].eq_ignore_ascii_case("password");
        if password && value.token == Token::Text {
            clean.push_str(&text[copied..value.start]);
            clean.push_str(REDACTED);
            copied = value.end;
        }
    }
    clean.push_str(&text[copied..]);
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
        let recorder = Recorder::new(2, false);
        for text in ["one", "two", "three"] {
            recorder.record(execution(text));
        }
        let texts = recorder.records().into_iter().map(|record| record.text).collect::<Vec<_>>();
        assert_eq!(texts, ["two", "three"]);
    }

    #[test]
    fn secrets_and_passwords_are_covered() {
        let recorder = Recorder::new(8, false);
        recorder.redact(["hunter22".to_owned(), "hunter22-and-more".to_owned()]);
        recorder.record(execution("SELECT 'hunter22-and-more', 'hunter22'"));
        recorder.record(execution("ALTER ROLE r PASSWORD 'x' VALID UNTIL 'y'"));
        let texts = recorder.records().into_iter().map(|record| record.text).collect::<Vec<_>>();
        assert_eq!(
            texts,
            ["SELECT '[redacted]', '[redacted]'", "ALTER ROLE r PASSWORD [redacted] VALID UNTIL 'y'"]
        );
    }
}
