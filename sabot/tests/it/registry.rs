//! No check enters the registry without a failure mode and a sabotage, and no sabotage names a check that is not there.

use sabot_engine::Nature;
use sabot_target::Target;
use std::collections::BTreeSet;

#[test]
fn every_check_has_a_failure_mode_a_remedy_and_a_sabotage() {
    let sabotages = sabot_checks::sabotages(&Target::embedded());
    for check in sabot_checks::checks() {
        let texts = [check.failure_mode, check.asserts, check.remedy];
        assert!(texts.iter().all(|text| text.len() > 20), "{} does not say what it is for", check.id);
        assert!(!check.needs.is_empty(), "{} needs nothing", check.id);
        let of_it: Vec<_> =
            sabotages.iter().filter(|sabotage| sabotage.turns_red.contains(&check.id)).collect();
        assert!(!of_it.is_empty(), "{} has no sabotage", check.id);
        let of_cause = of_it.iter().any(|sabotage| sabotage.nature == Nature::Cause);
        assert_ne!(
            of_cause,
            check.no_cause.is_some(),
            "{}: a sabotage of cause, or the reason why there is none",
            check.id
        );
    }
}

#[test]
fn every_sabotage_names_checks_that_are_there_and_has_an_id_of_its_own() {
    let checks: BTreeSet<_> = sabot_checks::checks().iter().map(|check| check.id).collect();
    let mut ids = BTreeSet::new();
    for sabotage in sabot_checks::sabotages(&Target::embedded()) {
        assert!(!sabotage.turns_red.is_empty() && sabotage.turns_red.iter().all(|id| checks.contains(id)));
        assert!(!sabotage.mistake.is_empty(), "{} stands for no mistake", sabotage.id);
        assert!(ids.insert(sabotage.id.clone()), "{} is there twice", sabotage.id);
    }
}

#[test]
fn each_track_walks_a_registry() {
    let checks = sabot_checks::checks();
    let tracks: BTreeSet<_> = checks.iter().map(|check| check.track()).collect();
    for track in tracks {
        assert!(
            checks.iter().any(|check| check.track() == track && check.walks.is_some()),
            "{track} walks none"
        );
    }
}

#[test]
fn the_engines_limit_is_three_times_a_checks_own_deadline() {
    for check in sabot_checks::checks() {
        assert!(check.limit() >= check.deadline * 3, "{}", check.id);
    }
}
