//! `sabot plan`: what a run would do, before it touches anything.

use super::run::select;
use super::{stock, target};
use crate::cli::{PlanArgs, Show};
use crate::plan::{Plan, json, text};
use sabot_checks::TargetArena;
use sabot_engine::Exit;

/// Tells it; starts nothing and connects to nothing.
pub(crate) fn plan(args: &PlanArgs) -> Exit {
    let judged = target(&args.choice.of).and_then(|target| Ok((stock(target)?, select(&args.choice)?)));
    let (stock, checks) = match judged {
        Ok(judged) => judged,
        Err(exit) => return exit,
    };
    let plan = Plan::of(&TargetArena::new(stock), checks, args.choice.lanes.into(), &args.choice.allow_skips);
    match args.format {
        Show::Text => print!("{}", text(&plan)),
        Show::Json => println!("{:#}", json(&plan)),
    }
    Exit::Passed
}
