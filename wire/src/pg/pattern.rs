//! What to look for in a statement, and which statements a rule or a counter means.

use regex::{NoExpand, Regex};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A place in the text of a statement.
#[derive(Debug, Clone)]
pub struct Pattern(Find);

#[derive(Debug, Clone)]
enum Find {
    Literal(Arc<str>),
    Words(Regex),
    Regex(Regex),
}

impl Pattern {
    /// This very text.
    pub fn literal(text: &str) -> Self {
        Self(Find::Literal(text.into()))
    }

    /// This text, whatever its case and however its words are spaced and broken into lines: SQL
    /// that means the same to the server, string contents aside.
    pub fn words(text: &str) -> Self {
        let mut pattern = String::from("(?i:");
        let mut blank = false;
        for character in text.chars() {
            if character.is_ascii_whitespace() {
                blank = true;
                continue;
            }
            if std::mem::take(&mut blank) {
                pattern.push_str(r"\s+");
            }
            pattern.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
        }
        if blank {
            pattern.push_str(r"\s+");
        }
        pattern.push(')');
        // Escaped text is always a regular expression; should it be too large for one, it is looked for literally.
        Regex::new(&pattern).map_or_else(|_| Self::literal(text), |regex| Self(Find::Words(regex)))
    }

    /// What this regular expression matches.
    ///
    /// # Errors
    /// When `pattern` is not a regular expression of crate `regex`.
    pub fn regex(pattern: &str) -> Result<Self, regex::Error> {
        Ok(Self(Find::Regex(Regex::new(pattern)?)))
    }

    pub(crate) fn is_in(&self, text: &str) -> bool {
        match &self.0 {
            Find::Literal(literal) => text.contains(&**literal),
            Find::Words(regex) | Find::Regex(regex) => regex.is_match(text),
        }
    }

    /// `text` with every occurrence replaced; `$1` stands for a group only where this is a regular expression.
    pub(crate) fn replace<'t>(&self, text: &'t str, with: &str) -> Cow<'t, str> {
        match &self.0 {
            Find::Literal(literal) if text.contains(&**literal) => Cow::Owned(text.replace(&**literal, with)),
            Find::Literal(_) => Cow::Borrowed(text),
            Find::Words(regex) => regex.replace_all(text, NoExpand(with)),
            Find::Regex(regex) => regex.replace_all(text, with),
        }
    }
}

impl From<&str> for Pattern {
    /// [`Pattern::words`].
    fn from(text: &str) -> Self {
        Self::words(text)
    }
}

/// Which statements, of which connections. Everything named must apply.
#[derive(Debug, Clone, Default)]
pub struct Match {
    texts: Vec<Text>,
    user: Option<String>,
    database: Option<String>,
    application: Option<String>,
}

#[derive(Clone)]
enum Text {
    Has(Pattern),
    Test(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Has(pattern) => pattern.fmt(f),
            Self::Test(_) => f.write_str("closure"),
        }
    }
}

/// Whose statement it is, as far as a [`Match`] asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speaker<'a> {
    pub(crate) user: &'a str,
    pub(crate) database: &'a str,
    pub(crate) application: &'a str,
}

impl Match {
    /// Every statement.
    pub fn any() -> Self {
        Self::default()
    }

    /// Statements in which these words stand together, by [`Pattern::words`].
    pub fn contains(words: &str) -> Self {
        Self::any().and(Pattern::words(words))
    }

    /// Statements that contain this very text.
    pub fn literal(text: &str) -> Self {
        Self::any().and(Pattern::literal(text))
    }

    /// Statements that this regular expression matches.
    ///
    /// # Errors
    /// When `pattern` is not a regular expression of crate `regex`.
    pub fn regex(pattern: &str) -> Result<Self, regex::Error> {
        Ok(Self::any().and(Pattern::regex(pattern)?))
    }

    /// Statements whose text passes `test`, which must be quick: it runs on the path of every statement.
    pub fn passes(test: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { texts: vec![Text::Test(Arc::new(test))], ..Self::default() }
    }

    /// Only where the text also has `pattern`.
    #[must_use]
    pub fn and(mut self, pattern: impl Into<Pattern>) -> Self {
        self.texts.push(Text::Has(pattern.into()));
        self
    }

    /// Only on connections of this user.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Only on connections to this database.
    #[must_use]
    pub fn database(mut self, database: impl Into<String>) -> Self {
        self.database = Some(database.into());
        self
    }

    /// Only on connections whose `application_name` is this.
    #[must_use]
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = Some(name.into());
        self
    }

    pub(crate) fn applies(&self, speaker: Speaker<'_>, text: &str) -> bool {
        let is = |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|w| w == actual);
        is(&self.user, speaker.user)
            && is(&self.database, speaker.database)
            && is(&self.application, speaker.application)
            && self.texts.iter().all(|part| match part {
                Text::Has(pattern) => pattern.is_in(text),
                Text::Test(test) => test(text),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEAKER: Speaker<'_> = Speaker { user: "u", database: "d", application: "a" };

    #[test]
    fn words_match_whatever_their_spacing_and_case() {
        let claim = Match::contains("for update skip locked");
        assert!(claim.applies(SPEAKER, "SELECT 1\n FOR UPDATE\n\tSKIP  LOCKED"));
        assert!(!claim.applies(SPEAKER, "SELECT 1 FOR UPDATESKIP LOCKED"));
        assert!(Match::contains("'é' AS ü").applies(SPEAKER, "select 'é'\tas ü"));
    }

    #[test]
    fn a_blank_at_the_edge_of_words_is_replaced_with_them() {
        let pattern = Pattern::words(" SKIP LOCKED");
        assert_eq!(
            pattern.replace("SELECT 1 FOR UPDATE\n  skip locked LIMIT 1", ""),
            "SELECT 1 FOR UPDATE LIMIT 1"
        );
    }

    #[test]
    fn a_dollar_in_a_replacement_is_a_group_only_for_a_regular_expression() {
        assert_eq!(Pattern::words("now()").replace("SELECT now()", "$1"), "SELECT $1");
        assert_eq!(Pattern::regex(r"lower\((\w+)\)").unwrap().replace("SELECT lower(a)", "$1"), "SELECT a");
    }

    #[test]
    fn everything_named_must_apply() {
        assert!(Match::any().user("u").database("d").application("a").applies(SPEAKER, "SELECT 1"));
        assert!(!Match::any().user("v").applies(SPEAKER, "SELECT 1"));
        assert!(!Match::literal("select").applies(SPEAKER, "SELECT 1"));
        assert!(Match::passes(|text| text.len() == 8).and("select").applies(SPEAKER, "SELECT 1"));
    }
}
