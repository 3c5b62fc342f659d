//! Foreign names as TOML has them: as text, in a comment, as a key, as a variable.

use crate::init::table::words;
use std::fmt::Write as _;

/// As a basic string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => drop(write!(quoted, "\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// As a part of a comment, which ends with its line.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// As a name of a table of the description.
pub(super) fn slug(text: &str) -> String {
    let kept =
        words(text).chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect::<String>();
    let kept: String = kept.trim_matches('_').chars().take(40).collect();
    if kept.is_empty() { "it".to_owned() } else { kept }
}

/// As a variable that holds an address.
pub(super) fn variable(text: &str) -> String {
    let name = slug(text).to_uppercase();
    let name = if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name };
    if name.ends_with("_URL") { name } else { format!("{name}_URL") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_its_text_or_its_comment() {
        assert_eq!(quoted("a\"b\\c\nd\u{7f}"), "\"a\\\"b\\\\c\\u000Ad\\u007F\"");
        assert_eq!(plain("a\nb = 1"), "a?b = 1");
        assert_eq!(slug("Größe / x"), "gr__e___x");
        assert_eq!(slug("!!"), "it");
        assert_eq!(
            (variable("payment-api").as_str(), variable("base_url").as_str()),
            ("PAYMENT_API_URL", "BASE_URL")
        );
    }
}
