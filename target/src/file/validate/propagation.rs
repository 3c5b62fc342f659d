//! Propagation: what moves work, from where, to where.

mod parts;
mod queue;

use super::Validation;
use crate::description::Propagation;
use crate::description::propagation::{Part, Runner, RunnerEnv};
use crate::file::mistake::remedy;

impl Validation<'_> {
    pub(super) fn propagation(&mut self, propagation: &Propagation) {
        self.database(&["propagation", "database"], &propagation.database);
        let source = &propagation.source;
        let at = |key| ["propagation", "source", key];
        let service = self.service(&at("service"), &source.service);
        self.wire(&at("database_wire"), service, &source.database_wire, true);
        self.secret(&at("credential"), &source.credential);
        self.url_path(&at("path"), &source.path);
        self.holds(&at("path"), &source.path, "{team}");
        self.runner(&propagation.runner);
        let downstream = &propagation.downstream;
        let at = |key| ["propagation", "downstream", key];
        self.service(&at("service"), &downstream.service);
        self.url_path(&at("path"), &downstream.path);
        self.holds(&at("path"), &downstream.path, "{resource}");
        self.holds(&at("key"), &downstream.key, "{propagation}");
        self.aside(propagation);
        self.queue(propagation);
        let marks = ["propagation", "marks", "claim"];
        self.unless(!propagation.marks.claim.is_empty(), &marks, || {
            "by this the runner's looks for work are known; give a text of the claim, such as FOR UPDATE SKIP LOCKED".into()
        });
        let fence = &propagation.marks.fence;
        self.unless(
            propagation.marks.unfenced.len() <= fence.len(),
            &["propagation", "marks", "unfenced"],
            || {
                format!(
                    "each stands in the place of one condition of `fence`, of which there are {}",
                    fence.len()
                )
            },
        );
        self.parts(propagation);
        self.kinds(propagation);
    }

    /// What there need not be.
    fn aside(&mut self, propagation: &Propagation) {
        if propagation.has(Part::DeadLetters) {
            let dead_letters = &propagation.dead_letters;
            let at = |key| ["propagation", "dead_letters", key];
            self.service(&at("service"), &dead_letters.service);
            self.secret(&at("credential"), &dead_letters.credential);
            self.url_path(&at("path"), &dead_letters.path);
            self.url_path(&at("replay"), &dead_letters.replay);
            self.holds(&at("replay"), &dead_letters.replay, "{id}");
        }
        if propagation.has(Part::Registry) {
            self.command(&["propagation", "registry", "command"], &propagation.registry.command);
        }
        if propagation.has(Part::Metrics) {
            self.url_path(&["propagation", "metrics", "path"], &propagation.metrics.path);
        }
    }

    fn runner(&mut self, runner: &Runner) {
        let at = |key| ["propagation", "runner", key];
        let service = self.service(&at("service"), &runner.service);
        self.wire(&at("database_wire"), service, &runner.database_wire, true);
        self.wire(&at("downstream_wire"), service, &runner.downstream_wire, false);
        self.unless(!runner.schedule.is_empty(), &at("schedule"), || {
            "nothing is ever tried again; give at least one time, as [\"1m\"]".into()
        });
        self.unless(runner.max_attempts > 0, &at("max_attempts"), || {
            "nothing is ever attempted; give 1 or more".into()
        });
        self.lasting(&at("poll"), runner.poll);
        self.settings(&runner.env);
        self.unless(runner.dispatch_limit <= runner.lease, &at("dispatch_limit"), || {
            "a dispatch may outlast the lease that hides its row; give no more than `lease`".into()
        });
    }

    fn settings(&mut self, env: &RunnerEnv) {
        for (key, name) in env.all() {
            if !name.is_empty() {
                self.variable(&["propagation", "runner", "env", key], name);
            }
        }
    }

    fn kinds(&mut self, propagation: &Propagation) {
        let kinds: Vec<_> = propagation.kinds.iter().map(|kind| kind.kind.as_str()).collect();
        self.unless(!kinds.is_empty(), &["propagation", "kinds"], || {
            "no kind of propagation is given; add a [[propagation.kinds]]".into()
        });
        for (place, kind) in propagation.kinds.iter().enumerate() {
            let place = place.to_string();
            self.json(&["propagation", "kinds", &place, "payload"], &kind.payload);
            if !kind.unreadable.is_empty() {
                self.json(&["propagation", "kinds", &place, "unreadable"], &kind.unreadable);
            }
        }
        let tiers: Vec<_> = propagation.subject.tiers.iter().map(String::as_str).collect();
        for (place, change) in propagation.changes.iter().enumerate() {
            let place = place.to_string();
            let at = |key| ["propagation", "changes", &place, key];
            let what = (&["propagation", "kinds"][..], "kind of propagation");
            self.known(&at("kind"), what, &change.kind, &kinds);
            for (key, tier) in [("from", &change.from), ("to", &change.to)] {
                self.unless(tiers.contains(&tier.as_str()), &at(key), || {
                    format!("`{tier}` is none of the tiers of the subject; {}", remedy(tier, &tiers))
                });
            }
            self.unless(change.from != change.to, &at("to"), || {
                "this changes nothing; `from` is the same".into()
            });
        }
    }
}
