//! An expression of SQL, as PostgreSQL itself prints it, in tokens.

use std::iter::Peekable;
use std::str::Chars;

/// Characters of which operators are made.
const OPERATORS: &str = "+-*/<>=~!@#%^&|?`";

/// A part of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// What stands between single quotes, without them.
    Text(String),
    /// A name with its quotes, a keyword, a number.
    Word(String),
    /// `=`, `::`, or a sign that is no operator.
    Sign(&'static str),
    /// Any other operator.
    Operator,
}

/// The tokens of `sql`; none if it ends within one, or has a sign that is not known.
pub(super) fn tokens(sql: &str) -> Option<Vec<Token>> {
    let mut rest = sql.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(c) = rest.next() {
        tokens.push(match c {
            c if c.is_whitespace() => continue,
            '\'' => Token::Text(quoted(&mut rest, '\'', false)?),
            'E' if rest.next_if_eq(&'\'').is_some() => Token::Text(quoted(&mut rest, '\'', true)?),
            '"' => Token::Word(format!("\"{}\"", quoted(&mut rest, '"', false)?)),
            c if OPERATORS.contains(c) => operator(c, &mut rest),
            c if is_of_word(c) => Token::Word(run(c, &mut rest, is_of_word)),
            c => Token::Sign(sign(c, &mut rest)?),
        });
    }
    Some(tokens)
}

/// Up to the end of the quotes, where two stand for one; with escapes, a backslash stands for the next character.
fn quoted(rest: &mut Peekable<Chars<'_>>, quote: char, escapes: bool) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()? {
            '\\' if escapes => text.push(rest.next()?),
            c if c != quote => text.push(c),
            _ if rest.next_if_eq(&quote).is_some() => text.push(quote),
            _ => return Some(text),
        }
    }
}

fn operator(first: char, rest: &mut Peekable<Chars<'_>>) -> Token {
    match run(first, rest, |c| OPERATORS.contains(c)).as_str() {
        "=" => Token::Sign("="),
        _ => Token::Operator,
    }
}

fn sign(c: char, rest: &mut Peekable<Chars<'_>>) -> Option<&'static str> {
    let signs = ["(", ")", "[", "]", ",", "."];
    match c {
        ':' if rest.next_if_eq(&':').is_some() => Some("::"),
        c => signs.into_iter().find(|sign| sign.starts_with(c)),
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn run(first: char, rest: &mut Peekable<Chars<'_>>, belongs: impl Fn(char) -> bool) -> String {
    let mut run = String::from(first);
    while let Some(c) = rest.next_if(|c| belongs(*c)) {
        run.push(c);
    }
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_names_signs_and_operators_are_told_apart() {
        let word = |text: &str| Token::Word(text.into());
        let text = |text: &str| Token::Text(text.into());
        assert_eq!(
            tokens(r#"(E'a\\''b'::"S ""x", 'E' <> e1.k=5)"#).unwrap(),
            [
                Token::Sign("("),
                text("a\\'b"),
                Token::Sign("::"),
                word("\"S \"x\""),
                Token::Sign(","),
                text("E"),
                Token::Operator,
                word("e1"),
                Token::Sign("."),
                word("k"),
                Token::Sign("="),
                word("5"),
                Token::Sign(")"),
            ]
        );
    }

    #[test]
    fn an_end_within_quotes_and_an_unknown_sign_are_no_expression() {
        for sql in ["'a", "\"a", "E'a\\", "a : b", "a; b"] {
            assert_eq!(tokens(sql), None, "{sql}");
        }
    }
}
