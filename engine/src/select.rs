//! Choosing checks by track, id and glob, and by what they need.

use crate::{Check, Exit, Need};
use globset::Glob;
use std::sync::Arc;

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Tracks, ids or globs; empty means all.
    pub patterns: Vec<String>,
    /// Only checks all of whose needs are among these.
    pub with: Option<Vec<Need>>,
}

/// Why nothing was selected.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Nothing {
    /// A pattern that names neither a track nor a check.
    #[error("no track or check is called `{pattern}`{}; `sabot list` shows all", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        pattern: String,
        /// The nearest track or id.
        nearest: Option<String>,
    },
    /// A pattern that isn't a valid glob.
    #[error("`{pattern}` is not a valid pattern: {reason}")]
    Glob {
        /// What was asked for.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Each of the chosen checks needs more than `--with` names.
    #[error("none of the chosen checks can do with {with} alone; `sabot list` shows what each needs")]
    With {
        /// The needs that were named.
        with: String,
    },
}

impl Nothing {
    /// How a command ends on it: a pattern that can't be read is bad usage, the others select nothing.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Glob { .. } => Exit::Usage,
            Self::Unknown { .. } | Self::With { .. } => Exit::Nothing,
        }
    }
}

/// A word of `--allow-skips` that allows nothing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{word}` is no need, track or check of which a skip could be allowed{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
pub struct UnknownSkip {
    /// What was written.
    word: String,
    /// The nearest need, track or id.
    nearest: Option<String>,
}

/// Looks over the `words` of `--allow-skips`: each is a need, a track or the id of one of `checks`.
///
/// # Errors
/// [`UnknownSkip`] for the first that is none, since a misspelt one would allow nothing without a word.
pub fn check_skips<L>(words: &[String], checks: &[Arc<Check<L>>]) -> Result<(), UnknownSkip> {
    let known = |word: &str| word.parse::<Need>().is_ok() || names(checks).any(|name| name == word);
    words.iter().find(|word| !known(word)).map_or(Ok(()), |word| {
        let nearest = nearest(word, names(checks).chain(Need::WORDS.iter().copied()));
        Err(UnknownSkip { word: word.clone(), nearest })
    })
}

impl Selection {
    /// The chosen ones among `checks`, in their order.
    ///
    /// # Errors
    /// [`Nothing`] when a pattern matches no check, or when no check can do with the named needs.
    pub fn choose<L>(&self, checks: &[Arc<Check<L>>]) -> Result<Vec<Arc<Check<L>>>, Nothing> {
        let mut chosen = vec![self.patterns.is_empty(); checks.len()];
        for pattern in &self.patterns {
            let mut found = false;
            let glob = Glob::new(pattern)
                .map_err(|error| Nothing::Glob { pattern: pattern.clone(), reason: error.to_string() })?
                .compile_matcher();
            for (check, chosen) in checks.iter().zip(&mut chosen) {
                if check.track() == pattern || check.id == pattern || glob.is_match(check.id) {
                    (found, *chosen) = (true, true);
                }
            }
            if !found {
                return Err(Nothing::Unknown {
                    pattern: pattern.clone(),
                    nearest: nearest(pattern, names(checks)),
                });
            }
        }
        let chosen: Vec<_> =
            checks.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(check, _)| check.clone()).collect();
        self.narrow(chosen)
    }

    fn narrow<L>(&self, chosen: Vec<Arc<Check<L>>>) -> Result<Vec<Arc<Check<L>>>, Nothing> {
        let Some(with) = &self.with else { return Ok(chosen) };
        let able: Vec<_> =
            chosen.into_iter().filter(|check| check.needs.iter().all(|need| with.contains(need))).collect();
        if able.is_empty() {
            let with = with.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(Nothing::With { with });
        }
        Ok(able)
    }
}

/// Every track and id.
fn names<L>(checks: &[Arc<Check<L>>]) -> impl Iterator<Item = &'static str> {
    checks.iter().flat_map(|check| [check.track(), check.id])
}

/// The name that is written most like `pattern`.
fn nearest<'a>(pattern: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    names
        .map(|name| (strsim::normalized_damerau_levenshtein(pattern, name), name))
        .filter(|(likeness, _)| *likeness > 0.4)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check;

    fn ids(patterns: &[&str], with: Option<Vec<Need>>) -> Result<Vec<&'static str>, Nothing> {
        let checks = [
            check("readiness.envelope", &[Need::Services]),
            check("readiness.matrix", &[Need::Services, Need::Wires]),
            check("contract.orphans", &[Need::Files]),
        ];
        let selection = Selection { patterns: patterns.iter().map(|&text| text.into()).collect(), with };
        Ok(selection.choose(&checks)?.iter().map(|check| check.id).collect())
    }

    #[test]
    fn a_selection_names_tracks_ids_and_globs() {
        assert_eq!(ids(&[], None).unwrap().len(), 3);
        assert_eq!(ids(&["readiness"], None).unwrap(), ["readiness.envelope", "readiness.matrix"]);
        assert_eq!(
            ids(&["*.orphans", "readiness.matrix"], None).unwrap(),
            ["readiness.matrix", "contract.orphans"]
        );
    }

    #[test]
    fn an_unknown_id_is_answered_with_the_nearest() {
        let error = ids(&["readiness.envelop"], None).unwrap_err();
        assert!(error.to_string().contains("did you mean `readiness.envelope`?"), "{error}");
        assert!(ids(&["zzzzzz"], None).unwrap_err().to_string().contains("`zzzzzz`; `sabot list`"));
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_bad_usage() {
        assert_eq!(ids(&["readiness.[a"], None).unwrap_err().exit(), Exit::Usage);
        assert_eq!(ids(&["zzzzzz"], None).unwrap_err().exit(), Exit::Nothing);
    }

    #[test]
    fn a_skip_is_allowed_by_need_track_or_id_and_by_no_other_word() {
        let checks = [check("readiness.envelope", &[])];
        let skips = |word: &str| check_skips(&[word.to_owned()], &checks);
        for word in ["cluster", "tool:mongodump", "readiness", "readiness.envelope"] {
            assert_eq!(skips(word), Ok(()), "{word}");
        }
        assert!(skips("clutser").unwrap_err().to_string().ends_with("did you mean `cluster`?"));
        assert!(skips("readines").unwrap_err().to_string().ends_with("did you mean `readiness`?"));
    }

    #[test]
    fn with_keeps_only_checks_whose_needs_are_all_named() {
        assert_eq!(ids(&[], Some(vec![Need::Files])).unwrap(), ["contract.orphans"]);
        assert_eq!(ids(&[], Some(vec![Need::Services])).unwrap(), ["readiness.envelope"]);
        assert!(matches!(ids(&["contract"], Some(vec![Need::Wires])), Err(Nothing::With { .. })));
    }
}
