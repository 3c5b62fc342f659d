//! What turns `propagation.crash` red.

use super::{ID, outage};
use crate::propagation::cause::{called, on_queue, runner_with};
use crate::propagation::downstream::calls_of;
use crate::propagation::guards::is_claim;
use crate::sabotage::reaction;
use crate::sabotage::trigger;
use crate::sql::ident;
use sabot_engine::Sabotage;
use sabot_target::{Lane, Target};
use sabot_wire::http::Request;

pub(in crate::propagation) fn sabotages(target: &Target) -> Vec<Sabotage<Lane>> {
    let propagation = &target.propagation;
    let (queue, runner) = (&propagation.queue, &propagation.runner);
    let attempts = ident(&queue.attempts);
    let taken = is_claim(propagation);
    let burnt = format!("IF {taken} THEN NEW.{attempts} := OLD.{attempts} + 1; END IF;");
    let mut sabotages = vec![
        trigger::put(
            &[ID],
            "burnt-on-claim",
            "attempts are counted when a row is taken, so that a crash costs one",
            &on_queue(propagation, "BEFORE UPDATE", burnt),
        ),
        acknowledged_before_done(target),
    ];
    sabotages.extend(runner_with(
        &[ID, outage::ID],
        "endless-lease",
        "the lease is made so long that it outlives whoever held it by an hour",
        propagation,
        (&runner.env.lease, "1h".into()),
    ));
    sabotages
}

/// While a call is held before it is sent, its row is written down as applied.
fn acknowledged_before_done(target: &Target) -> Sabotage<Lane> {
    let propagation = &target.propagation;
    let (queue, downstream) = (&propagation.queue, &propagation.downstream);
    let given_up =
        if queue.lease.is_empty() { String::new() } else { format!(", {} = NULL", ident(&queue.lease)) };
    let statement = format!(
        "UPDATE {} SET {} = now(){given_up} WHERE {} = $1::text::bigint",
        ident(&queue.table),
        ident(&queue.applied_at),
        ident(&queue.id),
    );
    let described = downstream.clone();
    let of = move |request: &Request| {
        let key = request.headers.get(&described.key_header)?;
        described.propagation_of(key).map(|id| id.to_string())
    };
    let calls = reaction::Requests {
        service: propagation.runner.service.clone(),
        wire: propagation.runner.downstream_wire.clone(),
        on: calls_of(downstream),
    };
    reaction::before_requests(
        &[ID],
        "acknowledged-before-done",
        "a row is written down as applied when its dispatch begins, so that it is never dispatched twice",
        &calls,
        (&propagation.database, statement),
        of,
        called(),
    )
}
