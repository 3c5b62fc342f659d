//! `sabot run` and `sabot prove`.

use super::{say, stock, target};
use crate::cli::{Choice, Chosen, ProveArgs, RunArgs, Show};
use crate::reports;
use crate::signals::Interruption;
use globset::{Glob, GlobSet, GlobSetBuilder};
use sabot_checks::TargetArena;
use sabot_engine::report::{View, watch};
use sabot_engine::{
    Arena as _, Check, Event, Events, Exit, Fact, Lanes, Nature, Need, ProveOptions, Record, RunOptions,
    Sabotage, Selection, check_skips, do_nothing,
};
use sabot_target::{Lane, Target};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

type Checks = Vec<Arc<Check<Lane>>>;

/// Runs checks.
pub(crate) async fn run(args: RunArgs) -> Exit {
    let judged = target(&args.chosen.choice.of).and_then(|target| {
        let baseline = args.baseline.as_deref().map(|path| baseline(path, &target)).transpose()?;
        Ok((target, choose(&args.chosen)?, baseline))
    });
    match judged {
        Ok((target, checks, baseline)) => {
            execute(args.chosen, target, checks, Purpose::Run(baseline.map(Box::new))).await
        }
        Err(exit) => exit,
    }
}

/// Runs them clean and then sabotaged.
pub(crate) async fn prove(args: ProveArgs) -> Exit {
    let judged = target(&args.chosen.choice.of).and_then(|target| Ok((target, choose(&args.chosen)?)));
    let (target, checks) = match judged {
        Ok(judged) => judged,
        Err(exit) => return exit,
    };
    let sabotages = match choose_sabotages(&args, &target, &checks) {
        Ok(sabotages) => sabotages,
        Err(exit) => return exit,
    };
    let named_only = args.named_only || args.one_each;
    execute(args.chosen, target, checks, Purpose::Prove { sabotages, named_only }).await
}

/// What checks are run for.
enum Purpose {
    /// To see whether they pass; with an earlier record, whether anything new fails.
    Run(Option<Box<Record>>),
    /// To see whether they can fail.
    Prove { sabotages: Vec<Sabotage<Lane>>, named_only: bool },
}

/// Reads the record that a run of `target` is held against.
fn baseline(path: &Path, target: &Target) -> Result<Record, Exit> {
    let wrong = |why: &dyn fmt::Display| {
        eprintln!("error: --baseline {}: {why}", path.display());
        Exit::Usage
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let record = Record::read(&text).map_err(|error| wrong(&error))?;
    if record.target != target.name {
        let why = format!(
            "it is of {}, and this run judges {}; give one of the same target",
            record.target, target.name
        );
        return Err(wrong(&why));
    }
    Ok(record)
}

fn choose(chosen: &Chosen) -> Result<Checks, Exit> {
    if let Err(error) = reports::check(&chosen.report) {
        eprintln!("error: {error}");
        return Err(Exit::Usage);
    }
    select(&chosen.choice)
}

/// The chosen checks.
pub(super) fn select(choice: &Choice) -> Result<Checks, Exit> {
    if let Err(error) = sabot_checks::soak_is_readable() {
        eprintln!("error: {error}");
        return Err(Exit::Usage);
    }
    let checks = sabot_checks::checks();
    if let Err(error) = check_skips(&choice.allow_skips, &checks) {
        say(&error);
        return Err(Exit::Usage);
    }
    let selection = Selection { patterns: choice.patterns.clone(), with: choice.with.clone() };
    selection.choose(&checks).map_err(|error| {
        say(&error);
        error.exit()
    })
}

/// Sabotages that name a chosen check; of each check one alone under `--one-each`, of cause if it has one; doing nothing
/// among them.
fn choose_sabotages(args: &ProveArgs, target: &Target, checks: &Checks) -> Result<Vec<Sabotage<Lane>>, Exit> {
    let globs = globs(&args.sabotage)?;
    let chosen: Vec<_> = checks.iter().map(|check| check.id).collect();
    let mut sabotages: Vec<_> = sabot_checks::sabotages(target)
        .into_iter()
        .filter(|sabotage| sabotage.turns_red.iter().any(|id| chosen.contains(id)))
        .filter(|sabotage| args.sabotage.is_empty() || globs.is_match(&sabotage.id))
        .collect();
    if args.one_each {
        // What is really broken says more than what only looks so.
        sabotages.sort_by_key(|sabotage| sabotage.nature != Nature::Cause);
        let mut covered = BTreeSet::new();
        sabotages.retain(|sabotage| covers_more(&mut covered, &sabotage.turns_red, &chosen));
    }
    if sabotages.is_empty() {
        eprintln!("error: no sabotage of the chosen checks matches; `sabot list` shows all");
        return Err(Exit::Nothing);
    }
    // In the middle: what a proof before it has left behind shows there, and as it names every check and so takes the
    // longest, the other lanes still have work to do beside it.
    sabotages.insert(sabotages.len() / 2, do_nothing(chosen));
    if let Some(seed) = args.shuffle {
        shuffle(&mut sabotages, seed);
    }
    Ok(sabotages)
}

/// Adds to `covered` all of `ids` that are chosen; whether any of them was missing there.
fn covers_more(covered: &mut BTreeSet<&'static str>, ids: &[&'static str], chosen: &[&'static str]) -> bool {
    let before = covered.len();
    covered.extend(ids.iter().filter(|id| chosen.contains(id)));
    covered.len() > before
}

fn globs(patterns: &[String]) -> Result<GlobSet, Exit> {
    let mut globs = GlobSetBuilder::new();
    let built = patterns.iter().try_for_each(|pattern| {
        globs.add(Glob::new(pattern)?);
        Ok(())
    });
    built.and_then(|()| globs.build()).map_err(|error: globset::Error| {
        say(&error);
        Exit::Usage
    })
}

/// Fisher and Yates, with a generator that is the same everywhere (splitmix64).
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    for last in (1..items.len()).rev() {
        let other = next() % (last as u64 + 1);
        items.swap(last, usize::try_from(other).unwrap_or(0));
    }
}

