//! The unprivileged account that a server runs under when its owner is root.

use std::path::Path;

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name, as in `/etc/passwd`.
    pub name: String,
    /// The number of the user.
    pub uid: u32,
    /// The number of its main group.
    pub gid: u32,
}

impl Account {
    /// The account that a server must run under: none unless the owner is root, since PostgreSQL refuses root; then
    /// `postgres`, which Debian's package makes, else `nobody`.
    #[must_use]
    pub fn unprivileged() -> Option<Self> {
        rustix::process::geteuid().is_root().then(Self::servant).flatten()
    }

    fn servant() -> Option<Self> {
        let users = std::fs::read_to_string(Path::new("/etc/passwd")).ok()?;
        ["postgres", "nobody"].into_iter().find_map(|name| Self::parse(&users, name))
    }

    fn parse(users: &str, name: &str) -> Option<Self> {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        let uid = fields.next()?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Self { name: name.to_owned(), uid, gid })
    }

    /// The arguments with which `setpriv` becomes this account.
    pub(crate) fn setpriv_args(&self) -> [String; 3] {
        [format!("--reuid={}", self.uid), format!("--regid={}", self.gid), "--clear-groups".to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let users = "root:x:0:0::/root:/bin/sh\npostgres2:x:9:9::/:/bin/sh\npostgres:x:101:104::/:/bin/sh\n";
        let account = Account::parse(users, "postgres").unwrap();
        assert_eq!((account.uid, account.gid), (101, 104));
        assert_eq!(Account::parse(users, "nobody"), None);
    }
}
