//! What `psql` and `pg_restore` say on standard error: every message with its statement, and which mean no harm.

use std::collections::BTreeSet;

/// One message with all that belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// The tool's words, details and context included.
    pub(super) text: String,
    /// The statement that it is about, where the tool says that.
    pub(super) statement: String,
    /// What it is about in the dump, where the tool says that.
    pub(super) subject: String,
    /// Whether it is merely a warning.
    pub(super) is_warning: bool,
}

/// What a tool said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Its messages in their order.
    pub(super) messages: Vec<Message>,
    /// How many errors it says that it ignored.
    pub(super) ignored: Option<u64>,
}

#[cfg(test)]
impl Said {
    /// How many of them are errors.
    fn errors(&self) -> u64 {
        self.messages.iter().filter(|message| !message.is_warning).count() as u64
    }
}

/// Reads the messages of `pg_restore`.
pub(super) fn of_pg_restore(lines: &[String]) -> Said {
    let (mut said, mut entry) = (Said::default(), String::new());
    for line in lines {
        let Some(words) = line.strip_prefix("pg_restore: ") else {
            match (said.messages.last_mut(), line.strip_prefix("Command was: ")) {
                (Some(last), Some(command)) => command.clone_into(&mut last.statement),
                (Some(last), None) => last.add(line),
                // Not by the tool itself: what stands for it, or the loader of programs.
                (None, _) => said.messages.push(Message::new(line, line, &entry)),
            }
            continue;
        };
        if let Some(count) = words.strip_prefix("warning: errors ignored on restore: ") {
            said.ignored = Some(said.ignored.unwrap_or(0) + count.trim().parse().unwrap_or(0));
        } else if let Some(of) = words.strip_prefix("from TOC entry ") {
            of.clone_into(&mut entry);
        } else if !words.starts_with("while ") {
            said.messages.push(Message::new(line, words, &entry));
        }
    }
    said
}

/// Reads the messages of `psql --echo-errors`.
pub(super) fn of_psql(lines: &[String]) -> Said {
    let mut said = Said::default();
    for line in lines {
        let (place, words) = line.strip_prefix("psql:").map_or((None, line.as_str()), |words| {
            let (place, words) = place(words);
            (Some(place), words)
        });
        match (words.strip_prefix("STATEMENT:  "), place, said.messages.last_mut()) {
            (Some(statement), _, Some(last)) => statement.clone_into(&mut last.statement),
            (_, Some(place), _) => said.messages.push(Message::new(words, words, place)),
            // A statement of several lines goes on below.
            (None, None, Some(last)) if !last.statement.is_empty() => {
                last.statement.push('\n');
                last.statement.push_str(line);
            }
            (_, None, Some(last)) => last.add(line),
            (_, None, None) => said.messages.push(Message::new(line, line, "")),
        }
    }
    said.messages.retain(|message| !message.is_notice());
    said
}

/// Parts `file:line: ` from what follows it.
fn place(words: &str) -> (&str, &str) {
    let Some((place, rest)) = words.split_once(": ") else { return ("", words.trim_start()) };
    match place.rsplit_once(':') {
        Some((_, line)) if !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit()) => {
            (line, rest.trim_start())
        }
        _ => ("", words.trim_start()),
    }
}

impl Message {
    fn new(text: &str, words: &str, subject: &str) -> Self {
        let is_warning = words.starts_with("warning: ") || words.starts_with("WARNING:");
        Self { text: text.to_owned(), subject: subject.to_owned(), is_warning, ..Self::default() }
    }

    fn add(&mut self, line: &str) {
        if !line.is_empty() {
            self.text.push('\n');
            self.text.push_str(line);
        }
    }

    fn is_notice(&self) -> bool {
        ["NOTICE:", "INFO:", "LOG:", "DEBUG:"].iter().any(|sort| self.text.starts_with(sort))
    }

    /// The server's words in it, without their details.
    fn error(&self) -> &str {
        let first = self.text.lines().next().unwrap_or_default();
        first.rsplit_once("ERROR:").map_or(first, |(_, words)| words).trim()
    }
}

/// What a fresh server has before anything is restored.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    /// Its roles, those included that were made for owners and grantees.
    pub(super) roles: BTreeSet<String>,
}

