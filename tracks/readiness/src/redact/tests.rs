//! What must never be seen again.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

fn url_encoded(text: &str, all: bool, upper: bool) -> String {
    let encode = |byte: u8| match (byte.is_ascii_alphanumeric() && !all, upper) {
        (true, _) => char::from(byte).to_string(),
        (false, true) => format!("%{byte:02X}"),
        (false, false) => format!("%{byte:02x}"),
    };
    text.bytes().map(encode).collect()
}

fn unquoted(text: &str) -> String {
    text[1..text.len() - 1].to_owned()
}

/// Every encoding that an error is known to carry a credential in.
fn encodings(secret: &str) -> Vec<String> {
    let mut forms = vec![
        secret.to_owned(),
        url_encoded(secret, false, true),
        url_encoded(secret, false, false),
        url_encoded(secret, true, true),
        url_encoded(secret, false, true).replace("%20", "+"),
        unquoted(&format!("{secret:?}")),
        unquoted(&serde_json::to_string(secret).unwrap()),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        secret.bytes().map(|byte| format!("{byte:02X}")).collect(),
    ];
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
        forms.push(engine.encode(secret));
        forms.push(url_encoded(&engine.encode(secret), false, true));
        for prefix in ["u:", "ab:", "abc:"] {
            forms.push(engine.encode(format!("{prefix}{secret}@x")));
        }
    }
    forms
}

/// A secret that is no part of the marker itself and no run that the text around it could contain.
fn secrets() -> impl Strategy<Value = String> {
    "[ -~é\n]{6,40}"
        .prop_map(|secret| secret.trim().to_owned())
        .prop_filter("long enough to be one", |secret| {
            secret.len() >= 6 && !secret.contains("://") && !REDACTED.contains(secret.as_str())
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_registered_secret_survives_in_any_encoding(secret in secrets(), before in "[a-z ]{0,90}", after in "[a-z ]{0,90}") {
        let redactor = Redactor::new([&secret]);
        for form in encodings(&secret) {
            let text = format!("{before}<{form}>{after}");
            let whole = redactor.redact(&text);
            let shown = redactor.error(&text);
            for hidden in encodings(&secret) {
                prop_assert!(!whole.contains(&hidden), "{form:?} left {hidden:?} in {whole:?}");
                prop_assert!(!shown.contains(&hidden), "{form:?} left {hidden:?} in {shown:?}");
            }
            prop_assert!(whole.contains(REDACTED));
            prop_assert!(whole.starts_with(&format!("{before}<")), "{whole:?}");
            prop_assert!(whole.ends_with(&format!(">{after}")), "{whole:?}");
            prop_assert!(shown.chars().count() <= MAX_ERROR_CHARS);
        }
    }

    #[test]
    fn no_half_of_a_secret_shows_where_the_cut_falls(pad in 40_usize..80) {
        let secret = "correct-horse-battery-staple";
        let shown = Redactor::new([secret]).error(&format!("{}{secret}", "x".repeat(pad)));
        prop_assert!(!shown.contains("corr"), "{shown}");
    }
}

#[test]
fn a_secret_that_straddles_the_cut_is_redacted_before_it() {
    let redactor = Redactor::new(["correct-horse-battery-staple"]);
    let text = format!("{} correct-horse-battery-staple", "x".repeat(68));
    assert_eq!(redactor.error(&text), format!("{} [redacted]", "x".repeat(68)));
}

#[test]
fn the_beginning_of_a_secret_goes_where_somebody_else_has_cut() {
    let redactor = Redactor::new(["correct-horse-battery-staple"]);
    assert_eq!(redactor.redact("login with correct-hor"), "login with [redacted]");
    assert_eq!(redactor.redact("a correct-horse is"), "a correct-horse is");
}

#[test]
fn the_password_of_a_registered_connection_string_goes_on_its_own() {
    for dsn in [
        "postgres://app:p%40ss%2Fword@db:5432/app?sslmode=disable",
        "host=db user=app password=p@ss/word dbname=app",
        "host=db password='p@ss/word' user=app",
    ] {
        let redactor = Redactor::new([dsn]);
        assert_eq!(redactor.redact("no entry for p@ss/word here"), "no entry for [redacted] here", "{dsn}");
        assert_eq!(
            redactor.redact("no entry for p%40ss%2fword here"),
            "no entry for [redacted] here",
            "{dsn}"
        );
    }
}

#[test]
fn unregistered_credentials_go_by_their_shape() {
    let redactor = Redactor::default();
    let cases = [
        ("connect mongodb+srv://u:hunter2@h/db failed", "connect mongodb+srv://[redacted]@h/db failed"),
        ("https://tok3n@h/x", "https://[redacted]@h/x"),
        ("host=h password=hunter2 user=u", "host=h password=[redacted] user=u"),
        (r#"{"api_key":"hunter2","ok":1}"#, r#"{"api_key":"[redacted]","ok":1}"#),
        ("Authorization: Bearer abcdef.123456", "Authorization: Bearer [redacted]"),
        ("jwt eyJhbGciOi.eyJzdWIiOi.c2ln end", "jwt [redacted] end"),
        ("key xkeysib-0123abcd-xyz", "key [redacted]"),
        ("id AKIAIOSFODNN7EXAMPLE", "id [redacted]"),
        ("ghp_0123456789abcdefGHIJ", "[redacted]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "[redacted]"),
    ];
    for (text, expected) in cases {
        assert_eq!(redactor.redact(text), expected);
    }
}

#[test]
fn ordinary_errors_pass_unharmed() {
    let redactor = Redactor::new(["correct-horse-battery-staple"]);
    for text in
        ["timeout", "refused", "http_503", "auth_401", "sqlstate_28P01", "password authentication failed"]
    {
        assert_eq!(redactor.error(text), text);
    }
}

#[test]
fn hexadecimal_runs_of_twenty_go_and_of_nineteen_stay() {
    let redactor = Redactor::default();
    assert_eq!(redactor.error("trace 0123456789abcdef0123"), "trace [redacted]");
    assert_eq!(redactor.error("trace 0123456789abcdef012"), "trace 0123456789abcdef012");
    assert_eq!(redactor.redact("commit 0123456789abcdef0123"), "commit 0123456789abcdef0123");
}

#[test]
fn an_error_stands_on_one_line() {
    assert_eq!(Redactor::default().error("first\nsecond\tthird\n"), "first second third");
}

#[test]
fn overlapping_secrets_leave_no_rest() {
    let redactor = Redactor::new(["abcdefgh", "fghijklm"]);
    assert_eq!(redactor.redact("<abcdefghijklm>"), "<[redacted]>");
}

#[test]
fn empty_secrets_are_ignored() {
    assert_eq!(Redactor::new(["", "  \n"]).redact("all well"), "all well");
}

#[test]
fn debug_shows_no_secret() {
    assert!(!format!("{:?}", Redactor::new(["hunter22"])).contains("hunter"));
}
