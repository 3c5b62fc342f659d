//! What `mongorestore` says on standard error, and which of it is an error.

/// What it said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Lines that tell of an error.
    pub(super) errors: Vec<String>,
    /// How many documents it says it restored, and how many it could not.
    pub(super) documents: Option<(u64, u64)>,
}

/// How lines begin that tell what is being done. They name collections, which may be called anything.
const PROGRESS: [&str; 12] = [
    "restoring ",
    "reading metadata for ",
    "preparing collections to restore from",
    "dropping collection ",
    "no indexes to restore",
    "index: ",
    "using write concern",
    "using default write concern",
    "options for collection ",
    "skipping ",
    "building indexes",
    "[",
];

/// Reads its lines. (`common/log` and `mongorestore/main` of MongoDB's tools: a time, a tab, the message.)
pub(super) fn read(lines: &[String]) -> Said {
    let mut said = Said::default();
    for line in lines {
        let message = line.split_once('\t').map_or(line.as_str(), |(_, message)| message).trim();
        if let Some(documents) = summary(message) {
            said.documents = Some(documents);
        } else if is_error(message) {
            said.errors.push(message.to_owned());
        }
    }
    said
}

/// `3 document(s) restored successfully. 0 document(s) failed to restore.`
fn summary(message: &str) -> Option<(u64, u64)> {
    let (restored, rest) = message.split_once(" document(s) restored successfully. ")?;
    let (failed, _) = rest.split_once(" document(s) failed to restore")?;
    Some((restored.parse().ok()?, failed.parse().ok()?))
}

fn is_error(message: &str) -> bool {
    if PROGRESS.iter().any(|start| message.starts_with(start)) {
        return false;
    }
    // `finished restoring shop.errors (3 documents, 0 failures)`
    if let Some(rest) = message.strip_prefix("finished restoring ") {
        return !rest.ends_with(", 0 failures)");
    }
    let message = message.to_lowercase();
    ["error", "fail", "corrupt", "mismatch", "unfinished", "still outs", "panic", "refused", "duplicate"]
        .iter()
        .any(|word| message.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        read(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn progress_is_no_error_whatever_collections_are_called() {
        let said = said(
            "2026-11-23T03:00:00.123+0000\tpreparing collections to restore from\n\
             2026-11-23T03:00:00.123+0000\treading metadata for shop.errors from archive 'a.gz'\n\
             2026-11-23T03:00:00.123+0000\trestoring shop.errors from archive 'a.gz'\n\
             2026-11-23T03:00:00.123+0000\tfinished restoring shop.errors (3 documents, 0 failures)\n\
             2026-11-23T03:00:00.123+0000\tno indexes to restore for collection shop.failed\n\
             2026-11-23T03:00:00.123+0000\t3 document(s) restored successfully. 0 document(s) failed to restore.\n",
        );
        assert_eq!(said, Said { errors: Vec::new(), documents: Some((3, 0)) });
    }

    #[test]
    fn every_kind_of_error_is_kept() {
        let errors = [
            "continuing through error: E11000 duplicate key error collection: shop.shoes index: _id_",
            "finished restoring shop.shoes (2 documents, 1 failure)",
            "Failed: shop.shoes: error restoring from archive 'a.gz': reading bson input: EOF",
            "demux finishing when there are still outs (1)",
            "Failed: restore error: CRC mismatch for namespace shop.shoes, 1!=2",
            "Failed: corruption found in archive; 7 is neither a valid bson length nor a archive terminator",
        ];
        let text = errors.map(|error| format!("2026-11-23T03:00:00.123+0000\t{error}")).join("\n");
        let said =
            said(&format!("{text}\n2 document(s) restored successfully. 1 document(s) failed to restore.\n"));
        assert_eq!(said.errors, errors);
        assert_eq!(said.documents, Some((2, 1)));
    }
}
