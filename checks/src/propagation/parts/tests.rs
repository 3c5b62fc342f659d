use super::*;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A target of which `change` says what it goes without.
fn stranger(change: impl FnOnce(&mut Propagation)) -> Target {
    let mut target = Target::embedded();
    target.file = Some(PathBuf::from("/orders/sabot.toml"));
    change(&mut target.propagation);
    target
}

#[test]
fn each_check_of_the_track_says_once_what_it_wants() {
    let known: Vec<_> = super::super::checks().iter().map(|check| check.id).collect();
    let said: Vec<_> = WANTS.iter().map(|(id, _)| *id).collect();
    assert_eq!(known, said);
}

#[test]
fn the_embedded_platform_has_everything() {
    let target = Target::embedded();
    assert!(super::super::checks().iter().all(|check| leaves_out(&target, check.id).is_none()));
}

#[test]
fn a_check_that_cannot_do_without_is_left_out_with_the_reason() {
    let without = |part| stranger(|propagation| propagation.without = vec![part]);
    for (target, id, reason) in [
        (without(Part::Trail), audit::ID, "sabot.toml says that propagation has no audit log"),
        (
            without(Part::Patience),
            rolling_upgrade::ID,
            "sabot.toml says that propagation has no patience with kinds that a runner lacks",
        ),
        (
            stranger(|propagation| propagation.downstream.outcome.clear()),
            unexpected_skip::ID,
            "sabot.toml says that the downstream's status alone tells what became of a call",
        ),
        (
            stranger(|propagation| propagation.queue.target_tier.clear()),
            superseded::ID,
            "sabot.toml says that the queue has no column for the tier",
        ),
        (
            stranger(|propagation| propagation.runner.env.lease.clear()),
            late::ID,
            "sabot.toml names no setting for the lease, and the lease is too short to do without",
        ),
    ] {
        assert_eq!(leaves_out(&target, id).as_deref(), Some(reason));
        let others = super::super::checks().into_iter().filter(|check| check.id != id);
        let left_out: Vec<_> = others.filter(|check| leaves_out(&target, check.id).is_some()).collect();
        assert!(left_out.is_empty(), "{reason}: {} is left out too", left_out[0].id);
    }
}

#[test]
fn checks_that_only_look_aside_at_a_part_are_judged_without_it() {
    let target = stranger(|propagation| {
        propagation.without = vec![Part::Metrics, Part::DeadLetters, Part::Registry, Part::Bell];
    });
    assert!(super::super::checks().iter().all(|check| leaves_out(&target, check.id).is_none()));
}

/// A table, a runner and a downstream, and nothing beside.
fn bare() -> Target {
    stranger(|propagation| {
        use Part::{Bell, DeadLetters, Metrics, Patience, Redaction, Registry, Superseded, Trail};
        propagation.without =
            vec![Trail, Metrics, DeadLetters, Registry, Bell, Superseded, Patience, Redaction];
        let queue = &mut propagation.queue;
        for column in [
            &mut queue.target_tier,
            &mut queue.payload,
            &mut queue.last_error,
            &mut queue.created_at,
            &mut queue.ring,
            &mut queue.lease,
            &mut queue.lost_leases,
        ] {
            column.clear();
        }
        let env = &mut propagation.runner.env;
        for setting in
            [&mut env.schedule, &mut env.max_attempts, &mut env.lease, &mut env.dispatch_limit, &mut env.poll]
        {
            setting.clear();
        }
        let claim = std::mem::take(&mut propagation.marks.claim);
        propagation.marks = sabot_target::propagation::PropagationMarks { claim, ..nothing_known() };
        propagation.downstream.outcome.clear();
    })
}

fn nothing_known() -> sabot_target::propagation::PropagationMarks {
    let known = serde_json::to_value(Target::embedded().propagation.marks).unwrap();
    let emptied = known.as_object().unwrap().iter().map(|(key, value)| {
        let empty = if value.is_array() { serde_json::json!([]) } else { "".into() };
        (key.clone(), empty)
    });
    serde_json::from_value(serde_json::Value::Object(emptied.collect())).unwrap()
}

#[test]
fn a_sabotage_that_needs_what_is_left_out_is_not_put_on() {
    let ids = |target: &Target| -> BTreeSet<String> {
        super::super::sabotages(target).into_iter().map(|sabotage| sabotage.id).collect()
    };
    let (all, left) = (ids(&Target::embedded()), ids(&bare()));
    assert!(left.is_subset(&all), "{:?}", left.difference(&all));
    for gone in [
        "propagation.schedule/constant",
        "propagation.schedule/endless-lease",
        "propagation.dead-letter/uncounted",
        "propagation.dead-letter/one-early",
        "propagation.dead-letter/unlisted",
        "propagation.unknown-kind/ordinary-name",
        "propagation.poison/put-back",
        "propagation.poison/garbage-is-success",
        "propagation.skip-locked/waits-for-locks",
        "propagation.crash/endless-lease",
        "propagation.polling/mute",
    ] {
        assert!(all.contains(gone) && !left.contains(gone), "{gone}");
    }
    for id in [
        "propagation.dead-letter/never-dies",
        "propagation.crash/burnt-on-claim",
        "propagation.fairness/newest-first",
    ] {
        assert!(left.contains(id), "{id}: {left:?}");
    }
}

#[test]
fn a_sabotage_names_only_checks_that_are_judged() {
    let target = bare();
    for sabotage in super::super::sabotages(&target) {
        assert!(sabotage.turns_red.iter().all(|id| leaves_out(&target, id).is_none()), "{}", sabotage.id);
    }
}