impl Fresh {
    /// Why a message means no harm; `None` for an error that does.
    pub(super) fn harmless(&self, message: &Message) -> Option<&'static str> {
        if message.is_warning {
            return Some("a warning: the statement was carried out");
        }
        let (error, statement) = (message.error(), message.statement.trim());
        let of_role = |verb: &str| {
            let rest = statement.strip_prefix(verb)?;
            let rest = rest.strip_prefix("IF EXISTS ").unwrap_or(rest);
            super::sql::name(rest).map(|(name, _)| self.roles.contains(&name))
        };
        if of_role("CREATE ROLE ") == Some(true) && error.ends_with("already exists") {
            return Some(
                "the server has this role from the start: its superuser, or an owner made beforehand",
            );
        }
        let kept = error.contains("cannot be dropped") || error.starts_with("cannot drop role");
        if kept && of_role("DROP ROLE ") == Some(true) {
            return Some("the server's own superuser stays; the dump makes it anew only to find it there");
        }
        if statement.starts_with("DROP ") && error.ends_with("does not exist") {
            return Some("what is dropped before it is made anew is lacking on an empty server");
        }
        if statement == "CREATE SCHEMA public;" && error == "schema \"public\" already exists" {
            return Some("every database has this schema from the start");
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn each_error_of_pg_restore_is_kept_with_its_statement() {
        let said = of_pg_restore(&lines(
            "pg_restore: while PROCESSING TOC:\n\
             pg_restore: from TOC entry 215; 1259 16385 TABLE shoe alice\n\
             pg_restore: error: could not execute query: ERROR:  role \"alice\" does not exist\n\
             Command was: ALTER TABLE public.shoe OWNER TO alice;\n\n\n\
             pg_restore: error: COPY failed for table \"shoe\": ERROR:  invalid input\n\
             CONTEXT:  COPY shoe, line 3\n\
             pg_restore: warning: errors ignored on restore: 2",
        ));
        assert_eq!((said.errors(), said.ignored), (2, Some(2)));
        assert_eq!(said.messages[0].statement, "ALTER TABLE public.shoe OWNER TO alice;");
        assert_eq!(said.messages[0].subject, "215; 1259 16385 TABLE shoe alice");
        assert!(said.messages[1].text.ends_with("CONTEXT:  COPY shoe, line 3"));
        assert!(said.messages.iter().all(|message| Fresh::default().harmless(message).is_none()));
    }

    #[test]
    fn the_harmless_of_psql_are_told_from_the_others_by_their_statement() {
        let said = of_psql(&lines(
            "psql:/x/f:12: NOTICE:  role \"alice\" does not exist, skipping\n\
             psql:/x/f:13: ERROR:  role \"boss\" already exists\n\
             psql:/x/f:13: STATEMENT:  CREATE ROLE boss;\n\
             psql:/x/f:14: ERROR:  role \"alice\" already exists\n\
             STATEMENT:  CREATE ROLE alice;\n\
             psql:/x/f:15: ERROR:  database \"a\" does not exist\n\
             STATEMENT:  DROP DATABASE a;\n\
             psql:/x/f:16: ERROR:  database \"a\" does not exist\n\
             STATEMENT:  ALTER DATABASE a\n\
             SET x = y;\n\
             psql:/x/f:17: error: invalid command \\restrict\n\
             psql:/x/f:18: WARNING:  there is no transaction in progress\n\
             psql:/x/f:19: ERROR:  cannot drop role boss because it is required by the database system\n\
             STATEMENT:  DROP ROLE IF EXISTS boss;",
        ));
        let fresh = Fresh { roles: BTreeSet::from(["boss".into()]) };
        let harmless: Vec<_> =
            said.messages.iter().map(|message| fresh.harmless(message).is_some()).collect();
        assert_eq!(harmless, [true, false, true, false, false, true, true]);
        assert_eq!(said.messages[3].statement, "ALTER DATABASE a\nSET x = y;");
        assert_eq!(said.messages[0].subject, "13");
    }

    #[test]
    fn words_of_nobody_known_are_an_error() {
        for said in [of_pg_restore(&lines("sh: not found")), of_psql(&lines("sh: not found"))] {
            assert_eq!(said.errors(), 1);
        }
    }
}
