//! Where artifacts are kept: a local folder, or a bucket that speaks S3.
//!
//! ```text
//! {store}/{job}/20261123T030000Z-9f86d081.dump                 the backup, whole from the moment it has this name
//! {store}/{job}/20261123T030000Z-9f86d081.dump.manifest.json   written last
//! ```
//!
//! What has our form of name and no manifest is half-written. What has another name is somebody else's: it is found by
//! [pattern](Store::foreign), and nothing here ever removes it.

mod artifact;
mod error;
mod fetch;
mod list;
mod name;
mod open;
mod retain;
mod upload;

pub use artifact::{Artifact, Choice, Chosen, State};
pub use error::StoreError;
pub use fetch::Fetched;
pub(crate) use fetch::path_of;
pub use name::{Suffix, artifact_name, is_job, is_ours, manifest_name};
pub use retain::Retained;
pub use upload::{Stored, Upload};

use object_store::ObjectStore;
use object_store::path::Path;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long one request to the store may take, its own repetitions included.
const REQUEST_LIMIT: Duration = Duration::from_secs(120);

/// A place for artifacts.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    /// What goes before every name: the path within a bucket.
    prefix: Path,
    /// The folder, where it is one.
    folder: Option<PathBuf>,
    /// What it is called in messages.
    place: String,
}

impl Store {
    /// What it is called: the folder or the address that it was opened by.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Where an artifact lies as a file, if the store is a local folder.
    #[must_use]
    pub fn local_path(&self, name: &str) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        Path::parse(name).ok().map(|name| folder.join(name.as_ref()))
    }

    /// The full path of a name.
    fn path(&self, name: &str) -> Result<Path, StoreError> {
        let name = Path::parse(name)
            .map_err(|_| StoreError::BadName { name: name.to_owned(), place: self.place.clone() })?;
        Ok(self.prefix.parts().chain(name.parts()).collect())
    }

    /// The name of a full path: without the store's own prefix.
    fn name_of(&self, path: &Path) -> String {
        let parts = path.prefix_match(&self.prefix).map(|parts| parts.collect::<Path>());
        parts.unwrap_or_else(|| path.clone()).to_string()
    }

    /// One request, within its time limit.
    async fn limited<T>(
        &self,
        doing: &'static str,
        name: &str,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(REQUEST_LIMIT, request).await {
            Ok(answer) => answer.map_err(|source| self.failed(doing, name, source)),
            Err(_) => Err(StoreError::Silent {
                doing,
                name: name.to_owned(),
                place: self.place.clone(),
                seconds: REQUEST_LIMIT.as_secs(),
            }),
        }
    }

    fn failed(&self, doing: &'static str, name: &str, source: object_store::Error) -> StoreError {
        StoreError::Request {
            doing,
            name: name.to_owned(),
            place: self.place.clone(),
            source: Box::new(source),
        }
    }
}
