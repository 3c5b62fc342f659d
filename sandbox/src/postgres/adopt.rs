//! Data that come from elsewhere: made harmless, given to the server's account, and given our superuser.

use std::collections::VecDeque;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::start::Site;
use super::{Error, Installation, MARK, SUPERUSER, TOOLS};
use crate::account::Account;
use crate::folder;
use crate::leash::{Exit, Spec};
use crate::random;

/// What a data folder brings along that would steer the server: to follow its source, to fetch WAL from an archive, to
/// take another server for its own.
const STEERING: [&str; 7] = [
    "recovery.signal",
    "standby.signal",
    "recovery.conf",
    "postgresql.auto.conf",
    "pg_ident.conf",
    "postmaster.pid",
    "postmaster.opts",
];

/// The whole of `pg_controldata` is a few lines.
const CONTROL_LIMIT: Duration = Duration::from_secs(10);

/// The major version that the data were written by.
pub(super) fn major(data: &Path) -> Result<u32, Error> {
    let file = data.join("PG_VERSION");
    let refuse = |reason| Error::Data { path: file.clone(), reason };
    let text = std::fs::read_to_string(&file)
        .map_err(|_| refuse("it is not there: these are no data of PostgreSQL"))?;
    text.trim().parse().map_err(|_| refuse("it does not hold a major version"))
}

/// Makes the data ready for a start; returns the superuser's password.
pub(super) async fn adopt(site: &mut Site) -> Result<String, Error> {
    let (data, account) = (site.data(), site.account.clone());
    tokio::task::spawn_blocking(move || tame(&data, account.as_ref()))
        .await
        .map_err(io::Error::other)
        .map_err(Error::folder(site.data()))??;
    site.shut()?;
    // Prepared transactions that the data hold have to fit, or it does not start.
    let prepared = prepared_transactions(site).await?;
    site.options.settings.entry("max_prepared_transactions".to_owned()).or_insert(prepared);
    // No port is opened in single-user mode; this one is overwritten by the start.
    site.configure(5432)?;
    let password = random::hex(16).map_err(Error::folder(&site.root))?;
    make_superuser(site, &password).await?;
    Ok(password)
}

/// Takes away what steers, refuses what leads out, and gives all of it to the account. It blocks.
fn tame(data: &Path, account: Option<&Account>) -> Result<(), Error> {
    let mapped = std::fs::metadata(data.join("tablespace_map")).is_ok_and(|map| map.len() > 0);
    if mapped {
        let reason =
            "the data have tablespaces, which lie outside of the data folder; a logical backup has none";
        return Err(Error::Data { path: data.join("tablespace_map"), reason });
    }
    for name in STEERING {
        match std::fs::remove_file(data.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::folder(data.join(name))(error));
            }
            _ => {}
        }
    }
    // Slots would keep WAL for somebody who never comes, and a logical one stops a server that keeps little WAL.
    let slots = data.join("pg_replslot");
    if std::fs::symlink_metadata(&slots).is_ok_and(|slots| slots.is_dir()) {
        std::fs::remove_dir_all(&slots)
            .and_then(|()| std::fs::create_dir(&slots))
            .map_err(Error::folder(&slots))?;
    }
    give_all(data, account)
}

/// Owner and rights of every file and folder, as PostgreSQL demands them. A link is refused: what it leads to is not
/// ours to write.
fn give_all(data: &Path, account: Option<&Account>) -> Result<(), Error> {
    let mut waiting = VecDeque::from([data.to_owned()]);
    while let Some(path) = waiting.pop_front() {
        let failed = || Error::folder(&path);
        let kind = std::fs::symlink_metadata(&path).map_err(failed())?.file_type();
        if !kind.is_dir() && !kind.is_file() {
            let reason = "it is neither a file nor a folder; tablespaces and links lead out of the sandbox";
            return Err(Error::Data { path, reason });
        }
        let mode = if kind.is_dir() { 0o700 } else { 0o600 };
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(failed())?;
        if let Some(account) = account {
            lchown(&path, Some(account.uid), Some(account.gid)).map_err(failed())?;
        }
        if kind.is_dir() {
            for entry in std::fs::read_dir(&path).map_err(failed())? {
                waiting.push_back(entry.map_err(failed())?.path());
            }
        }
    }
    Ok(())
}

