//! The alerts of one severity: what each answers to each question, and what follows.

use super::super::plain;
use super::rules::Alert;
use super::scenario::{Question, Timing, questions};
use super::{Told, own};
use sabot_engine::Finding;
use sabot_target::recovery::{Alerts, Severity};
use std::collections::BTreeMap;
use std::time::Duration;

/// A `for` beyond this is told of, and not awaited: it would be days of evaluations.
const LONGEST_EVALUATED: Duration = Duration::from_secs(7 * 24 * 3600);

/// The alerts of one severity.
pub(super) struct Class<'a> {
    pub(super) alerts: &'a Alerts,
    severity: Severity,
    /// Those of one name are told apart by nobody: several rules may make up one alert.
    pub(super) criers: Vec<Vec<&'a Alert>>,
    pub(super) timing: Timing,
    pub(super) questions: Vec<Question>,
}

/// Whether one crier fires, or why that can't be told.
type Answer = Result<bool, String>;

impl<'a> Class<'a> {
    /// Those of `all` that are of `severity`, timed so that all can be evaluated in the same steps.
    pub(super) fn new(severity: Severity, all: &'a [Alert], alerts: &'a Alerts) -> Self {
        let found: Vec<_> = all.iter().filter(|alert| alert.severity(alerts) == Some(severity)).collect();
        let hold = found.iter().map(|alert| alert.hold).max().unwrap_or_default();
        let interval = all.iter().map(|alert| alert.interval).max().unwrap_or(alerts.evaluation_interval);
        let after = alerts.staleness(severity).after;
        let timing = Timing { after, hold: hold.min(LONGEST_EVALUATED), interval };
        let mut criers: BTreeMap<&str, Vec<&Alert>> = BTreeMap::new();
        for alert in found {
            criers.entry(&alert.name).or_default().push(alert);
        }
        let questions = questions(alerts, severity, &timing);
        Self { alerts, severity, criers: criers.into_values().collect(), timing, questions }
    }

    /// What comes of it; `theirs` is what `promtool` answered of each crier to each question.
    pub(super) fn judge(&self, theirs: Option<&Vec<Vec<bool>>>) -> Told {
        let mut told = Told::default();
        if self.criers.is_empty() {
            let staleness = self.alerts.staleness(self.severity);
            told.findings.push(
                Finding::new(
                    format!("alerts of severity {}", staleness.severity),
                    format!("one on `{}` that fires after {}", self.alerts.metric, plain(staleness.after)),
                    "none",
                )
                .remedy(format!(
                    "add one, labelled `{}: {}`",
                    self.alerts.severity_label, staleness.severity
                )),
            );
            return told;
        }
        let answers = self.answers(theirs);
        for (number, question) in self.questions.iter().enumerate() {
            let of_it: Vec<_> = answers.iter().map(|answers| &answers[number]).collect();
            self.conclude(question, &of_it, &mut told);
        }
        self.mute(&answers, &mut told);
        told
    }

    /// Of each crier its answer to each question.
    fn answers(&self, theirs: Option<&Vec<Vec<bool>>>) -> Vec<Vec<Answer>> {
        let mut answers: Vec<Vec<Answer>> = self.criers.iter().map(|crier| self.own(crier)).collect();
        for ((crier, ours), theirs) in self.criers.iter().zip(&mut answers).zip(theirs.into_iter().flatten())
        {
            if crier.iter().all(|alert| alert.path.is_some() && alert.blind.is_none()) {
                agree(ours, theirs);
            }
        }
        answers
    }

    fn own(&self, crier: &[&Alert]) -> Vec<Answer> {
        let fires = |question: &Question| -> Answer {
            let mut untold = None;
            for alert in crier {
                let answer = match &alert.blind {
                    Some(reason) => Err(reason.clone()),
                    None => own::fires(alert, question),
                };
                match answer {
                    Ok(true) => return Ok(true),
                    Ok(false) => {}
                    Err(reason) => untold = Some(format!("{}: {reason}", alert.place())),
                }
            }
            untold.map_or(Ok(false), Err)
        };
        self.questions.iter().map(fires).collect()
    }

    /// What follows from the answers to one question.
    fn conclude(&self, question: &Question, answers: &[&Answer], told: &mut Told) {
        let fired: Vec<_> =
            self.criers.iter().zip(answers).filter(|(_, answer)| matches!(answer, Ok(true))).collect();
        if question.fires && !fired.is_empty() {
            return;
        }
        let untold = answers.iter().filter_map(|answer| answer.as_ref().err().cloned());
        let before = told.untold.len();
        told.untold.extend(untold);
        let (criers, observed) = if question.fires {
            if told.untold.len() > before {
                return;
            }
            (self.criers.iter().collect(), "silent")
        } else {
            (fired.into_iter().map(|(crier, _)| crier).collect::<Vec<_>>(), "firing")
        };
        if criers.is_empty() {
            return;
        }
        let severity = &self.alerts.staleness(self.severity).severity;
        let expected = if question.fires { "firing" } else { "silent" };
        let mut finding =
            Finding::new(format!("{severity} alerts, when {}", question.when), expected, observed);
        for alert in criers.into_iter().flatten() {
            finding = finding.evidence(format!("{}: {}", alert.place(), alert.text));
        }
        told.findings.push(finding.remedy(question.remedy));
    }

    /// Criers that never fire though others of their severity do.
    fn mute(&self, answers: &[Vec<Answer>], told: &mut Told) {
        let never = |answers: &&Vec<Answer>| {
            let firing = self.questions.iter().zip(answers.iter()).filter(|(question, _)| question.fires);
            firing.into_iter().all(|(_, answer)| matches!(answer, Ok(false)))
        };
        let mute: Vec<_> = self.criers.iter().zip(answers).filter(|(_, answers)| never(answers)).collect();
        if mute.len() == self.criers.len() {
            return;
        }
        for alert in mute.into_iter().flat_map(|(crier, _)| crier) {
            told.findings.push(
                Finding::new(
                    alert.place(),
                    "firing for a backup that is stale, zero or absent",
                    "it never fires",
                )
                .evidence(alert.text.clone())
                .remedy(
                    "look whether its matchers fit the metric, and whether its parts contradict each other",
                ),
            );
        }
    }
}

/// Takes the answers of `promtool` where ours are lacking; where the two differ nothing is told.
fn agree(ours: &mut [Answer], theirs: &[bool]) {
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        match ours {
            Err(_) => *ours = Ok(*theirs),
            Ok(own) if own == theirs => {}
            Ok(own) => {
                let says = |fires: bool| if fires { "it fires" } else { "it is silent" };
                *ours = Err(format!(
                    "promtool says that {}, and Sabot's own evaluation that {}: one of them is wrong",
                    says(*theirs),
                    says(*own)
                ));
            }
        }
    }
}