async fn execute(chosen: Chosen, target: Target, checks: Checks, purpose: Purpose) -> Exit {
    let arena = match stock(target) {
        Ok(stock) => Arc::new(TargetArena::new(stock)),
        Err(exit) => return exit,
    };
    let interruption = match Interruption::listen() {
        Ok(interruption) => interruption,
        Err(error) => {
            say(&error);
            return Exit::Unverified;
        }
    };
    let (events, stream) = Events::channel();
    let view = if chosen.format == Show::Json { View::Json } else { View::Text };
    let watching = tokio::spawn(watch(stream, view));
    let record = judge(&chosen.choice, &arena, &checks, purpose, &events, &interruption).await;
    let exit = Exit::of(&record);
    events.send(Event::Ended(Box::new(record.clone())));
    drop(events);
    // The view can't fail; were it to panic, the exit code stands all the same.
    drop(watching.await);
    report(&chosen, &record, exit)
}

async fn judge(
    choice: &Choice,
    arena: &Arc<TargetArena>,
    checks: &Checks,
    purpose: Purpose,
    events: &Events,
    interruption: &Interruption,
) -> Record {
    let target = arena.target();
    let (command, sabotages) = match &purpose {
        Purpose::Run(_) => ("run", 0),
        Purpose::Prove { sabotages, .. } => ("prove", sabotages.len()),
    };
    let mut record = Record::begin(command, &target.name);
    record.profile = target
        .profile
        .iter()
        .map(|(name, value)| Fact { name: name.clone(), value: value.clone() })
        .collect();
    events.send(Event::Begun {
        command: command.into(),
        target: target.name.clone(),
        profile: record.profile.clone(),
        checks: checks.len(),
        sabotages,
        lanes: choice.lanes.into(),
    });
    let judged = checks.iter().filter(|check| arena.leaves_out(check).is_none());
    let needs: Vec<Need> = judged.flat_map(|check| check.needs.iter().cloned()).collect();
    let mut lanes = Lanes::new(arena.clone(), choice.lanes.into(), &needs);
    let options = RunOptions { allow_skips: choice.allow_skips.clone(), stop: interruption.stop.clone() };
    let mut earlier = None;
    match purpose {
        Purpose::Run(baseline) => {
            earlier = baseline;
            sabot_engine::run(&mut lanes, &**arena, checks, &options, events, &mut record).await;
        }
        Purpose::Prove { sabotages, named_only } => {
            let options = ProveOptions { run: options, named_only };
            sabot_engine::prove(&mut lanes, &**arena, checks, sabotages, &options, events, &mut record).await;
        }
    }
    lanes.close().await;
    record.interrupted = interruption.number();
    record.finish();
    // Once more, and all of it: a secret that was registered late may stand in what was written early.
    record.redact(&arena.secrets());
    if let Some(earlier) = earlier {
        record.hold_against(&earlier);
        // What was not secret then may be now.
        record.redact(&arena.secrets());
    }
    record
}

fn report(chosen: &Chosen, record: &Record, exit: Exit) -> Exit {
    let mut lost = false;
    for written in reports::write(&chosen.report, record) {
        match (chosen.format, &written.place) {
            (Show::Text, Some(place)) => println!("report: {}", reports::address(place)),
            (Show::Text, None) => print!("{}", written.report),
            // Standard output is the record, and nothing else; GitHub reads the other one too.
            (Show::Json, _) => eprint!("{}", written.report),
        }
        if let Some(error) = written.lost {
            eprintln!("error: a report was not written: {error}");
            lost = true;
        }
    }
    if lost && exit == Exit::Passed { Exit::Unverified } else { exit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sabotage_covers_every_chosen_check_that_it_names() {
        let mut covered = BTreeSet::new();
        let mut more = |ids: &[&'static str]| covers_more(&mut covered, ids, &["a.one", "a.two"]);
        assert!(more(&["a.one", "a.two"]));
        assert!(!more(&["a.two"]));
        assert!(!more(&["a.one", "a.not_chosen"]));
    }

    #[test]
    fn a_seed_gives_one_order_and_loses_nothing() {
        let order = |seed| {
            let mut items: Vec<u32> = (0..40).collect();
            shuffle(&mut items, seed);
            items
        };
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
        let mut sorted = order(7);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..40).collect::<Vec<_>>());
    }
}
