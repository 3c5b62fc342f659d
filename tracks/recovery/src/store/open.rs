//! How a store is named, and opened.

use super::{Store, StoreError};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a store is, read from how it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Location {
    Folder(PathBuf),
    S3 { bucket: String, prefix: String },
}

impl Store {
    /// Opens a folder (a path, or `file://` and an absolute path) or a bucket (`s3://bucket/prefix`, with credentials,
    /// region and endpoint from the usual `AWS_*` variables).
    ///
    /// # Errors
    /// When the location is neither, the folder is not there, or the variables do not make a client.
    pub fn open(location: &str) -> Result<Self, StoreError> {
        match Location::read(location)? {
            Location::Folder(folder) if !folder.is_dir() => {
                Err(StoreError::NoFolder { place: folder.display().to_string() })
            }
            Location::Folder(folder) => Self::folder(&folder),
            Location::S3 { bucket, prefix } => Self::s3(&bucket, &prefix),
        }
    }

    /// The same, and makes the folder where it is not there yet: for a backup. Only its owner may read it, for it will
    /// hold everything that the database does.
    ///
    /// # Errors
    /// As [`open`](Self::open); and when the folder cannot be made.
    pub fn open_or_create(location: &str) -> Result<Self, StoreError> {
        if let Location::Folder(folder) = Location::read(location)? {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.map_err(|source| StoreError::File {
                doing: "make the folder",
                path: folder.display().to_string(),
                source,
            })?;
        }
        Self::open(location)
    }

    fn folder(folder: &std::path::Path) -> Result<Self, StoreError> {
        let place = folder.display().to_string();
        let unusable = |source| StoreError::File { doing: "open the folder", path: place.clone(), source };
        let folder = folder.canonicalize().map_err(unusable)?;
        let inner = LocalFileSystem::new_with_prefix(&folder).map_err(|source| StoreError::Request {
            doing: "open",
            name: String::new(),
            place: place.clone(),
            source: Box::new(source),
        })?;
        // A backup that a power cut takes back is none.
        let inner = Arc::new(inner.with_fsync(true));
        Ok(Self { inner, prefix: Path::default(), folder: Some(folder), place })
    }

    fn s3(bucket: &str, prefix: &str) -> Result<Self, StoreError> {
        // Fails only when a provider is there already, which serves as well.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let place =
            if prefix.is_empty() { format!("s3://{bucket}") } else { format!("s3://{bucket}/{prefix}") };
        let failed = |source| StoreError::Request {
            doing: "open",
            name: String::new(),
            place: place.clone(),
            source: Box::new(source),
        };
        let inner = AmazonS3Builder::from_env().with_bucket_name(bucket).build().map_err(failed)?;
        let prefix = Path::parse(prefix)
            .map_err(|_| StoreError::BadName { name: prefix.to_owned(), place: place.clone() })?;
        Ok(Self { inner: Arc::new(inner), prefix, folder: None, place })
    }
}

impl Location {
    fn read(location: &str) -> Result<Self, StoreError> {
        let refused = |shown: &str, what: &str| {
            Err(StoreError::Location { location: shown.to_owned(), what: what.to_owned() })
        };
        match location.split_once("://") {
            None if location.is_empty() => refused("", "it is empty"),
            None => Ok(Self::Folder(PathBuf::from(location))),
            Some(("file", path)) if path.starts_with('/') => Ok(Self::Folder(PathBuf::from(path))),
            Some(("file", _)) => refused(location, "after file:// comes an absolute path"),
            Some(("s3", rest)) => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.contains(['@', ':']) {
                    return refused("s3://…", "credentials do not belong there, but into AWS_* variables");
                }
                if bucket.is_empty() {
                    return refused(location, "it names no bucket");
                }
                Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
            }
            Some((scheme, _)) => refused(&format!("{scheme}://…"), "its scheme is not known"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_buckets_are_told_apart() {
        let s3 = |bucket: &str, prefix: &str| Location::S3 { bucket: bucket.into(), prefix: prefix.into() };
        let cases = [
            ("backups", Location::Folder("backups".into())),
            ("/var/backups", Location::Folder("/var/backups".into())),
            ("file:///var/backups", Location::Folder("/var/backups".into())),
            ("s3://bucket", s3("bucket", "")),
            ("s3://bucket/", s3("bucket", "")),
            ("s3://bucket/deep/er/", s3("bucket", "deep/er")),
        ];
        for (given, read) in cases {
            assert_eq!(Location::read(given).unwrap(), read, "{given}");
        }
    }

    #[test]
    fn other_locations_are_refused_without_their_credentials() {
        let cases = [
            ("", "is empty"),
            ("file://relative", "absolute path"),
            ("s3://", "names no bucket"),
            ("s3:///prefix", "names no bucket"),
            ("s3://key:canary@bucket/p", "AWS_*"),
            ("gs://user:canary@bucket", "scheme is not known"),
        ];
        for (given, says) in cases {
            let error = Location::read(given).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("canary"), "{given}: {error}");
        }
    }

    #[test]
    fn a_bucket_is_opened_without_being_asked() {
        let store = Store::open("s3://bucket/deep/er").unwrap();
        assert_eq!(store.place(), "s3://bucket/deep/er");
        let path = store.path("job/name.dump").unwrap();
        assert_eq!(path.as_ref(), "deep/er/job/name.dump");
        assert_eq!(store.name_of(&path), "job/name.dump");
        assert_eq!(store.local_path("job/name.dump"), None);
    }

    #[test]
    fn a_missing_folder_is_named_and_made_for_a_backup_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("new");
        let location = folder.to_str().unwrap();
        assert!(Store::open(location).unwrap_err().to_string().contains("there is no folder"));
        Store::open_or_create(location).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&folder.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o700);
    }
}
