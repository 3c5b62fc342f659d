//! The text format: families of samples, each series once, whatever its labels hold.

use std::collections::HashMap;

/// A file in the making.
#[derive(Debug, Default)]
pub(super) struct Page(String);

/// All series of one name.
#[derive(Debug)]
pub(super) struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    /// Each series with its labels, as written, and its value.
    series: Vec<(String, f64)>,
    /// Where each stands.
    places: HashMap<String, usize>,
}

impl Page {
    /// Adds a line that no program reads; it must begin with neither HELP nor TYPE, which programs do.
    pub(super) fn comment(&mut self, line: &str) {
        self.0.push_str(&format!("# {line}\n"));
    }

    /// Adds a family; one without series is left out.
    pub(super) fn add(&mut self, family: Family) {
        if family.series.is_empty() {
            return;
        }
        let Family { name, kind, help, series, .. } = family;
        self.0.push_str(&format!("# HELP {name} {}\n# TYPE {name} {kind}\n", escape(help, false)));
        for (line, value) in series {
            self.0.push_str(&format!("{line} {}\n", number(value)));
        }
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

impl Family {
    pub(super) fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(name, "gauge", help)
    }

    pub(super) fn summary(name: &'static str, help: &'static str) -> Self {
        Self::new(name, "summary", help)
    }

    fn new(name: &'static str, kind: &'static str, help: &'static str) -> Self {
        Self { name, kind, help, series: Vec::new(), places: HashMap::new() }
    }

    /// Adds a sample; of two with the same labels the later holds, for the format allows one.
    pub(super) fn add(&mut self, labels: &[(&str, &str)], value: f64) {
        self.add_as("", labels, value);
    }

    /// The same under the name with `suffix`.
    pub(super) fn add_as(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let mut line = format!("{}{suffix}", self.name);
        for (at, (name, label)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            line.push_str(&format!("{before}{name}=\"{}\"", escape(label, true)));
        }
        if !labels.is_empty() {
            line.push('}');
        }
        match self.places.get(&line) {
            Some(&place) => self.series[place].1 = value,
            None => {
                self.places.insert(line.clone(), self.series.len());
                self.series.push((line, value));
            }
        }
    }
}

/// As the format has it: in a label's value also the quotation mark.
fn escape(text: &str, label: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if label => escaped.push_str("\\\""),
            other => escaped.push(other),
        }
    }
    escaped
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else {
        value.to_string()
    }
}
