//! The lexer against texts put together from parts whose shape is known.

use super::*;
use proptest::prelude::*;

fn tokens(text: &str) -> Vec<(Token, &str)> {
    lex(text).unwrap().into_iter().map(|lexeme| (lexeme.token, &text[lexeme.start..lexeme.end])).collect()
}

#[test]
fn every_form_of_string_is_one_token() {
    for text in [
        "'a''b'",
        r"E'a\'b'",
        "'a'\n  'b'",
        "E'a'\n'\\'b'",
        "B'01'",
        "U&'d\\0061'",
        "$$it's$$",
        "$a$ $$ $b$ $a$",
        "n'x'",
    ] {
        assert_eq!(tokens(text), [(Token::Text, text)], "{text}");
    }
}

#[test]
fn what_looks_like_a_parameter_within_other_tokens_is_none() {
    for text in ["'$1'", "\"$1\"", "-- $1", "/* $1 /* $2 */ */", "a$1", "$$ $1 $$", "U&\"$1\""] {
        assert!(Shape::of(text).unwrap().parameters.is_empty(), "{text}");
    }
    assert_eq!(tokens("$12"), [(Token::Parameter(12), "$12")]);
}

#[test]
fn what_is_left_open_is_an_error() {
    for text in ["'a", "E'a\\'", "\"a", "/* a /* b */", "$a$ b", "$$"] {
        assert!(lex(text).is_err(), "{text}");
    }
    assert!(lex("-- open at the end").is_ok());
}

#[test]
fn a_backslash_escapes_only_where_it_is_said_to() {
    assert_eq!(tokens(r"'a\'")[0].0, Token::Text);
    assert!(lex(r"E'a\'").is_err());
}

#[test]
fn casts_are_read_in_both_forms() {
    let cast =
        |text: &str| Shape::of(text).unwrap().parameters.remove(&1).unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(cast("$1::int + 1"), ["int"]);
    assert_eq!(cast("$1 :: INT AND x"), ["int"]);
    assert_eq!(cast("$1::numeric(10, 2), b"), ["numeric(10,2)"]);
    assert_eq!(cast("$1::text[] FROM t"), ["text[]"]);
    assert_eq!(cast("$1::timestamp with time zone > now()"), ["timestampwithtimezone"]);
    assert_eq!(cast("$1::double precision"), ["doubleprecision"]);
    assert_eq!(cast("$1::public.\"Kind\" = k"), ["public.\"Kind\""]);
    assert_eq!(cast("CAST($1 AS bigint) = $2"), ["bigint"]);
    assert_eq!(cast("$1::int, $1::text"), ["int", "text"]);
    assert_eq!(cast("$1"), [""; 0]);
}

#[test]
fn statements_are_counted_outside_of_strings() {
    let count = |text: &str| Shape::of(text).unwrap().statements;
    assert_eq!(count("SELECT ';' ; -- ;\n ;SELECT 1;"), 2);
    assert_eq!(count(" /* ; */ "), 0);
}

/// A part of a text, and the parameters in it.
fn part() -> impl Strategy<Value = (String, Vec<u32>)> {
    let none = |text: String| (text, Vec::new());
    prop_oneof![
        "[a-z_][a-z0-9_$]{0,8}".prop_map(none),
        "[^'\\x00]{0,8}".prop_map(move |body| none(format!("'{body}'"))),
        "[^'\\\\\\x00]{0,8}".prop_map(move |body| none(format!("E'{body}\\'{body}'"))),
        "[^\"\\x00]{1,8}".prop_map(move |body| none(format!("\"{body}\""))),
        "[^$\\x00]{0,8}".prop_map(move |body| none(format!("$q$ {body} ;$1 $q$"))),
        "[^*/\\x00]{0,8}".prop_map(move |body| none(format!("/* {body} /* ' */ */"))),
        "[^\\r\\n\\x00]{0,8}".prop_map(move |body| none(format!("-- {body}\n"))),
        "[-+*<>=(),.]".prop_map(none),
        (1_u32..20).prop_map(|number| (format!("${number}"), vec![number])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn parameters_and_statements_are_those_that_were_put_in(
        statements in prop::collection::vec(prop::collection::vec(part(), 1..8), 1..4),
    ) {
        let texts = statements.iter().map(|parts| {
            // The word makes sure that the statement is not empty, the blank that no two parts become one.
            let texts = parts.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>();
            format!("select {}", texts.join(" "))
        });
        let text = texts.collect::<Vec<_>>().join(";");
        let shape = Shape::of(&text).unwrap();
        let expected = statements.iter().flatten().flat_map(|(_, numbers)| numbers).copied().collect::<BTreeSet<_>>();
        prop_assert_eq!(shape.statements, statements.len());
        prop_assert_eq!(shape.parameters.into_keys().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn any_text_is_lexed_or_refused(text in "\\PC*|[\\s$'\"/*\\-a-e0-9;:.&\\\\]{0,60}") {
        if let Ok(lexemes) = lex(&text) {
            let mut end = 0;
            for lexeme in lexemes {
                prop_assert!(lexeme.start >= end && lexeme.end > lexeme.start);
                prop_assert!(text.is_char_boundary(lexeme.start) && text.is_char_boundary(lexeme.end));
                end = lexeme.end;
            }
        }
    }
}
