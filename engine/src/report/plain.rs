//! Text from a target, made plain: it is read, and it acts on nothing.
//!
//! A target's answer may hold what moves a terminal's cursor, turns the direction of a line, or ends a file for whoever
//! reads it. Such characters are shown in place of being passed on, before a format's own escaping.

use std::borrow::Cow;

/// `text` with every character shown that would act in place of being read: a control character as its picture, what
/// turns the direction of writing (and what XML forbids) as U+FFFD. Line ends and tabs stay.
pub(super) fn tame(text: &str) -> Cow<'_, str> {
    if text.chars().all(|character| stand_in(character).is_none()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|character| stand_in(character).unwrap_or(character)).collect())
}

/// The same on one line.
pub(super) fn one_line(text: &str) -> String {
    tame(text).replace(['\n', '\t'], " ")
}

/// The same for lines of a log: what GitHub or Azure would carry out as a command, were it at the beginning of a line
/// or anywhere in it, is spaced out.
pub(super) fn for_a_log(text: &str) -> String {
    let lines = tame(text).replace("##[", "## [").replace("##vso[", "##vso [");
    let lines = lines.split('\n').map(|line| {
        if line.trim_start().starts_with("::") { line.replacen("::", ": :", 1) } else { line.to_owned() }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn stand_in(character: char) -> Option<char> {
    match character {
        '\n' | '\t' => None,
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)),
        '\u{7f}' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{fffe}'
        | '\u{ffff}' => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    }
}

/// At most `most` bytes of `text`; what is cut says so, and where the whole is.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = (0..=most).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    Cow::Owned(format!("{} … (cut from {} bytes; the JSON record has them all)", &text[..end], text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_is_shown() {
        assert_eq!(tame("a\0b\x1b[31mred\r\n\tc\u{7f}"), "a␀b␛[31mred␍\n\tc␡");
        assert_eq!(
            tame("\u{202e}evil\u{2066}\u{200f}\u{85}\u{2028}"),
            "\u{fffd}evil\u{fffd}\u{fffd}\u{fffd}\u{fffd}"
        );
        assert!(matches!(tame("ordinary ünïcode 漢字 עברית"), Cow::Borrowed(_)));
        assert_eq!(one_line("a\nb\tc"), "a b c");
    }

    #[test]
    fn a_line_of_a_log_is_no_command() {
        assert_eq!(
            for_a_log("::error::a\n  ::b::\na::b\n##[error]c"),
            ": :error::a\n  : :b::\na::b\n## [error]c"
        );
        assert_eq!(for_a_log("\x1b[2J"), "␛[2J");
    }

    #[test]
    fn a_cut_falls_between_characters_and_says_so() {
        assert_eq!(cut("äöü", 6), "äöü");
        assert_eq!(cut("äöü", 3), "ä … (cut from 6 bytes; the JSON record has them all)");
    }
}
