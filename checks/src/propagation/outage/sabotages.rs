//! What turns `propagation.outage` red, beside what it shares with `propagation.crash`.

use super::ID;
use crate::propagation::cause::{called, has_failed, on_calls_by, on_queue};
use crate::propagation::downstream::applied;
use crate::sabotage::trigger;
use crate::sql::ident;
use sabot_engine::Sabotage;
use sabot_target::{Lane, Target};
use sabot_wire::http::Rule;

pub(in crate::propagation) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let queue = &propagation.queue;
    let (attempts, failed_at) = (ident(&queue.attempts), ident(&queue.failed_at));
    let succeeds = format!(
        "IF {} THEN NEW.{} := now(); NEW.{failed_at} := NULL; NEW.{attempts} := OLD.{attempts}; END IF;",
        has_failed(propagation),
        ident(&queue.applied_at),
    );
    let at_once = format!(
        "IF {} THEN NEW.{} := now() + interval '1 s'; END IF;",
        has_failed(propagation),
        ident(&queue.next_attempt_at),
    );
    let described = propagation.downstream.clone();
    vec![
        trigger::put(
            &[ID],
            "errors-are-success",
            "the handler logs its error and returns as if all were well",
            &on_queue(propagation, "BEFORE UPDATE", succeeds),
        ),
        trigger::put(
            &[ID],
            "hammers",
            "after an error that looks passing it is tried again every second",
            &on_queue(propagation, "BEFORE UPDATE", at_once),
        ),
        on_calls_by(
            &[ID],
            "any-answer-will-do",
            "the status of the answer is not looked at",
            propagation,
            called(),
            move |calls| {
                let described = described.clone();
                Rule::on(calls).rewrite_response(move |response| {
                    if response.status >= 400 {
                        *response = applied(&described);
                    }
                })
            },
        ),
    ]
}
