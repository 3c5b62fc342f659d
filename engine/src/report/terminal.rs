//! The view of a run while it runs: live on a terminal, plain lines elsewhere.

use super::text;
use crate::{Event, Exit, Record, Verdict};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// How to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Live on a terminal, plain lines elsewhere.
    Text,
    /// The record as JSON on standard output when it is complete; nothing else.
    Json,
}

/// Shows events until the stream ends, on standard output; returns the record with which it ended.
pub async fn watch(mut events: UnboundedReceiver<Event>, view: View) -> Option<Record> {
    let terminal = std::io::stdout().is_terminal();
    let mut screen = Screen::new(view, terminal, Box::new(std::io::stdout()));
    let mut ended = None;
    while let Some(event) = events.recv().await {
        if let Event::Ended(record) = event {
            screen.end(&record);
            ended = Some(*record);
        } else {
            screen.show(&event);
        }
    }
    ended
}

struct Screen {
    view: View,
    colour: bool,
    live: MultiProgress,
    under_way: BTreeMap<String, ProgressBar>,
    out: Box<dyn Write + Send>,
}

impl Screen {
    /// Shows on `out`, live where it is a terminal.
    fn new(view: View, terminal: bool, out: Box<dyn Write + Send>) -> Self {
        let terminal = terminal && view == View::Text;
        let target = if terminal { ProgressDrawTarget::stdout() } else { ProgressDrawTarget::hidden() };
        let colour = terminal && std::env::var_os("NO_COLOR").is_none();
        let live = MultiProgress::with_draw_target(target);
        Self { view, colour, live, under_way: BTreeMap::new(), out }
    }

    fn show(&mut self, event: &Event) {
        if self.view == View::Json {
            return;
        }
        match event {
            Event::Begun { command, target, profile, checks, sabotages, lanes } => {
                let proofs = if *sabotages > 0 { format!(", {sabotages} sabotages") } else { String::new() };
                self.line(&format!("sabot {command} · {target} · {checks} checks{proofs} on {lanes} lanes"));
                let profile: Vec<_> =
                    profile.iter().map(|fact| format!("{} {}", fact.name, fact.value)).collect();
                if !profile.is_empty() {
                    self.line(&format!("profile: {}\n", profile.join(", ")));
                }
            }
            Event::CheckStarted { id, lane, limit } => self.begin(&format!("{id} {lane}"), id, *lane, *limit),
            Event::CheckEnded(result) => {
                self.end_all(&result.id);
                self.line(&self.paint(result.verdict, &text::result(result)));
            }
            Event::Baseline { green: true } => self.line("\nthe clean target is green; now each sabotage\n"),
            Event::Baseline { green: false } => {
                self.line(
                    "\nthe clean target is not green: nothing can be proved of the checks that are red\n",
                );
            }
            Event::SabotageOn { id, lane, limit } => {
                let what = format!("sabotage {id}");
                // A proof takes long: whoever reads a log wants to know which one is under way.
                if self.live.is_hidden() {
                    self.line(&under_way(&what, *lane, *limit));
                }
                self.begin(id, &what, *lane, *limit);
            }
            Event::ProofEnded(proof) => {
                self.end_all(&proof.sabotage);
                for red in &proof.matrix {
                    self.end_all(&red.check);
                }
                let verdict = if proof.outcome.is_good() { Verdict::Pass } else { Verdict::Fail };
                self.line(&self.paint(verdict, &text::proof(proof)));
            }
            Event::Ended(_) => {}
        }
    }

    fn end(&mut self, record: &Record) {
        for (_, bar) in std::mem::take(&mut self.under_way) {
            bar.finish_and_clear();
        }
        if self.view == View::Json {
            let json = serde_json::to_string_pretty(record)
                .unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
            self.line(&json);
            return;
        }
        self.line(text::summary(record).trim_end());
        let verdict = match Exit::of(record) {
            Exit::Passed => Verdict::Pass,
            Exit::Failed => Verdict::Fail,
            _ => Verdict::Unverified,
        };
        self.line(&self.paint(verdict, &text::last_line(record)));
    }

    /// A line that stays, above what is under way.
    fn line(&mut self, text: &str) {
        let out = &mut self.out;
        self.live.suspend(|| {
            // A reader that has gone (a closed pipe) is no reason to stop a run.
            drop(writeln!(out, "{text}"));
        });
    }

    fn begin(&mut self, key: &str, what: &str, lane: usize, limit: Duration) {
        let bar = self.live.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(under_way(what, lane, limit));
        if !self.live.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        if let Some(before) = self.under_way.insert(key.to_owned(), bar) {
            before.finish_and_clear();
        }
    }

    fn end_all(&mut self, id: &str) {
        self.under_way.retain(|key, bar| {
            let ended = key == id || key.strip_prefix(id).is_some_and(|rest| rest.starts_with(' '));
            if ended {
                bar.finish_and_clear();
            }
            !ended
        });
    }

    /// Colours the first line.
    fn paint(&self, verdict: Verdict, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let colour = match verdict {
            Verdict::Pass => 32,
            Verdict::Fail => 31,
            Verdict::Unverified => 33,
            Verdict::Skipped => 36,
        };
        let (first, rest) =
            text.split_once('\n').map_or((text, String::new()), |(first, rest)| (first, format!("\n{rest}")));
        format!("\x1b[{colour}m{first}\x1b[0m{rest}")
    }
}

fn under_way(what: &str, lane: usize, limit: Duration) -> String {
    format!("lane {lane}: {what} (at most {} s)", limit.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn plain_output_says_which_sabotage_is_on_and_for_how_long_at_most() {
        let page = Page::default();
        let event = Event::SabotageOn { id: "a.one/thing".into(), lane: 1, limit: Duration::from_secs(40) };
        Screen::new(View::Text, false, Box::new(page.clone())).show(&event);
        Screen::new(View::Json, false, Box::new(page.clone())).show(&event);
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "lane 1: sabotage a.one/thing (at most 40 s)\n");
    }
}
