//! The parts that a delivery does without: nothing is said of them, and nothing else needs them; and what its tables and
//! answers may lack.

use super::Validation;
use crate::description::Delivery;
use crate::description::delivery::{Answers, Part};

impl Validation<'_> {
    pub(super) fn delivery_parts(&mut self, delivery: &Delivery) {
        let without = ["delivery", "without"];
        let parts: Vec<_> = delivery.without.iter().map(|part| format!("`{}`", part.key())).collect();
        self.once(&parts, |_| without.map(String::from).to_vec());
        self.unless(delivery.has(Part::Audit) || !delivery.has(Part::Forwarder), &without, || {
            "the forwarder reads the audit log; leave `forwarder` out too, or keep `audit`".into()
        });
        for part in Part::ALL.into_iter().filter(|part| !delivery.has(*part)) {
            for key in of_part(part, delivery) {
                let path = [&["delivery"][..], key].concat();
                self.unless(!self.tree.is_given(&path), &path, || {
                    let left_out = if delivery.without.contains(&part) { part } else { Part::Forwarder };
                    format!(
                        "`without` says that there is no {part}; leave this out, or take `{}` from there",
                        left_out.key()
                    )
                });
            }
        }
    }

    pub(super) fn tables(&mut self, delivery: &Delivery) {
        let (ledger, events) = (&delivery.ledger, &delivery.events);
        for (table, keys, there) in [
            (
                "ledger",
                vec![
                    ("table", &ledger.table),
                    ("provider_id", &ledger.provider_id),
                    ("classification", &ledger.classification),
                    ("delivered_at", &ledger.delivered_at),
                ],
                true,
            ),
            (
                "events",
                vec![
                    ("table", &events.table),
                    ("provider_id", &events.provider_id),
                    ("event", &events.event),
                    ("event_time", &events.event_time),
                ],
                delivery.has(Part::Events),
            ),
        ] {
            for (key, name) in keys.into_iter().filter(|_| there) {
                self.unless(!name.is_empty(), &["delivery", table, key], || {
                    "this is empty; nothing can be judged without it, so name it".into()
                });
            }
        }
        self.needed_columns(delivery);
        self.ledger_further(delivery);
    }

    /// Columns of the ledger that only some parts need.
    fn needed_columns(&mut self, delivery: &Delivery) {
        let ledger = &delivery.ledger;
        let (forwarder, overdue) = (Part::Forwarder, Part::Overdue);
        for (key, column, needed_by) in [
            ("audit_id", &ledger.audit_id, &[forwarder, overdue][..]),
            ("sent_at", &ledger.sent_at, &[forwarder, overdue]),
            ("template_kind", &ledger.template_kind, &[forwarder]),
        ] {
            let needs = needed_by.iter().find(|part| column.is_empty() && delivery.has(**part));
            if let Some(part) = needs {
                let key_of_it = part.key();
                let what = format!(
                    "the {part} can't be judged without this column; name it, or add `{key_of_it}` to `without`"
                );
                self.wrong(&["delivery", "ledger", key], what);
            }
        }
    }

    fn ledger_further(&mut self, delivery: &Delivery) {
        let ledger = &delivery.ledger;
        let named = [
            ("audit_id", &ledger.audit_id),
            ("sent_at", &ledger.sent_at),
            ("provider", &ledger.provider),
            ("provider_id", &ledger.provider_id),
            ("recipient", &ledger.recipient),
            ("template_kind", &ledger.template_kind),
            ("classification", &ledger.classification),
        ];
        for (column, expression) in &ledger.further {
            let at = ["delivery", "ledger", "further", column];
            self.unless(!expression.trim().is_empty(), &at, || {
                "this is empty; give an SQL expression such as 1 or 'order'".into()
            });
            let filled = named.iter().find(|(_, name)| *name == column);
            self.unless(filled.is_none(), &at, || {
                let key = filled.map_or("", |(key, _)| key);
                format!("`{column}` is filled already, as `{key}`; leave it out here, or set `{key}` to \"\"")
            });
        }
    }

    pub(super) fn answers(&mut self, answers: &Answers) {
        let at = ["delivery", "answers", "statuses"];
        self.unless(!answers.statuses.is_empty(), &at, || {
            "no status says that an event was taken; give one such as 200".into()
        });
        for status in answers.statuses.iter().filter(|status| !(200..=299).contains(*status)) {
            let what = format!("{status} is no status of what was taken; take some from 200 to 299");
            self.wrong(&at, what);
        }
    }
}

/// The keys below `[delivery]` that say something of `part` alone.
fn of_part(part: Part, delivery: &Delivery) -> &'static [&'static [&'static str]] {
    match part {
        Part::Forwarder => &[&["forwarder"]],
        Part::Cursor => &[&["cursor"]],
        Part::Audit => &[&["audit"]],
        Part::Events => &[&["events"]],
        Part::Overdue => &[&["overdue"]],
        Part::Metrics => &[&["metrics"]],
        // The rest names what stands in the forwarder's registry too.
        Part::Declared if delivery.has(Part::Forwarder) => {
            &[&["declared", "path"], &["declared", "credential"]]
        }
        Part::Declared => &[&["declared"]],
        Part::Batch => &[
            &["webhook", "array_limit"],
            &["webhook", "array_length"],
            &["answers", "accepted"],
            &["answers", "invalid"],
        ],
        Part::EventLimit => &[&["webhook", "event_limit"]],
        Part::RetryAfter | Part::Lock => &[],
    }
}
