//! Characters that no reader sees, or that turn text around, spelled out.

use crate::report::plain::is_hidden;

/// Spells out control characters and marks of direction, as `\u{202e}`; line ends and tabs stay.
pub(super) fn visible(page: String) -> String {
    let page = if page.contains('\r') { page.replace("\r\n", "\n") } else { page };
    if !page.contains(is_hidden) {
        return page;
    }
    let mut shown = String::with_capacity(page.len() + 64);
    for character in page.chars() {
        if is_hidden(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_text_around_is_spelled_out_and_line_ends_stay() {
        let told = visible("a\u{202e}b\u{0}\u{1b}[31m\n\tc\u{feff}é".into());
        assert_eq!(told, "a\\u{202e}b\\u{0}\\u{1b}[31m\n\tc\\u{feff}é");
    }

    #[test]
    fn a_return_alone_is_no_end_of_a_line() {
        assert_eq!(visible("a\r\nb\rc".into()), "a\nb\\u{d}c");
    }
}