/// `max_prepared_transactions` of the server that wrote the data, from its control file.
async fn prepared_transactions(site: &Site) -> Result<String, Error> {
    let printed = site.root.join("control");
    let open = || File::create(&printed).map_err(Error::folder(&printed));
    let own = Some(site.installation.program("pg_controldata")).filter(|program| program.is_file());
    let debian =
        || Installation::of_major(site.installation.version.major).map(|one| one.program("pg_controldata"));
    let spec = Spec::new(own.map_or_else(debian, Ok)?).arg("-D").arg(site.data());
    let exit = run(site, spec.stdout(open()?), CONTROL_LIMIT).await?;
    let text = std::fs::read_to_string(&printed).map_err(Error::folder(&printed))?;
    let setting = text.lines().find_map(|line| line.strip_prefix("max_prepared_xacts setting:"));
    match setting {
        Some(setting) => Ok(setting.trim().to_owned()),
        None => Err(Error::Ended {
            exit,
            log: format!("pg_controldata printed no settings\n{}", site.log_tail(5)),
        }),
    }
}

/// Makes the superuser in single-user mode, which needs to know neither names nor passwords of the source. The server
/// recovers to the backup's end on the way.
async fn make_superuser(site: &Site, password: &str) -> Result<(), Error> {
    // One statement a line. The first fails where the role is there already, and the others make it ours.
    let statements = format!(
        "CREATE ROLE {SUPERUSER};\n\
         ALTER ROLE {SUPERUSER} RESET ALL;\n\
         ALTER ROLE {SUPERUSER} SUPERUSER LOGIN REPLICATION CONNECTION LIMIT -1 VALID UNTIL 'infinity' \
         PASSWORD '{password}';\n"
    );
    let file = site.root.join("superuser.sql");
    folder::write(&file, &statements, site.account.as_ref()).map_err(Error::folder(&file))?;
    let spec = Spec::new("/bin/sh")
        .args(["-c", r#"exec "$0" --single -D "$1" template1 <"$2""#])
        .arg(site.installation.program("postgres"))
        .arg(site.data())
        .arg(&file)
        .stdout(Stdio::null());
    let exit = run(site, spec, site.options.start_limit).await;
    std::fs::remove_file(&file).map_err(Error::folder(&file))?;
    match exit? {
        exit if exit.is_success() => Ok(()),
        exit => Err(Error::Ended { exit, log: site.log_tail(20) }),
    }
}

/// Runs a program as the server's account, its messages in the server's log.
async fn run(site: &Site, spec: Spec, limit: Duration) -> Result<Exit, Error> {
    let log = File::options().append(true).open(site.log()).map_err(Error::folder(site.log()))?;
    let leash = spec
        .env_clear()
        .env("PATH", TOOLS)
        .env("LC_ALL", "C.UTF-8")
        .env(MARK, &site.id)
        .cwd("/")
        .stderr(log)
        .account(site.account.clone())
        .start()
        .await?;
    let exit = tokio::time::timeout(limit, leash.exited()).await;
    leash.stop().await;
    exit.map_err(|_| Error::NotReady { seconds: limit.as_secs(), log: site.log_tail(20) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_out_of_the_sandbox_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join("pg_tblspc")).unwrap();
        tame(&data, None).unwrap();
        std::os::unix::fs::symlink(folder.path(), data.join("pg_tblspc/16999")).unwrap();
        let error = tame(&data, None).unwrap_err().to_string();
        assert!(error.contains("pg_tblspc/16999") && error.contains("tablespaces"), "{error}");
        std::fs::remove_file(data.join("pg_tblspc/16999")).unwrap();
        std::fs::write(data.join("tablespace_map"), "16999 /srv/fast\n").unwrap();
        let error = tame(&data, None).unwrap_err().to_string();
        assert!(error.contains("tablespace_map"), "{error}");
    }

    #[test]
    fn what_steers_a_server_to_its_source_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        for name in STEERING {
            std::fs::write(folder.path().join(name), "primary_conninfo = 'host=source'\n").unwrap();
        }
        std::fs::write(folder.path().join("PG_VERSION"), "15\n").unwrap();
        tame(folder.path(), None).unwrap();
        let left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["PG_VERSION"]);
        assert_eq!(major(folder.path()).unwrap(), 15);
    }
}
