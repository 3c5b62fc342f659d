//! The page of a record: its text stays text, and in a real browser it opens, folds, filters, fits and can be read.
//!
//! Where no browser is to be found its tests are counted as ignored, and it is said.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod browser;
mod escaping;
mod fixture;
mod page;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

fn main() -> ExitCode {
    let found = browser::find().is_some();
    let mut trials: Vec<_> = escaping::TRIALS.iter().map(|(name, test)| trial(name, *test)).collect();
    let in_browser = page::TRIALS.iter().map(|(name, test)| trial(name, *test).with_ignored_flag(!found));
    trials.extend(in_browser);
    if !found {
        let left = page::TRIALS.len();
        eprintln!(
            "page: NOT RUN: {left} tests of the page in a real browser, for there is no chromium: `make setup` installs it"
        );
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(name: &str, test: fn()) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}
