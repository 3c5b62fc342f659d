//! Constants in the source of any language, by pattern.

use std::path::PathBuf;

use regex::{Captures, Match, Regex, RegexBuilder};

use super::SourceError;
use super::comments::without_comment_lines;
use crate::{Names, Place};

/// The group that holds the name.
const GROUP: &str = "name";

/// Constants in the source of any language, by pattern.
///
/// The name is what the pattern's group `name` holds; in a pattern without one, its first group that took part in the
/// match (so `'(…)'|"(…)"` reads either quote). `^` and `$` mark the ends of lines, and a match may reach over several.
/// The module's documentation has [patterns for several languages](super).
///
/// Lines that are comments are passed over: a constant that is commented out is removed. Such a line begins, after
/// blanks, with `//`, `--`, `*`, `#` (but neither `#[` nor `#define`), or with `/*`, which holds up to the next `*/`.
/// Comments after code on the same line are read.
#[derive(Debug, Clone)]
pub struct Constants {
    pattern: Regex,
    skip_comment_lines: bool,
}

impl Constants {
    /// Those that `pattern` finds, in the syntax of the crate `regex`.
    ///
    /// # Errors
    /// When it is no pattern, or has no group.
    pub fn new(pattern: &str) -> Result<Self, SourceError> {
        let at = format!("the pattern `{pattern}`");
        let pattern = RegexBuilder::new(pattern).multi_line(true).crlf(true).build().map_err(|error| {
            let says = error.to_string();
            let why = says.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let remedy = "write it in the syntax of https://docs.rs/regex, which knows no look-around";
            SourceError::new(&at, format!("is no regular expression ({why})"), remedy)
        })?;
        if pattern.captures_len() < 2 {
            let remedy = r#"put the name into one, such as `Kind\w+ = "(?<name>[^"]+)"`"#;
            return Err(SourceError::new(at, "has no group", remedy));
        }
        Ok(Self { pattern, skip_comment_lines: true })
    }

    /// Whether lines that are comments are passed over; they are unless this says otherwise.
    #[must_use]
    pub fn skip_comment_lines(self, skip: bool) -> Self {
        Self { skip_comment_lines: skip, ..self }
    }

    /// Every name in these files, each given with its name for readers.
    ///
    /// # Errors
    /// When there is no file, one cannot be read, or the pattern finds nothing in any of them: a source that is looked
    /// for names and has none is a wrong path or a wrong pattern.
    pub fn read(&self, files: &[(String, PathBuf)]) -> Result<Names, SourceError> {
        let mut names = Names::default();
        for (name, path) in files {
            names.extend(self.in_text(name, &super::text(name, path)?));
        }
        if names.is_empty() {
            return Err(self.nothing(files));
        }
        Ok(names)
    }

    /// Every name in a text, which readers know as `within`.
    #[must_use]
    pub fn in_text(&self, within: &str, text: &str) -> Names {
        let mut names = Names::default();
        let emptied = self.skip_comment_lines.then(|| without_comment_lines(text));
        let text = emptied.as_deref().unwrap_or(text);
        let (mut line, mut counted) = (1, 0);
        for found in self.pattern.captures_iter(text).filter_map(|captures| name(&captures)) {
            line += text[counted..found.start()].bytes().filter(|byte| *byte == b'\n').count();
            counted = found.start();
            names.add(found.as_str(), Place { within: within.to_owned(), line: Some(line) });
        }
        names
    }

    fn nothing(&self, files: &[(String, PathBuf)]) -> SourceError {
        let at = format!("the pattern `{}`", self.pattern);
        match files {
            [] => {
                SourceError::new(at, "is given no file to look in", "name the files that declare the kinds")
            }
            [(name, _)] => SourceError::new(at, format!("finds nothing in {name}"), self.remedy()),
            [(name, _), rest @ ..] => {
                let problem = format!("finds nothing in {name} and {} further files", rest.len());
                SourceError::new(at, problem, self.remedy())
            }
        }
    }

    fn remedy(&self) -> &'static str {
        match self.skip_comment_lines {
            true => {
                "mend it, or name the files that declare the kinds (lines that are comments do not count)"
            }
            false => "mend it, or name the files that declare the kinds",
        }
    }
}

/// The group of a match that holds the name.
fn name<'t>(captures: &Captures<'t>) -> Option<Match<'t>> {
    captures.name(GROUP).or_else(|| captures.iter().skip(1).flatten().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, text: &str) -> Vec<(String, usize)> {
        let names = Constants::new(pattern).unwrap().in_text("f", text);
        let lines = |(name, places): (&str, &[Place])| {
            places.iter().map(|place| (name.to_owned(), place.line.unwrap())).collect::<Vec<_>>()
        };
        names.iter().flat_map(lines).collect()
    }

    #[test]
    fn each_name_has_its_line_also_where_it_stands_twice() {
        let text = "K = 'b'\n\n// K = 'c'\nK =\n  'a'\nK = 'b'\n";
        let found = [("a".to_owned(), 5), ("b".to_owned(), 1), ("b".to_owned(), 6)];
        assert_eq!(read(r"^K =\s+'(.*)'$", text), found);
        assert_eq!(read(r"^K =\s+'(.*)'$", &text.replace('\n', "\r\n")), found);
    }

    #[test]
    fn the_group_called_name_goes_first_then_the_first_that_took_part() {
        assert_eq!(read(r"(\w+) = '(?<name>\w+)'", "K = 'a'"), [("a".to_owned(), 1)]);
        assert_eq!(read(r#"'(\w+)'|"(\w+)""#, "'a'\n\"b\""), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    }

    #[test]
    fn comments_count_if_they_are_asked_for() {
        let constants = Constants::new("'(.)'").unwrap().skip_comment_lines(false);
        assert!(constants.in_text("f", "# 'a'").contains("a"));
    }

    #[test]
    fn a_pattern_that_cannot_yield_a_name_says_why() {
        let says = |pattern| Constants::new(pattern).unwrap_err().to_string();
        assert!(says("K = '[a-z]+'").starts_with("the pattern `K = '[a-z]+'`: has no group; put the name"));
        assert!(
            says("K = '(").contains("is no regular expression (unclosed group); write it"),
            "{}",
            says("(")
        );
    }

    #[test]
    fn a_source_without_any_name_is_an_error_and_so_is_none() {
        let constants = Constants::new("K = '(.)'").unwrap();
        assert_eq!(
            constants.read(&[]).unwrap_err().to_string(),
            "the pattern `K = '(.)'`: is given no file to look in; name the files that declare the kinds"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kinds.go");
        std::fs::write(&path, "// K = 'a'\n").unwrap();
        let file = |name: &str| (name.to_owned(), path.clone());
        let error = constants.read(&[file("kinds.go"), file("more.go")]).unwrap_err();
        assert_eq!(error.problem, "finds nothing in kinds.go and 1 further files");
        assert!(error.remedy.ends_with("(lines that are comments do not count)"), "{error}");
        let error = constants.read(&[("gone.go".to_owned(), folder.path().join("gone.go"))]).unwrap_err();
        assert!(error.to_string().starts_with("gone.go: /"), "{error}");
        assert!(error.problem.contains("cannot be read (No such file"), "{error}");
    }
}
