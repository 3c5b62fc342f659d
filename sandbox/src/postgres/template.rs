//! The cached result of `initdb`, made once per version.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Error, Installation, SUPERUSER, TOOLS, copy};
use crate::account::Account;
use crate::cache::cache_folder;
use crate::folder::{self, Folder, Place};
use crate::leash::{Exit, Leash, Spec};
use crate::random;

/// Changes whenever templates are made in another way, so that an old one is not taken for a new one.
const RECIPE: u32 = 1;

/// `initdb` takes about a second; a slow disk with others at work, ten times that.
const INITDB_LIMIT: Duration = Duration::from_secs(120);

/// A data folder to copy, and the superuser's password in it.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) data: PathBuf,
    pub(super) password: String,
}

/// The template of this version; made if there is none yet.
pub(super) async fn ensure(
    installation: &Installation,
    account: Option<&Account>,
) -> Result<Template, Error> {
    let cache = cache_folder().ok_or(Error::NoCache)?;
    let name = format!("postgres-{}-{RECIPE}", installation.version);
    let template = cache.join(&name);
    if let Some(found) = read(&template) {
        return Ok(found);
    }
    let unusable = |source| Error::Cache { folder: cache.clone(), source };
    std::fs::create_dir_all(&cache).map_err(unusable)?;
    // Held until the end of this function, or of the process.
    let _lock = lock(&cache.join(format!("{name}.lock")), &template).await?;
    if let Some(found) = read(&template) {
        return Ok(found);
    }
    let draft = Draft(cache.join(format!(".{name}-{}", random::hex(8).map_err(unusable)?)));
    folder::make(&draft.0, None).map_err(unusable)?;
    let password = random::hex(16).map_err(unusable)?;
    initdb(installation, account, &password, &draft.0).await?;
    folder::write(&draft.0.join("password"), &password, None).map_err(unusable)?;
    std::fs::rename(&draft.0, &template).map_err(unusable)?;
    read(&template).ok_or_else(|| unusable(io::ErrorKind::NotFound.into()))
}

/// A template is there as a whole or not at all: it comes by a rename.
fn read(template: &Path) -> Option<Template> {
    let password = std::fs::read_to_string(template.join("password")).ok()?;
    Some(Template { data: template.join("data"), password })
}

/// A folder that is removed unless it was renamed.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        folder::discard(&self.0);
    }
}

/// A lock that goes with the process, so that a killed one leaves none behind.
async fn lock(path: &Path, template: &Path) -> Result<File, Error> {
    let unusable = |source| Error::Cache { folder: path.to_owned(), source };
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(unusable)?;
    let locked = tokio::time::timeout(INITDB_LIMIT, async {
        // The system tells nobody when a lock is free without blocking a thread, which could not be given up.
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(TryLockError::Error(source)) => return Err(source),
            }
        }
    });
    match locked.await {
        Ok(Ok(())) => Ok(file),
        Ok(Err(source)) => Err(unusable(source)),
        Err(_) => {
            Err(Error::TemplateLocked { template: template.to_owned(), seconds: INITDB_LIMIT.as_secs() })
        }
    }
}

/// Makes a cluster in a sandbox folder, where the server's account may write, and copies it into the draft.
async fn initdb(
    installation: &Installation,
    account: Option<&Account>,
    password: &str,
    draft: &Path,
) -> Result<(), Error> {
    let folder = Folder::create(&Place::Auto, "initdb", INITDB_LIMIT * 2, account)
        .map_err(Error::folder(Place::Auto.path()))?;
    let folder = folder.path;
    let (leash, mut output) =
        hold_initdb(installation, account, &folder).inspect_err(|_| folder::discard(&folder))?;
    folder::write(&folder.join("pwfile"), password, account).map_err(Error::folder(&folder))?;
    leash.start().await?;
    let exit = tokio::time::timeout(INITDB_LIMIT, leash.exited()).await.unwrap_or(Exit::Lost);
    if !exit.is_success() {
        let mut printed = String::new();
        // What cannot be read is missing from the message, and no more.
        let _ = output.rewind().and_then(|()| output.read_to_string(&mut printed));
        leash.stop().await;
        return Err(Error::Initdb { exit, output: printed });
    }
    let (from, to) = (folder.join("data"), draft.join("data"));
    let copied = copy::tree(from, to, None).await;
    leash.stop().await;
    copied.map_err(|source| Error::Cache { folder: draft.to_owned(), source })
}

/// `initdb` on a leash that holds the folder too, and the file that it prints to.
fn hold_initdb(
    installation: &Installation,
    account: Option<&Account>,
    folder: &Path,
) -> Result<(Leash, File), Error> {
    let open = || {
        let path = folder.join("output");
        let output = File::options().create_new(true).read(true).write(true).open(path)?;
        Ok((output.try_clone()?, output.try_clone()?, output))
    };
    let (stdout, stderr, output) = open().map_err(Error::folder(folder))?;
    let leash = Spec::new(installation.program("initdb"))
        .arg("--pgdata")
        .arg(folder.join("data"))
        .arg("--pwfile")
        .arg(folder.join("pwfile"))
        .arg(format!("--username={SUPERUSER}"))
        .args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
        .env_clear()
        .env("PATH", TOOLS)
        .env("LC_ALL", "C.UTF-8")
        .cwd("/")
        .stdout(stdout)
        .stderr(stderr)
        .folder(folder)
        .account(account.cloned())
        .hold()?;
    Ok((leash, output))
}
