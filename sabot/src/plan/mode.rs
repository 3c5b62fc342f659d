//! The mode of a check: how far it goes with a target, by what it needs.

use sabot_checks::TargetArena;
use sabot_engine::{Arena as _, Check, Need};
use sabot_target::Lane;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// How far a check goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// It reads files, and nothing is started.
    Files,
    /// It asks and reads, and changes nothing.
    Reading,
    /// It writes to what it judges, and breaks it.
    Disposable,
    /// Sabot sits on the connections, and rewrites, delays and cuts.
    Wired,
}

impl Mode {
    pub(super) const ALL: [Self; 4] = [Self::Files, Self::Reading, Self::Disposable, Self::Wired];

    /// By what a check needs.
    pub(crate) fn of(needs: &[Need]) -> Self {
        if needs.contains(&Need::Wires) {
            Self::Wired
        } else if needs.contains(&Need::Disposable) {
            Self::Disposable
        } else if needs.iter().all(|need| matches!(need, Need::Files | Need::Tool(_))) {
            Self::Files
        } else {
            Self::Reading
        }
    }

    /// What it does to a target.
    pub(super) const fn does(self) -> &'static str {
        match self {
            Self::Files => "reads files, starts nothing",
            Self::Reading => "asks services and reads rows, changes nothing",
            Self::Disposable => "writes rows and breaks things, on throwaway copies",
            Self::Wired => "starts the services behind wires, and acts on their connections",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Files => "files",
            Self::Reading => "reading only",
            Self::Disposable => "disposable",
            Self::Wired => "wired",
        })
    }
}

/// A row for each mode: how many checks, of which tracks, what they need, and whether that is to be had here.
pub(crate) fn table(arena: &TargetArena, checks: &[Arc<Check<Lane>>]) -> String {
    let mut text = format!("{:<13} {:>6}  {:<52} {:<44} here\n", "mode", "checks", "tracks", "needs");
    for mode in Mode::ALL {
        let of_mode: Vec<_> = checks.iter().filter(|check| Mode::of(check.needs) == mode).collect();
        let judged: Vec<_> = of_mode.iter().filter(|check| arena.leaves_out(check).is_none()).collect();
        let mut tracks = Vec::new();
        for check in &judged {
            if !tracks.contains(&check.track()) {
                tracks.push(check.track());
            }
        }
        let tools = |need: &&Need| !matches!(need, Need::Tool(_));
        let needs: BTreeSet<_> =
            judged.iter().flat_map(|check| check.needs).filter(tools).map(ToString::to_string).collect();
        let needs: Vec<_> = needs.into_iter().collect();
        let line = format!(
            "{mode:<13} {:>6}  {:<52} {:<44} {}",
            judged.len(),
            tracks.join(", "),
            needs.join(", "),
            here(arena, &judged, of_mode.len() - judged.len())
        );
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// How many of them can run here, and what the others lack.
fn here(arena: &TargetArena, judged: &[&&Arc<Check<Lane>>], left_out: usize) -> String {
    let mut lacking = BTreeSet::new();
    let mut able = 0;
    for check in judged {
        let lacks: Vec<_> = check.needs.iter().filter(|need| arena.lacks(need).is_some()).collect();
        able += usize::from(lacks.is_empty());
        lacking.extend(lacks.into_iter().map(ToString::to_string));
    }
    let lacking = lacking.into_iter().collect::<Vec<_>>().join(", ");
    let here = match (able, judged.len()) {
        (_, 0) => "nothing to judge".to_owned(),
        (able, all) if able == all => "all".to_owned(),
        (0, _) => format!("none, for want of {lacking}"),
        (able, all) => format!("{able} of {all}, for want of {lacking}"),
    };
    if left_out == 0 { here } else { format!("{here}; {left_out} more of tracks that are not described") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_follows_from_what_is_needed() {
        use Need::{Database, Disposable, Files, Services, Wires};
        for (needs, mode) in [
            (&[Files][..], Mode::Files),
            (&[Files, Need::Tool("promtool".into())], Mode::Files),
            (&[Files, Database], Mode::Reading),
            (&[Services], Mode::Reading),
            (&[Services, Database, Disposable], Mode::Disposable),
            (&[Services, Wires], Mode::Wired),
            (&[Services, Wires, Disposable], Mode::Wired),
        ] {
            assert_eq!(Mode::of(needs), mode, "{needs:?}");
        }
    }
}
