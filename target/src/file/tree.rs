//! The file as a tree whose parts know where they stand, so that whatever is wrong is named with its place.

use super::document::Document;
use super::mistake::{Mistake, reworded};
use serde::Deserialize as _;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer, Error};

type Span = Range<usize>;

/// The file's tables.
pub(super) struct Tree<'a> {
    text: &'a str,
    root: Spanned<DeTable<'a>>,
    /// What was taken out: nothing can be said of it, or of what hangs on it.
    taken_out: Vec<Vec<String>>,
}

impl<'a> Tree<'a> {
    /// What can be made of `text`, and what is wrong with its form.
    pub(super) fn parse(text: &'a str) -> (Self, Vec<Mistake>) {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut tree = Self { text, root, taken_out: Vec::new() };
        let mistakes = errors.iter().map(|error| {
            let span = error.span().unwrap_or_default();
            let mut path = tree.path_of(&span);
            if path.is_empty() {
                path = tree.written_at(&span);
            }
            tree.mistake(&span, &path, format!("{}; this is no TOML", error.message()))
        });
        let mistakes: Vec<_> = mistakes.collect();
        if !mistakes.is_empty() {
            // What a broken line was to say, nobody knows.
            tree.give_up();
        }
        (tree, mistakes)
    }

    pub(super) fn document(&self) -> Result<Document, Error> {
        Document::deserialize(Deserializer::from(self.root.clone()))
    }

    /// Takes out the entry that `error` is about, and says what is wrong with it unless that is only what was taken out of
    /// it before; false where there is no such entry.
    pub(super) fn take_out(&mut self, error: &Error) -> (Option<Mistake>, bool) {
        let span = error.span().unwrap_or_default();
        let path = self.path_of(&span);
        let follows = self.taken_out.iter().any(|out| out.len() > path.len() && out.starts_with(&path));
        let mistake = (!follows).then(|| self.mistake(&span, &path, reworded(error.message())));
        let root = std::mem::take(self.root.get_mut());
        let (root, found) = without(root, &path);
        *self.root.get_mut() = root;
        self.taken_out.push(path);
        (mistake, found)
    }

    /// Nothing more is to be said of any part.
    pub(super) fn give_up(&mut self) {
        self.taken_out.push(Vec::new());
    }

    /// Whether something of what stands at `path`, above or below it was taken out; or something beside it, where it is
    /// not there itself and may have been meant.
    pub(super) fn is_unknown(&self, path: &[&str]) -> bool {
        let there = self.depth_of(path);
        self.taken_out.iter().any(|out| {
            let is_meant = there < path.len()
                && out.len() == there + 1
                && out.iter().zip(&path[..there]).all(|(out, step)| out == step);
            is_meant || out.iter().zip(path).all(|(out, step)| out == step)
        })
    }

    /// Whether something stands at `path`.
    pub(super) fn is_given(&self, path: &[&str]) -> bool {
        self.depth_of(path) == path.len()
    }

    /// How many steps of `path` lead somewhere.
    fn depth_of(&self, path: &[&str]) -> usize {
        let mut deepest = 0;
        walk(self.root.get_ref(), &mut Vec::new(), &mut |at, _| {
            if at.len() <= path.len() && at.iter().zip(path).all(|(at, step)| at == step) {
                deepest = deepest.max(at.len());
            }
        });
        deepest
    }

    /// That `what` is wrong at `path`, or at what is there of it.
    pub(super) fn wrong(&self, path: &[&str], what: String) -> Mistake {
        let path: Vec<_> = path.iter().map(|step| (*step).to_owned()).collect();
        self.mistake(&self.span_of(&path), &path, what)
    }

    fn mistake(&self, span: &Span, path: &[String], what: String) -> Mistake {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let is_index = |step: &str| step.bytes().all(|byte| byte.is_ascii_digit());
        let key: Vec<_> = path.iter().filter(|step| !is_index(step)).map(String::as_str).collect();
        Mistake { line, column, key: key.join("."), what }
    }

    /// The key that stands at `span`, below the header before it: of what stands twice the tree has only the first.
    fn written_at(&self, span: &Span) -> Vec<String> {
        let before = self.text.get(..span.start).unwrap_or_default();
        let header = before.lines().rev().find_map(|line| line.trim().strip_prefix('['));
        let header = header.map(|line| line.trim_matches(['[', ']', ' '])).unwrap_or_default();
        let key = self.text.get(span.clone()).unwrap_or_default();
        [header, key].into_iter().filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// The smallest entry that holds `span`.
    fn path_of(&self, span: &Span) -> Vec<String> {
        let mut best: Option<(usize, Vec<String>)> = None;
        walk(self.root.get_ref(), &mut Vec::new(), &mut |path, own| {
            let holds = own.start <= span.start && span.end <= own.end;
            if holds && best.as_ref().is_none_or(|(length, _)| own.len() <= *length) {
                best = Some((own.len(), path.to_vec()));
            }
        });
        best.map(|(_, path)| path).unwrap_or_default()
    }

    /// Where the deepest part of `path` stands that is there.
    fn span_of(&self, path: &[String]) -> Span {
        let mut best: Option<(usize, Span)> = None;
        walk(self.root.get_ref(), &mut Vec::new(), &mut |at, own| {
            if path.starts_with(at) && best.as_ref().is_none_or(|(depth, _)| at.len() > *depth) {
                best = Some((at.len(), own.clone()));
            }
        });
        best.map(|(_, span)| span).unwrap_or(0..0)
    }
}

/// Shows each entry's path with where its value stands, and then with where its key does.
fn walk(table: &DeTable<'_>, path: &mut Vec<String>, see: &mut dyn FnMut(&[String], &Span)) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        see(path, &value.span());
        walk_value(value.get_ref(), path, see);
        see(path, &key.span());
        path.pop();
    }
}

fn walk_value(value: &DeValue<'_>, path: &mut Vec<String>, see: &mut dyn FnMut(&[String], &Span)) {
    match value {
        DeValue::Table(table) => walk(table, path, see),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                see(path, &item.span());
                walk_value(item.get_ref(), path, see);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The table without what stands at `path`; false where nothing does.
fn without<'a>(mut table: DeTable<'a>, path: &[String]) -> (DeTable<'a>, bool) {
    let Some((step, rest)) = path.split_first() else { return (table, false) };
    if rest.is_empty() {
        let found = table.remove(step.as_str()).is_some();
        return (table, found);
    }
    let found = table.get_mut(step.as_str()).is_some_and(|value| take_from(value.get_mut(), rest));
    (table, found)
}

fn take_from(value: &mut DeValue<'_>, path: &[String]) -> bool {
    match value {
        DeValue::Table(table) => {
            let (left, found) = without(std::mem::take(table), path);
            *table = left;
            found
        }
        DeValue::Array(items) => {
            let Some((step, rest)) = path.split_first() else { return false };
            let Ok(place) = step.parse::<usize>() else { return false };
            if !rest.is_empty() {
                return items.get_mut(place).is_some_and(|item| take_from(item.get_mut(), rest));
            }
            let mut left = DeArray::new();
            items.iter().enumerate().filter(|(index, _)| *index != place).for_each(|(_, item)| {
                left.push(item.clone());
            });
            let found = left.len() < items.len();
            *items = left;
            found
        }
        _ => false,
    }
}
