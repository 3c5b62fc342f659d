//! A lexer of SQL, as far as a rewrite needs one: where statements end, which parameters they take, and that no
//! string, quoted name or comment is left open. After the documentation of PostgreSQL 15, "Lexical Structure".

use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// What stands at a place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// A key word or an unquoted name.
    Word,
    /// A quoted name.
    Quoted,
    /// A string of any form.
    Text,
    Number,
    /// `$n`.
    Parameter(u32),
    /// `::`
    Cast,
    Semicolon,
    /// Any other single character.
    Other,
}

/// A token and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Something that was opened and never closed.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
#[error("{what} that begins at byte {at} is not closed")]
pub(crate) struct Unclosed {
    what: &'static str,
    at: usize,
}

/// All tokens of `text`; white space and comments are left out.
pub(crate) fn lex(text: &str) -> Result<Vec<Lexeme>, Unclosed> {
    match lex_prefix(text) {
        (lexemes, None) => Ok(lexemes),
        (_, Some(unclosed)) => Err(unclosed),
    }
}

/// The tokens of `text` up to what is never closed, and that.
pub(crate) fn lex_prefix(text: &str) -> (Vec<Lexeme>, Option<Unclosed>) {
    let mut lexer = Lexer { bytes: text.as_bytes(), at: 0 };
    let mut lexemes = Vec::new();
    loop {
        match lexer.next() {
            Ok(Some(lexeme)) => lexemes.push(lexeme),
            Ok(None) => return (lexemes, None),
            Err(unclosed) => return (lexemes, Some(unclosed)),
        }
    }
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Result<Option<Lexeme>, Unclosed> {
        self.skip_blanks()?;
        let start = self.at;
        if start >= self.bytes.len() {
            return Ok(None);
        }
        let token = self.token()?;
        Ok(Some(Lexeme { token, start, end: self.at }))
    }

    fn token(&mut self) -> Result<Token, Unclosed> {
        match (self.peek(0), self.peek(1)) {
            (b'\'', _) => self.string(false),
            (b'e' | b'E', b'\'') => {
                self.at += 1;
                self.string(true)
            }
            (b'b' | b'B' | b'x' | b'X' | b'n' | b'N', b'\'') => {
                self.at += 1;
                self.string(false)
            }
            (b'u' | b'U', b'&') if matches!(self.peek(2), b'\'' | b'"') => {
                self.at += 2;
                if self.peek(0) == b'"' { self.quoted() } else { self.string(false) }
            }
            (b'"', _) => self.quoted(),
            (b'$', b'0'..=b'9') => Ok(self.parameter()),
            (b'$', _) => self.dollar(),
            (b'0'..=b'9', _) | (b'.', b'0'..=b'9') => Ok(self.number()),
            (byte, _) if starts_word(byte) => Ok(self.word()),
            (b':', b':') => Ok(self.step(2, Token::Cast)),
            (b';', _) => Ok(self.step(1, Token::Semicolon)),
            _ => Ok(self.step(1, Token::Other)),
        }
    }

    const fn step(&mut self, bytes: usize, token: Token) -> Token {
        self.at += bytes;
        token
    }

    fn skip_blanks(&mut self) -> Result<(), Unclosed> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (b'-', b'-') => self.skip_line(),
                (b'/', b'*') => self.skip_comment()?,
                (byte, _) if is_blank(byte) => self.at += 1,
                _ => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        while self.at < self.bytes.len() && !matches!(self.peek(0), b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// Block comments nest.
    fn skip_comment(&mut self) -> Result<(), Unclosed> {
        let start = self.at;
        let mut depth = 0_usize;
        while self.at < self.bytes.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => self.at += 1,
            }
        }
        Err(Unclosed { what: "a comment", at: start })
    }

    /// A string from its opening quote; two strings with a line break between them are one.
    fn string(&mut self, escapes: bool) -> Result<Token, Unclosed> {
        loop {
            self.delimited(b'\'', escapes, "a string")?;
            let mut ahead = 0;
            let mut broken = false;
            while is_blank(self.peek(ahead)) && self.at + ahead < self.bytes.len() {
                broken |= matches!(self.peek(ahead), b'\n' | b'\r');
                ahead += 1;
            }
            if !broken || self.peek(ahead) != b'\'' {
                return Ok(Token::Text);
            }
            self.at += ahead;
        }
    }

    fn quoted(&mut self) -> Result<Token, Unclosed> {
        self.delimited(b'"', false, "a quoted name")?;
        Ok(Token::Quoted)
    }

    fn delimited(&mut self, quote: u8, escapes: bool, what: &'static str) -> Result<(), Unclosed> {
        let start = self.at;
        self.at += 1;
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'\\' if escapes => self.at += 2,
                byte if byte == quote && self.peek(1) == quote => self.at += 2,
                byte if byte == quote => {
                    self.at += 1;
                    return Ok(());
                }
                _ => self.at += 1,
            }
        }
        Err(Unclosed { what, at: start })
    }

    fn parameter(&mut self) -> Token {
        self.at += 1;
        let start = self.at;
        while self.peek(0).is_ascii_digit() {
            self.at += 1;
        }
        let digits = std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default();
        Token::Parameter(digits.parse().unwrap_or(u32::MAX))
    }

    /// A dollar-quoted string, or a lone `$`.
    fn dollar(&mut self) -> Result<Token, Unclosed> {
        let start = self.at;
        let mut end = start + 1;
        while self.bytes.get(end).is_some_and(|byte| continues_word(*byte) && *byte != b'$') {
            end += 1;
        }
        if self.bytes.get(end) != Some(&b'$') {
            return Ok(self.step(1, Token::Other));
        }
        let tag = &self.bytes[start..=end];
        let body = &self.bytes[end + 1..];
        let Some(close) = body.windows(tag.len()).position(|window| window == tag) else {
            return Err(Unclosed { what: "a dollar-quoted string", at: start });
        };
        self.at = end + 1 + close + tag.len();
        Ok(Token::Text)
    }

    fn number(&mut self) -> Token {
        while self.peek(0).is_ascii_alphanumeric() || matches!(self.peek(0), b'.' | b'_') {
            let exponent = matches!(self.peek(0), b'e' | b'E') && matches!(self.peek(1), b'+' | b'-');
            self.at += if exponent { 2 } else { 1 };
        }
        Token::Number
    }

    fn word(&mut self) -> Token {
        while self.at < self.bytes.len() && continues_word(self.peek(0)) {
            self.at += 1;
        }
        Token::Word
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

const fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

const fn continues_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// What a rewrite must keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Statements, empty ones left out.
    pub(crate) statements: usize,
    /// Each parameter with the types that it is expressly cast to.
    pub(crate) parameters: BTreeMap<u32, BTreeSet<String>>,
}

