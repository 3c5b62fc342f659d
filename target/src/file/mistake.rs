//! What is wrong with a description, where, and what would be right.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, counted from 1.
    pub line: usize,
    /// The character in it, counted from 1.
    pub column: usize,
    /// The key, dotted; empty where it is no key's.
    pub key: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = if self.key.is_empty() { "" } else { ": " };
        write!(f, "{}:{}: {}{colon}{}", self.line, self.column, self.key, self.what)
    }
}

/// Why a file describes no target.
#[derive(Debug)]
pub enum FileError {
    /// It can't be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// All that is wrong with what it says.
    Wrong {
        /// The file's name.
        file: String,
        /// In the order of lines.
        mistakes: Vec<Mistake>,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, .. } => {
                write!(f, "{} can't be read; name the file that describes the target", path.display())
            }
            Self::Wrong { file, mistakes } => {
                let places = if mistakes.len() == 1 { "place" } else { "places" };
                write!(f, "{file} is wrong in {} {places}; nothing was started", mistakes.len())?;
                mistakes.iter().try_for_each(|mistake| write!(f, "\n  {file}:{mistake}"))
            }
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::Wrong { .. } => None,
        }
    }
}

/// The name that is written most like `word`.
pub(super) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(word, name);
    let likely = names.into_iter().map(|name| (likeness(name), name)).filter(|(likeness, _)| *likeness > 0.4);
    likely.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// The nearest of `names` to `word`, or all of them, as the end of a sentence.
pub(super) fn remedy(word: &str, names: &[&str]) -> String {
    match nearest(word, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if names.is_empty() => "there is none".into(),
        None => format!("there is {}", listed(names)),
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What a parser's message says, as a mistake: of a key that is unknown the nearest that is known.
pub(super) fn reworded(message: &str) -> String {
    if let Some((unknown, known)) = message
        .strip_prefix("unexpected keys in table: ")
        .and_then(|message| message.split_once(", available keys: "))
    {
        let word = unknown.split(", ").next().unwrap_or(unknown);
        let known: Vec<_> = known.split(", ").collect();
        return format!("there is no key `{word}` here; {}", remedy(word, &known));
    }
    let words: Vec<_> = message.split('`').collect();
    let (Some(word), Some(known)) = (words.get(1), words.get(3..)) else { return message.to_owned() };
    let known: Vec<_> = known.iter().step_by(2).copied().collect();
    if message.starts_with("unknown field") {
        return format!("there is no key `{word}` here; {}", remedy(word, &known));
    }
    if message.starts_with("unknown variant") {
        return format!("`{word}` is none of the choices; {}", remedy(word, &known));
    }
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest_or_with_all() {
        let near = reworded("unknown field `pat`, expected one of `path`, `live_path`");
        assert_eq!(near, "there is no key `pat` here; did you mean `path`?");
        let far = reworded("unknown field `zzz`, expected `name` or `profile`");
        assert_eq!(far, "there is no key `zzz` here; there is `name`, `profile`");
        let variant = reworded("unknown variant `htp`, expected one of `http`, `postgres`, `loop`");
        assert_eq!(variant, "`htp` is none of the choices; did you mean `http`?");
        let inner = reworded("unexpected keys in table: prob, available keys: wire, probe");
        assert_eq!(inner, "there is no key `prob` here; did you mean `probe`?");
        assert_eq!(reworded("missing field `wire`"), "missing field `wire`");
    }
}
