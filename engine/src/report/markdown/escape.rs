//! Text that comes from a target, made harmless in Markdown as GitHub and GitLab read it.

use crate::report::plain::{cut, one_line, tame};

/// The most of one text, in bytes.
const MOST: usize = 2 * 1024;

/// Text within a line, a list or a table: no markup, no link, no mention, no formula.
pub(super) fn escape(text: &str) -> String {
    let text = one_line(&cut(text, MOST));
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '@' => escaped.push_str("&#64;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' | '$' | '!' => {
                escaped.extend(['\\', character])
            }
            other => escaped.push(other),
        }
    }
    // What looks like an address becomes a link without being asked.
    escaped.replace("://", ":&#47;/").replace("www.", "www&#46;")
}

/// Text within `<pre>`, its lines kept: only what is HTML is escaped, for nothing else is read there.
pub(super) fn preformatted(text: &str) -> String {
    let text = cut(text, MOST);
    tame(&text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A name between backticks, also within a table.
pub(super) fn code(text: &str) -> String {
    format!("`{}`", one_line(&cut(text, 200)).replace('`', "'").replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_stays_text() {
        assert_eq!(escape("<b>&lt;*a*|`"), "&lt;b&gt;&amp;lt;\\*a\\*\\|\\`");
        assert_eq!(escape("![x](http://a) @b $c$\n# d"), "\\!\\[x\\](http:&#47;/a) &#64;b \\$c\\$ \\# d");
        assert_eq!(preformatted("a\n</pre>\0"), "a\n&lt;/pre&gt;␀");
        assert_eq!(code("a`b|c\nd"), "`a'b\\|c d`");
    }
}