impl Shape {
    pub(crate) fn of(text: &str) -> Result<Self, Unclosed> {
        let lexemes = lex(text)?;
        let statements =
            lexemes.split(|lexeme| lexeme.token == Token::Semicolon).filter(|part| !part.is_empty()).count();
        let mut parameters = BTreeMap::<u32, BTreeSet<String>>::new();
        for (index, lexeme) in lexemes.iter().enumerate() {
            if let Token::Parameter(number) = lexeme.token {
                let casts = parameters.entry(number).or_default();
                casts.extend(cast(text, &lexemes, index));
            }
        }
        Ok(Self { statements, parameters })
    }
}

/// The type that the parameter at `index` is cast to, by `$n::type` or `CAST($n AS type)`.
fn cast(text: &str, lexemes: &[Lexeme], index: usize) -> Option<String> {
    let word = |at: usize| lexemes.get(at).map(|lexeme| text[lexeme.start..lexeme.end].to_ascii_lowercase());
    let standard = index >= 2
        && word(index - 1).as_deref() == Some("(")
        && word(index - 2).as_deref() == Some("cast")
        && word(index + 1).as_deref() == Some("as");
    let by_operator = lexemes.get(index + 1).is_some_and(|lexeme| lexeme.token == Token::Cast);
    (standard || by_operator).then(|| type_name(text, &lexemes[index + 2..]))
}

/// The name of the type that `lexemes` begin with, in lower case and without blanks.
fn type_name(text: &str, lexemes: &[Lexeme]) -> String {
    let mut name = String::new();
    let mut depth = 0_usize;
    let mut previous = String::new();
    for lexeme in lexemes {
        let part = &text[lexeme.start..lexeme.end];
        let folded = if lexeme.token == Token::Quoted { part.to_owned() } else { part.to_ascii_lowercase() };
        let belongs = match folded.as_str() {
            "(" | "[" => !name.is_empty(),
            ")" | "]" | "," => depth > 0,
            "." => true,
            _ if depth > 0 || previous.is_empty() || previous == "." => true,
            "precision" => previous == "double",
            "varying" => matches!(previous.as_str(), "character" | "char" | "bit" | "nchar"),
            "character" | "char" => previous == "national",
            "with" | "without" => name.starts_with("time"),
            "time" => matches!(previous.as_str(), "with" | "without"),
            "zone" => previous == "time",
            "array" => true,
            _ => false,
        };
        if !belongs {
            break;
        }
        match folded.as_str() {
            "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            _ => {}
        }
        name.push_str(&folded);
        previous = folded;
    }
    name
}

#[cfg(test)]
mod tests;
