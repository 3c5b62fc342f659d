//! A sandbox before its server starts: its folder is labelled and held, and may be filled.

use std::path::{Path, PathBuf};

use super::start::Site;
use super::{Error, Installation, Options, Server, adopt, settings, template};
use crate::account::Account;
use crate::folder::{self, Folder};
use crate::leash::Leash;

/// A sandbox without a server yet. From here on its folder goes with this process; dropping it removes it.
///
/// ```no_run
/// use sabot_sandbox::postgres::{Held, Options};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let held = Held::new(Options::for_restore(None))?;
/// std::fs::create_dir(held.data_dir())?;
/// // … unpack a base backup there …
/// let server = held.start_filled().await?;
/// # server.stop().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Held {
    site: Site,
    leash: Leash,
}

impl Held {
    /// Makes the folder and holds it.
    ///
    /// # Errors
    /// When no PostgreSQL is installed, the folder cannot be written, or a setting is refused.
    pub fn new(options: Options) -> Result<Self, Error> {
        settings::validate(&options.settings)?;
        let installation = options.installation.clone().map_or_else(Installation::find, Ok)?;
        let account = Account::unprivileged();
        if account.is_none() && rustix::process::geteuid().is_root() {
            return Err(Error::NoAccount);
        }
        let kind = format!("postgres {}", installation.version);
        let Folder { id, path: root } =
            Folder::create(&options.place, &kind, options.held_for, account.as_ref())
                .map_err(Error::folder(options.place.path()))?;
        let site = Site { id, root, installation, account, options };
        let leash = site.hold().inspect_err(|_| folder::discard(&site.root))?;
        Ok(Self { site, leash })
    }

    /// The sandbox's id: in its label, in its folder's name, and in the environment of what its server starts.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.site.id
    }

    /// The sandbox's folder. What else is laid there goes with it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.site.root
    }

    /// Where data from elsewhere go; not there yet.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.site.data()
    }

    /// The binaries that an empty server would run from.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.site.installation
    }

    /// Starts a server with an empty database cluster.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_empty(self) -> Result<Server, Error> {
        let Self { site, leash } = self;
        let template = template::ensure(&site.installation, site.account.as_ref()).await?;
        let password = template.password.clone();
        site.furnish(template).await?;
        let (leash, port) = site.start_anywhere(leash).await?;
        Server::ready(site, leash, port, password).await
    }

    /// Starts a server on the data that were laid into [`data_dir`](Self::data_dir): an unpacked base backup, say. It
    /// recovers to the backup's end from the WAL that lies there and goes no further. Nothing of the configuration
    /// that came with the data holds: no archive, no primary, no subscription, no way in but the sandbox's. The
    /// superuser [`SUPERUSER`](super::SUPERUSER) is made in it, whatever the name of the one it came with.
    ///
    /// The binaries are those of the data's major version.
    ///
    /// # Errors
    /// When the data hold links or tablespaces, which would lead out of the sandbox, or need a version that is not
    /// installed, and as [`Server::start`].
    pub async fn start_filled(self) -> Result<Server, Error> {
        let Self { mut site, mut leash } = self;
        let major = adopt::major(&site.data())?;
        if major != site.installation.version.major {
            site.installation = Installation::of_major(major)?;
            let next = site.hold()?;
            std::mem::replace(&mut leash, next).leave().await;
        }
        let password = adopt::adopt(&mut site).await?;
        let (leash, port) = site.start_anywhere(leash).await?;
        Server::ready(site, leash, port, password).await
    }
}
