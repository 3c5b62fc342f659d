//! How each dependency's readiness is judged: its criticality, its cache period, its time limit.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use sabot_readiness::{Criticality, DEFAULT_CACHE_PERIOD, DEFAULT_TIME_LIMIT, Dependency, Probe};

use super::duration::{FORM, parse_duration};
use super::problem::Problems;

/// No probe may take longer than this.
const MAX_TIME_LIMIT: Duration = Duration::from_secs(60);

/// A cold `/readyz` is promised within three seconds, whatever hangs.
const PROMISED_TIME_LIMIT: Duration = Duration::from_millis(2_900);

/// A dependency as the service declares it: what holds unless its operator says otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// Its name in `/readyz`.
    pub name: &'static str,
    /// Whether its failure takes the service out of rotation.
    pub criticality: Criticality,
    /// Its cache period, where the common one would be too short.
    pub cache_period: Option<Duration>,
}

/// The flags.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Readiness")]
pub struct ReadinessArgs {
    /// For how long a probe's result is fresh [default: 10s; brevo 5m]
    #[arg(long, env = "SABOT_READINESS_CACHE", value_name = "DURATION")]
    pub readiness_cache: Option<String>,
    /// The same for one dependency; repeatable
    #[arg(long, env = "SABOT_READINESS_CACHE_FOR", value_name = "NAME=DURATION", value_delimiter = ',')]
    pub readiness_cache_for: Vec<String>,
    /// How long a probe may take before it counts as failed [default: 2s]
    #[arg(long, env = "SABOT_READINESS_TIME_LIMIT", value_name = "DURATION")]
    pub readiness_time_limit: Option<String>,
    /// The same for one dependency; repeatable
    #[arg(long, env = "SABOT_READINESS_TIME_LIMIT_FOR", value_name = "NAME=DURATION", value_delimiter = ',')]
    pub readiness_time_limit_for: Vec<String>,
    /// Whether one dependency's failure takes the service out of rotation; repeatable
    #[arg(long, env = "SABOT_READINESS_CRITICAL", value_name = "NAME=true|false", value_delimiter = ',')]
    pub readiness_critical: Vec<String>,
}

/// The flags, checked.
#[derive(Debug, Clone)]
pub struct ReadinessSettings {
    declared: &'static [Declared],
    cache: Duration,
    cache_for: BTreeMap<String, Duration>,
    time_limit: Duration,
    time_limit_for: BTreeMap<String, Duration>,
    critical: BTreeMap<String, bool>,
}

impl ReadinessArgs {
    /// Checks the flags against what the service declares.
    pub fn settle(
        &self,
        declared: &'static [Declared],
        problems: &mut Problems,
    ) -> Option<ReadinessSettings> {
        let mut one =
            |flag, text: &Option<String>, default| match text.as_deref().filter(|text| !text.is_empty()) {
                None => Some(default),
                Some(text) => problems.take(flag, parse_duration(text), FORM),
            };
        let cache = one("readiness-cache", &self.readiness_cache, DEFAULT_CACHE_PERIOD);
        let time_limit = one("readiness-time-limit", &self.readiness_time_limit, DEFAULT_TIME_LIMIT);
        let names = Names { declared };
        let cache_for =
            names.each("readiness-cache-for", &self.readiness_cache_for, problems, parse_duration, FORM);
        let time_limit_for = names.each(
            "readiness-time-limit-for",
            &self.readiness_time_limit_for,
            problems,
            parse_duration,
            FORM,
        );
        let critical =
            names.each("readiness-critical", &self.readiness_critical, problems, parse_bool, BOOL_FORM);
        for (flag, limit) in time_limit
            .iter()
            .map(|limit| ("readiness-time-limit", limit))
            .chain(time_limit_for.values().map(|limit| ("readiness-time-limit-for", limit)))
        {
            if *limit > MAX_TIME_LIMIT {
                problems.add(flag, "is longer than a minute", "give at most 60s; 2s serves most");
            }
        }
        Some(ReadinessSettings {
            declared,
            cache: cache?,
            cache_for,
            time_limit: time_limit?,
            time_limit_for,
            critical,
        })
    }
}

impl ReadinessSettings {
    /// The row of a declared dependency, as its operator wants it judged.
    pub fn dependency(&self, declared: &Declared, probe: impl Probe) -> Dependency {
        let criticality = match self.critical.get(declared.name) {
            Some(true) => Criticality::Critical,
            Some(false) => Criticality::NonCritical,
            None => declared.criticality,
        };
        Dependency::new(declared.name, criticality, probe)
            .cache_for(self.cache_period(declared))
            .limit(self.time_limit(declared))
    }

    /// What is legal and yet unwise, for the log.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for declared in self.declared {
            let (name, period, limit) =
                (declared.name, self.cache_period(declared), self.time_limit(declared));
            if limit > period * 2 {
                warnings.push(format!(
                    "{name}: its time limit of {limit:?} is longer than two cache periods of {period:?}, so that callers \
                     of /readyz wait while it hangs"
                ));
            }
            if limit > PROMISED_TIME_LIMIT {
                warnings.push(format!(
                    "{name}: its time limit of {limit:?} lets a cold /readyz take longer than three seconds"
                ));
            }
        }
        warnings
    }

    fn cache_period(&self, declared: &Declared) -> Duration {
        self.cache_for.get(declared.name).copied().or(declared.cache_period).unwrap_or(self.cache)
    }

    fn time_limit(&self, declared: &Declared) -> Duration {
        self.time_limit_for.get(declared.name).copied().unwrap_or(self.time_limit)
    }
}

const BOOL_FORM: &str = "give NAME=true or NAME=false";

fn parse_bool(text: &str) -> Result<bool, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is neither true nor false"))
}

/// Reads `NAME=VALUE` for declared names only: a misspelt one would silently change nothing.
struct Names {
    declared: &'static [Declared],
}

impl Names {
    fn each<T>(
        &self,
        flag: &'static str,
        given: &[String],
        problems: &mut Problems,
        parse: impl Fn(&str) -> Result<T, String>,
        form: &str,
    ) -> BTreeMap<String, T> {
        let mut values = BTreeMap::new();
        for text in given.iter().filter(|text| !text.trim().is_empty()) {
            let Some((name, value)) = text.split_once('=') else {
                problems.add(flag, format!("{text:?} has no `=`"), form);
                continue;
            };
            let name = name.trim();
            if !self.declared.iter().any(|declared| declared.name == name) {
                let known: Vec<_> = self.declared.iter().map(|declared| declared.name).collect();
                problems.add(
                    flag,
                    format!("there is no dependency {name:?}"),
                    format!("choose of {}", known.join(", ")),
                );
                continue;
            }
            if let Some(value) =
                problems.take(flag, parse(value).map_err(|what| format!("{name}: {what}")), form)
            {
                values.insert(name.to_owned(), value);
            }
        }
        values
    }
}
