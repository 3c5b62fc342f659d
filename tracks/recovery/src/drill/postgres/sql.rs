//! Names as they stand in SQL.

/// Reads one name, quoted or not, at the start of `text`; gives it without its quotes, and what follows.
pub(super) fn name(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$'))).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end)?;
        return (!name.is_empty()).then(|| (name.to_owned(), rest));
    };
    let (mut name, mut rest) = (String::new(), quoted);
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

/// Reads names that stand one behind the other with commas between.
pub(super) fn names(text: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((one, after)) = name(rest) {
        found.push(one);
        match after.trim_start().strip_prefix(',') {
            Some(after) => rest = after,
            None => break,
        }
    }
    found
}

/// A name, quoted for SQL whatever it is.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        assert_eq!(name("alice;"), Some(("alice".into(), ";")));
        assert_eq!(name(r#" "bob's ""role""" WITH"#), Some((r#"bob's "role""#.into(), " WITH")));
        assert_eq!(name(r#""cut"#), None);
        assert_eq!(name(";"), None);
        assert_eq!(names(r#"a, "b c" USING (true)"#), ["a", "b c"]);
        assert_eq!(name(&quoted(r#"x"y"#)), Some((r#"x"y"#.into(), "")));
    }
}
