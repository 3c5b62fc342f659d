//! A labelled folder for files alone: no server, and yet nothing that a killed owner would leave for good.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::folder::{Folder, Place, discard};

/// A folder that only its owner reads, and that goes with this handle. What a killed owner leaves, [`gc()`](crate::gc())
/// finds by its label.
#[derive(Debug)]
pub struct Scratch(Folder);

impl Scratch {
    /// Makes one, labelled as `kind`; after `held_for` it may be removed although its owner lives.
    ///
    /// # Errors
    /// When the folder cannot be written, or `/proc` not read.
    pub fn create(kind: &str, held_for: Duration) -> io::Result<Self> {
        Folder::create(&Place::Auto, kind, held_for, None).map(Self)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        discard(&self.0.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::Label;

    #[test]
    fn it_is_labelled_and_goes_with_its_handle() {
        let scratch = Scratch::create("files", Duration::from_secs(60)).unwrap();
        let path = scratch.path().to_path_buf();
        std::fs::create_dir(path.join("deep")).unwrap();
        std::fs::write(path.join("deep/file"), "text").unwrap();
        let label = Label::read(&path).unwrap();
        assert_eq!((label.kind.as_str(), label.expired()), ("files", None));
        drop(scratch);
        assert!(!path.exists());
    }
}
