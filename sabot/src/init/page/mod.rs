//! The description as it is written: what was recognised with its reasons, what was not as keys to be filled in.

mod readiness;
mod system;
mod text;
mod tracks;

use super::guess::{Guess, Role};
use super::{Schema, Seen, Source};
use text::{plain, quoted, slug};

/// What marks a line that waits for its user.
const EDIT: &str = "# EDIT:";

/// What was seen, to be written down.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    /// The database, where one was looked at.
    pub(crate) database: Option<Looked<'a>>,
    /// The services.
    pub(crate) services: &'a [Seen],
}

/// A database that was looked at.
#[derive(Debug)]
pub(crate) struct Looked<'a> {
    pub(crate) source: &'a Source,
    pub(crate) schema: &'a Schema,
    /// How many tables it has.
    pub(crate) tables: usize,
    pub(crate) guesses: &'a [Guess<'a>],
}

impl Looked<'_> {
    fn guess(&self, role: Role) -> Option<&Guess<'_>> {
        self.guesses.iter().find(|guess| guess.role == role)
    }
}

impl Page<'_> {
    /// The whole file.
    pub(crate) fn text(&self) -> String {
        let mut text = self.head();
        self.databases(&mut text);
        self.each_service(&mut text);
        self.readiness(&mut text);
        self.propagation(&mut text);
        self.delivery(&mut text);
        text += REST;
        text
    }

    fn head(&self) -> String {
        let database = self
            .database
            .iter()
            .map(|looked| format!("the database {} ({} tables)", plain(&looked.source.place), looked.tables));
        let services = self.services.iter().map(|seen| format!("{} at {}", seen.name, plain(&seen.url)));
        let seen = database.chain(services).collect::<Vec<_>>().join(", ");
        format!(
            "# Written by `sabot init` after a look at {seen}.\n\
             # A guess says what it was made from. Lines that wait for you are marked `{EDIT}`.\n\
             # Sabot starts what is described here on throwaway databases; what was looked at is not touched again.\n\n\
             [target]\nname = {}\n",
            quoted(&self.name())
        )
    }

    /// What the whole is called: as its database, else as its first service.
    fn name(&self) -> String {
        let database = self.database.as_ref().map(|looked| looked.source.name.clone());
        database
            .or_else(|| self.services.first().map(|seen| seen.name.clone()))
            .unwrap_or_else(|| "app".into())
    }

    /// The database's name in the description, where it has one.
    fn database_name(&self) -> Option<String> {
        let looked = self.database.as_ref().map(|looked| slug(&looked.source.name));
        // A dependency that is a database is reached by a wire that leads to one.
        looked.or_else(|| self.has_database_row().then(|| "main".to_owned()))
    }

    /// The services by name; one that has to be given where none was looked at.
    fn service_names(&self) -> Vec<String> {
        if self.services.is_empty() {
            return vec!["app".to_owned()];
        }
        self.services.iter().map(|seen| seen.name.clone()).collect()
    }
}

/// What can't be seen from outside.
const REST: &str = "
# ---- Recovery and contract ----
# Neither shows in a database or in an answer. [recovery.alerts] names files with alert rules, [recovery.backups] what is
# backed up; [contract] names the sources that declare kinds of events, and the registry that says who consumes each.
";

/// The lines that wait for the user: number and what is asked.
pub(crate) fn edits(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate().skip(3);
    lines.filter_map(|(place, line)| Some((place + 1, line.split_once(EDIT)?.1.trim()))).collect()
}
