//! What an audit log looks like.

use super::{DOCUMENT, KEY, Shape, TENANT, WORD, part};
use crate::init::table::Sort::{Text, Time};

/// Who did what when.
pub(in crate::init) const AUDIT: Shape = Shape {
    what: "audit log",
    names: &["audit", "log", "history", "activity", "trail", "journal", "events"],
    parts: &[
        part(
            "actor",
            &[
                "actor",
                "actor_id",
                "user_id",
                "who",
                "performed_by",
                "done_by",
                "changed_by",
                "username",
                "author",
            ],
            KEY,
            25,
            "says who did it",
        ),
        part(
            "created_at",
            &[
                "created_at",
                "at",
                "occurred_at",
                "happened_at",
                "logged_at",
                "inserted_at",
                "recorded_at",
                "timestamp",
                "ts",
            ],
            &[Time],
            15,
            "says when",
        ),
        part(
            "kind",
            &["kind", "action", "event", "event_type", "type", "verb", "operation", "what"],
            WORD,
            20,
            "says what was done",
        ),
        part(
            "payload",
            &["payload", "data", "details", "metadata", "changes", "diff", "context"],
            DOCUMENT,
            15,
            "holds the rest",
        ),
        part(
            "summary",
            &["summary", "description", "message", "note", "text"],
            &[Text],
            8,
            "tells it in words",
        ),
        part("team_id", TENANT, KEY, 2, "says whose it is"),
        part("id", &["id"], KEY, 5, "is its id"),
    ],
    needed: &[&["kind"], &["created_at"], &["actor", "summary"]],
};
