//! Lines of a source that are comments, whatever its language.

/// `text` with each line that is a comment emptied, so that every other character keeps its line.
///
/// A line is one when its first characters that are not blank are `//`, `--`, `*`, `/*` or `#` (but not `#[`, an
/// attribute, nor `#define`, a constant). What begins with `/*` ends at its `*/`, on whatever line that stands; what
/// follows there is no comment.
pub(super) fn without_comment_lines(text: &str) -> String {
    let mut within = false;
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let rest = if within { after_block(line, &mut within) } else { code(line, &mut within) };
        kept.push_str(rest);
        if line.ends_with('\n') && !rest.ends_with('\n') {
            kept.push('\n');
        }
    }
    kept
}

/// What of a line is code; and whether a comment goes on after it.
fn code<'a>(line: &'a str, within: &mut bool) -> &'a str {
    let start = line.trim_start();
    if let Some(inside) = start.strip_prefix("/*") {
        return after_block(inside, within);
    }
    let hash = start.starts_with('#') && !start.starts_with("#[") && !start.starts_with("#define");
    let comment = hash || ["//", "--", "*"].iter().any(|mark| start.starts_with(mark));
    if comment { "" } else { line }
}

/// What stands after the end of a comment, which is a line of its own.
fn after_block<'a>(inside: &'a str, within: &mut bool) -> &'a str {
    match inside.split_once("*/") {
        Some((_, rest)) => {
            *within = false;
            code(rest, within)
        }
        None => {
            *within = true;
            ""
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commented_line_is_emptied_and_every_other_keeps_its_number() {
        let text = "a\n  // b\nc // d\n\t# e\n#[f]\n#define G\n-- h\n * i\n/* j */ k\n/** l\nm\n*/n\no";
        assert_eq!(without_comment_lines(text), "a\n\nc // d\n\n#[f]\n#define G\n\n\n k\n\n\nn\no");
    }

    #[test]
    fn comments_that_follow_each_other_and_one_without_an_end_are_comments() {
        assert_eq!(without_comment_lines("/* a */ /* b\nc */ // d\ne\n/* f\ng"), "\n\ne\n\n");
        assert_eq!(without_comment_lines("a\r\n// b\r\nc"), "a\r\n\nc");
    }
}
