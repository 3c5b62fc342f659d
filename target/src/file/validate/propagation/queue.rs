//! The queue: its table, its columns, and what tells a lease without a column for it.

use super::Validation;
use crate::description::Propagation;
use crate::description::propagation::Queue;

impl Validation<'_> {
    pub(super) fn queue(&mut self, propagation: &Propagation) {
        let queue = &propagation.queue;
        let at = |key| ["propagation", "queue", key];
        let parts: Vec<_> = queue.table.split('.').collect();
        self.unless(parts.len() <= 2 && parts.iter().all(|part| !part.is_empty()), &at("table"), || {
            format!("`{}` is no table; write one such as tasks, or with its schema shop.tasks", queue.table)
        });
        for (key, column) in [
            ("id", &queue.id),
            ("kind", &queue.kind),
            ("team_id", &queue.team_id),
            ("attempts", &queue.attempts),
            ("next_attempt_at", &queue.next_attempt_at),
            ("last_attempt_at", &queue.last_attempt_at),
            ("applied_at", &queue.applied_at),
            ("failed_at", &queue.failed_at),
        ] {
            self.unless(!column.is_empty(), &at(key), || {
                "nothing can be judged of a queue without this column; name it".into()
            });
        }
        self.once_each(queue);
        self.further(queue);
        self.waits_outlast_a_lease(propagation);
    }

    /// No column is two things.
    fn once_each(&mut self, queue: &Queue) {
        let columns = queue.columns();
        for (place, (key, column)) in columns.iter().enumerate() {
            let other = columns[..place].iter().find(|(_, other)| other == column);
            if let Some((other, _)) = other {
                let what =
                    format!("`{column}` is the column of `{other}` already; name another, or \"\" for none");
                self.wrong(&["propagation", "queue", key], what);
            }
        }
    }

    fn further(&mut self, queue: &Queue) {
        for (column, value) in &queue.further {
            let path = ["propagation", "queue", "further", column];
            let known = queue.columns().into_iter().find(|(_, known)| known == column);
            if let Some((key, _)) = known {
                self.wrong(&path, format!("`{column}` is the column of `{key}` already; leave it out here"));
            }
            self.unless(!column.is_empty() && !value.trim().is_empty(), &path, || {
                "a column and its value are to be given, as SQL has them: shop = \"1\", land = \"'eu'\""
                    .into()
            });
        }
    }

    /// Else a row that waits could not be told from one that is held.
    fn waits_outlast_a_lease(&mut self, propagation: &Propagation) {
        let runner = &propagation.runner;
        let good =
            !propagation.queue.lease.is_empty() || runner.schedule.iter().all(|wait| *wait > runner.lease);
        self.unless(good, &["propagation", "runner", "schedule"], || {
            "the queue has no column `lease`, so a wait no longer than the lease can't be told from it; give a longer wait, \
             or a shorter `lease`"
                .into()
        });
    }
}
