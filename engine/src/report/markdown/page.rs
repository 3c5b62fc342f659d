//! A document of bounded length: GitHub refuses a summary of more than a mebibyte, the whole of it.
//!
//! The weightiest comes first, and what no longer fits is left out, piece by piece, and said.

/// Kept for the lines that say what was left out, and for ends of blocks.
const RESERVE: usize = 2 * 1024;

/// A document in the making.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    limit: usize,
    left_out: usize,
}

impl Page {
    /// An empty one of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { text: String::new(), limit: limit.saturating_sub(RESERVE), left_out: 0 }
    }

    /// Adds a piece, whole or not at all; whether it was added.
    pub(super) fn add(&mut self, piece: &str) -> bool {
        let fits = self.text.len() + piece.len() <= self.limit;
        if fits {
            self.text.push_str(piece);
        } else {
            self.left_out += 1;
        }
        fits
    }

    /// Adds a head and pieces under it, as many as fit; nothing where there are none. The pieces are drawn one by one,
    /// so that those that do not fit cost nothing.
    pub(super) fn section(&mut self, head: &str, pieces: impl Iterator<Item = String>) {
        let mut pieces = pieces.peekable();
        if pieces.peek().is_none() {
            return;
        }
        if !self.add(head) {
            return;
        }
        while let Some(piece) = pieces.next() {
            if !self.add(&piece) {
                let left = 1 + pieces.count();
                self.left_out += left - 1;
                return;
            }
        }
    }

    /// The document.
    pub(super) fn text(mut self) -> String {
        if self.left_out > 0 {
            self.text.push_str(&format!(
                "\n\n**{} pieces were left out**, for a summary of GitHub is cut at a mebibyte; the JSON record has \
                 them all.\n",
                self.left_out
            ));
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_and_said() {
        let mut page = Page::new(RESERVE + 10);
        page.section("head\n", ["one\n", "two\n", "three\n"].into_iter().map(str::to_owned));
        assert!(!page.add("more"));
        let text = page.text();
        assert!(text.starts_with("head\none\n\n\n**3 pieces were left out**"), "{text}");
    }

    #[test]
    fn a_section_without_pieces_has_no_head() {
        let mut page = Page::new(1 << 20);
        page.section("head\n", std::iter::empty());
        assert_eq!(page.text(), "");
    }
}
