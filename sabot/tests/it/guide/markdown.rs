//! As much of Markdown as the guide is written in: fences, code spans, links, headings.

use std::collections::BTreeSet;

/// One line of a document.
pub(super) struct Line<'a> {
    /// Counted from one.
    pub(super) number: usize,
    pub(super) text: &'a str,
    /// The language of the fence that it stands in.
    pub(super) fence: Option<&'a str>,
}

/// Every line but those that open and close a fence.
pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    let (mut fence, mut lines) = (None, Vec::new());
    for (number, text) in (1..).zip(text.lines()) {
        match (text.trim_start().strip_prefix("```"), fence) {
            (Some(language), None) => fence = Some(language.trim()),
            (Some(_), Some(_)) => fence = None,
            (None, _) => lines.push(Line { number, text, fence }),
        }
    }
    lines
}

/// What stands between backticks outside of fences, with the number of its line.
pub(super) fn spans(text: &str) -> Vec<(usize, &str)> {
    prose(text)
        .flat_map(|line| line.text.split('`').skip(1).step_by(2).map(move |span| (line.number, span)))
        .collect()
}

/// Where the links outside of fences and code spans lead to, with the number of their line.
pub(super) fn links(text: &str) -> Vec<(usize, String)> {
    prose(text)
        .flat_map(|line| {
            let plain: String = line.text.split('`').step_by(2).collect();
            let targets = plain.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            targets.map(|(target, _)| (line.number, target.to_owned())).collect::<Vec<_>>()
        })
        .collect()
}

/// What a link to each heading ends in.
pub(super) fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter(|line| line.text.starts_with('#'))
        .map(|line| anchor(line.text.trim_start_matches('#').trim()))
        .collect()
}

/// Command lines of `sabot` that fences show: of a shell, or after a prompt. Continued ones are joined, comments cut.
pub(super) fn commands(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut commands: Vec<(usize, String)> = Vec::new();
    let mut continued = false;
    for line in lines(text).into_iter().filter(|line| line.fence.is_some()) {
        let said = line.text.trim();
        let command = match line.fence {
            Some("sh") => Some(said.trim_start_matches("$ ")),
            _ => said.strip_prefix("$ "),
        };
        if continued {
            commands.last_mut().into_iter().for_each(|(_, before)| *before += said);
        } else if let Some(command) = command.filter(|command| command.starts_with("sabot ")) {
            commands.push((line.number, command.to_owned()));
        } else {
            continue;
        }
        continued = said.ends_with('\\');
    }
    commands.into_iter().map(|(number, command)| (number, words(&command))).collect()
}

fn words(command: &str) -> Vec<String> {
    let command = command.split(" # ").next().unwrap_or(command).replace('\\', " ");
    command.split_whitespace().map(str::to_owned).collect()
}

fn prose(text: &str) -> impl Iterator<Item = Line<'_>> {
    lines(text).into_iter().filter(|line| line.fence.is_none())
}

/// As GitHub and mdBook make it.
fn anchor(heading: &str) -> String {
    let lower = heading.to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn what_stands_in_a_fence_is_neither_link_nor_heading_nor_span() {
    let text = "# A: `b`?\n[x](y.md#z) and `[no](no)`\n```text\n# no\n`no` [no](no)\n```\n`b c`";
    assert_eq!(anchors(text), BTreeSet::from(["a-b".to_owned()]));
    assert_eq!(links(text), [(2, "y.md#z".to_owned())]);
    assert_eq!(spans(text), [(1, "b"), (2, "[no](no)"), (7, "b c")]);
}

#[test]
fn commands_are_read_with_their_continuation_and_without_their_comment() {
    let text = "sabot no\n```sh\nsabot run a \\\n  --with files # why\nmake\n```\n```text\nsabot no\n$ sabot gc\n```";
    let said: Vec<_> = commands(text).into_iter().map(|(line, words)| (line, words.join(" "))).collect();
    assert_eq!(said, [(3, "sabot run a --with files".to_owned()), (9, "sabot gc".to_owned())]);
}
