//! Text from a target, made plain: it is read, and it acts on nothing.
//!
//! A target's answer may hold what moves a terminal's cursor, turns the direction of a line, or ends a file for whoever
//! reads it. Such characters are shown in place of being passed on, before a format's own escaping.

use std::borrow::Cow;

/// `text` with every [hidden](is_hidden) character shown: a control character as its picture, any other as U+FFFD.
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

/// Whether a character would act in place of being read, or is seen by nobody. Line ends and tabs are read.
pub(super) fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        // Zero width and direction; separators of lines; the byte order mark; what only programs exchange, and XML forbids.
        '\u{61c}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{fffe}'
        | '\u{ffff}'
        | '\u{e0000}'..='\u{e007f}' => true,
        other => other.is_control(),
    }
}

fn stand_in(character: char) -> Option<char> {
    is_hidden(character).then(|| match character {
        '\0'..='\u{1f}' => {
            char::from_u32(0x2400 + u32::from(character)).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        '\u{7f}' => '\u{2421}',
        _ => char::REPLACEMENT_CHARACTER,
    })
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
        assert_eq!(tame("a\u{200b}b\u{feff}\u{e0041}"), "a\u{fffd}b\u{fffd}\u{fffd}");
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
