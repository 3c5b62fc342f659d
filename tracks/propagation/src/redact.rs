//! Errors as they may be shown: without credentials first, cut second.

/// How many characters of an error are kept.
pub const MAX_ERROR_CHARS: usize = 1_000;

/// Takes credentials out of a text. Any `Fn(&str) -> String` is one; the readiness track's redactor fits as
/// `move |text: &str| redactor.redact(text)`.
pub trait Redact: Send + Sync + 'static {
    /// The text without credentials.
    fn redact(&self, text: &str) -> String;
}

impl<F: Fn(&str) -> String + Send + Sync + 'static> Redact for F {
    fn redact(&self, text: &str) -> String {
        self(text)
    }
}

/// What is stored and logged of an error. Cutting first would leave half a secret that no rule knows any more. A NUL,
/// which PostgreSQL does not store, would make the database refuse every row that is completed together with this one.
pub(crate) fn shown(redactor: &dyn Redact, error: &str) -> String {
    redactor.redact(error).chars().filter(|c| *c != '\0').take(MAX_ERROR_CHARS).collect()
}

/// An error with its causes, each once.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some errors already say what their cause says.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_across_the_cut_is_gone_whole() {
        const SECRET: &str = "correct-horse";
        let error = format!("{}{SECRET}", "x".repeat(MAX_ERROR_CHARS - 5));
        let shown = shown(&|text: &str| text.replace(SECRET, "[redacted]"), &error);
        assert_eq!(shown.len(), MAX_ERROR_CHARS);
        assert!(shown.ends_with("[reda") && !shown.contains("corre"), "{shown}");
    }

    #[test]
    fn what_the_database_cannot_store_is_left_out() {
        assert_eq!(shown(&|text: &str| text.to_owned(), "a\0é"), "aé");
    }
}
