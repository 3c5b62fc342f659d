//! What a CHECK constraint admits, read from its definition as PostgreSQL prints it.

use super::tokens::{Token, tokens};

/// Values that are admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Admitted {
    /// One.
    Value(String),
    /// Those of an array as a literal, `{a,b}`.
    Array(String),
}

/// A column, and what it may hold. A definition that asks anything else has none.
type List = Option<(String, Vec<Admitted>)>;

/// The values that a definition such as `CHECK ((kind = ANY (ARRAY['a'::text, 'b'::text])))` admits for its one column;
/// none if it is anything but a list of values.
pub(super) fn admitted(definition: &str) -> Option<Vec<Admitted>> {
    let tokens = tokens(definition)?;
    let (check, rest) = tokens.split_first()?;
    // What may follow says which rows were looked at, not what is admitted.
    let rest = without_end(without_end(rest, &["NOT", "VALID"]), &["NO", "INHERIT"]);
    is_word(check, "CHECK").then(|| list(rest))?.map(|(_, values)| values)
}

fn list(tokens: &[Token]) -> List {
    let tokens = unwrapped(tokens);
    let alternatives = split(tokens, |token| is_word(token, "OR"));
    let [first, others @ ..] = alternatives.as_slice() else { return None };
    if others.is_empty() {
        return comparison(tokens);
    }
    others.iter().try_fold(list(first)?, |(column, mut values), alternative| {
        let (other, more) = list(alternative)?;
        values.extend(more);
        (other == column).then_some((column, values))
    })
}

fn comparison(tokens: &[Token]) -> List {
    let null = without_end(tokens, &["IS", "NULL"]);
    if null.len() < tokens.len() {
        return Some((column(null)?, Vec::new()));
    }
    let sides = split(tokens, |token| *token == Token::Sign("="));
    let [left, right] = sides.as_slice() else { return None };
    let values = match right.split_first()? {
        (any, array) if is_word(any, "ANY") => array_of(operand(array)?)?,
        _ => vec![Admitted::Value(text(right)?)],
    };
    Some((column(left)?, values))
}

/// `ARRAY['a'::text, …]`, or a literal of one.
fn array_of(tokens: &[Token]) -> Option<Vec<Admitted>> {
    match tokens {
        [Token::Text(literal)] => Some(vec![Admitted::Array(literal.clone())]),
        [array, Token::Sign("["), elements @ .., Token::Sign("]")] if is_word(array, "ARRAY") => {
            let elements = split(elements, |token| *token == Token::Sign(","));
            elements.into_iter().map(|element| text(element).map(Admitted::Value)).collect()
        }
        _ => None,
    }
}

fn column(tokens: &[Token]) -> Option<String> {
    match operand(tokens)? {
        [Token::Word(name)] => Some(name.clone()),
        _ => None,
    }
}

fn text(tokens: &[Token]) -> Option<String> {
    match operand(tokens)? {
        [Token::Text(text)] => Some(text.clone()),
        _ => None,
    }
}

/// What is left without parentheses and casts around it.
fn operand(tokens: &[Token]) -> Option<&[Token]> {
    let mut tokens = tokens;
    loop {
        let bare = unwrapped(tokens);
        let parts = split(bare, |token| *token == Token::Sign("::"));
        let (value, types) = parts.split_first()?;
        let plain =
            |token: &Token| matches!(token, Token::Word(_) | Token::Sign("(" | ")" | "[" | "]" | "." | ","));
        if !types.iter().all(|kind| kind.iter().all(plain)) {
            return None;
        }
        if value.len() == tokens.len() {
            return Some(value);
        }
        tokens = value;
    }
}

/// Without the parentheses that enclose all of it.
fn unwrapped(tokens: &[Token]) -> &[Token] {
    let [Token::Sign("("), inner @ .., Token::Sign(")")] = tokens else { return tokens };
    let mut depth = 1;
    for token in inner {
        depth += deeper(token);
        if depth == 0 {
            return tokens;
        }
    }
    unwrapped(inner)
}

/// The parts between what `between` says, where that stands in no parentheses.
fn split(tokens: &[Token], between: impl Fn(&Token) -> bool) -> Vec<&[Token]> {
    let mut depth = 0;
    let parts = tokens.split(|token| {
        depth += deeper(token);
        depth == 0 && between(token)
    });
    parts.collect()
}

fn deeper(token: &Token) -> i32 {
    match token {
        Token::Sign("(" | "[") => 1,
        Token::Sign(")" | "]") => -1,
        _ => 0,
    }
}

fn without_end<'a>(tokens: &'a [Token], words: &[&str]) -> &'a [Token] {
    let (start, end) = tokens.split_at(tokens.len().saturating_sub(words.len()));
    let same = end.len() == words.len() && end.iter().zip(words).all(|(token, word)| is_word(token, word));
    if same { start } else { tokens }
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(here) if here == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(definition: &str) -> Option<Vec<String>> {
        let shown = |value| match value {
            Admitted::Value(value) => value,
            Admitted::Array(literal) => format!("array {literal}"),
        };
        admitted(definition).map(|values| values.into_iter().map(shown).collect())
    }

    #[test]
    fn lists_are_read_through_casts_parentheses_and_quotes() {
        for (definition, expected) in [
            ("CHECK ((kind = ANY (ARRAY['a'::text, 'it''s'::text])))", vec!["a", "it's"]),
            (
                "CHECK (((kind)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
                vec!["a", "b"],
            ),
            ("CHECK ((kind = 'a'::text)) NOT VALID", vec!["a"]),
            ("CHECK ((kind = ANY ('{a,\"b c\"}'::text[])))", vec!["array {a,\"b c\"}"]),
            (
                "CHECK (((kind IS NULL) OR (kind = 'a'::s.kind) OR (kind = ANY (ARRAY['b'::s.kind]))))",
                vec!["a", "b"],
            ),
            (
                "CHECK ((\"K\"\"1\" = ANY (ARRAY[E'a\\\\b'::text, 'OR ='::text]))) NO INHERIT",
                vec!["a\\b", "OR ="],
            ),
        ] {
            assert_eq!(values(definition).unwrap(), expected, "{definition}");
        }
    }

    #[test]
    fn whatever_else_is_asked_is_no_list() {
        for definition in [
            "CHECK ((kind <> ALL (ARRAY['a'::text, 'b'::text])))",
            "CHECK ((kind <> 'a'::text))",
            "CHECK (((kind = 'a'::text) AND (length(note) > 1)))",
            "CHECK (((kind = 'a'::text) OR (other = 'b'::text)))",
            "CHECK ((lower(kind) = ANY (ARRAY['a'::text])))",
            "CHECK ((kind = ANY (ARRAY[('a'::text || 'b'::text)])))",
            "CHECK ((kind ~ '^a'::text))",
            "CHECK ((kind = other))",
            "CHECK ((NOT (kind = 'a'::text)))",
            "CHECK ((n = 5))",
            "CHECK ((kind = 'a'::text)) NOT ENFORCED",
            "FOREIGN KEY (kind) REFERENCES kinds(name)",
        ] {
            assert_eq!(values(definition), None, "{definition}");
        }
    }
}
