//! What a target's propagation goes without: nothing more is said of it.

use super::Validation;
use crate::description::Propagation;
use crate::description::propagation::Part;

/// Of each part what is said of it and of nothing else.
const KEYS: &[(Part, &[&[&str]])] = &[
    (Part::Trail, &[&["trail"], &["audit"]]),
    (Part::Metrics, &[&["metrics"]]),
    (Part::DeadLetters, &[&["dead_letters"]]),
    (Part::Registry, &[&["registry"]]),
    (Part::Bell, &[&["queue", "ring"], &["marks", "listen"], &["marks", "probe"], &["marks", "bell"]]),
    (Part::Superseded, &[&["marks", "supersede"], &["marks", "newer"], &["marks", "in_flight"]]),
    (Part::Patience, &[&["marks", "patience"]]),
    (Part::Redaction, &[&["queue", "error_limit"]]),
];

/// What an answer says beside its status.
const ANSWER: [&str; 4] = ["applied", "skipped", "reason", "harmless"];

impl Validation<'_> {
    pub(super) fn parts(&mut self, propagation: &Propagation) {
        for (part, keys) in KEYS.iter().filter(|(part, _)| !propagation.has(*part)) {
            for key in *keys {
                self.left_out(&[&["propagation"], *key].concat(), *part);
            }
        }
        for (place, change) in propagation.changes.iter().enumerate() {
            if !propagation.has(Part::Trail) && !change.audited.is_empty() {
                self.left_out(&["propagation", "changes", &place.to_string(), "audited"], Part::Trail);
            }
        }
        for (place, kind) in propagation.kinds.iter().enumerate() {
            let path = ["propagation", "kinds", &place.to_string(), "superseded"];
            self.unless(propagation.has(Part::Superseded) || !kind.superseded, &path, || {
                format!("{}; say false here, or take that out of `without`", without(Part::Superseded))
            });
        }
        if propagation.downstream.says_outcome() {
            return;
        }
        for key in ANSWER {
            let path = ["propagation", "downstream", key];
            self.unless(!self.tree.is_given(&path), &path, || {
                "an answer's status alone says what became of a call, as `outcome` is empty; leave this out"
                    .into()
            });
        }
    }

    fn left_out(&mut self, path: &[&str], part: Part) {
        self.unless(!self.tree.is_given(path), path, || {
            format!("{}; leave this out, or take that out of `without`", without(part))
        });
    }
}

fn without(part: Part) -> String {
    format!("propagation has no {}, as `without` says", part.told())
}
