//! Tables as the database tells of them, and how their names are read.

/// What a column holds, as far as a guess is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Number,
    Uuid,
    Text,
    Time,
    Json,
    Truth,
    Other,
}

impl Sort {
    /// By the name of the type in the database.
    pub(super) fn of(type_name: &str) -> Self {
        match type_name {
            "int2" | "int4" | "int8" | "numeric" => Self::Number,
            "uuid" => Self::Uuid,
            "text" | "varchar" | "bpchar" | "citext" | "name" => Self::Text,
            "timestamptz" | "timestamp" => Self::Time,
            "json" | "jsonb" => Self::Json,
            "bool" => Self::Truth,
            _ => Self::Other,
        }
    }
}

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) sort: Sort,
    /// The enum that its type is, and its values.
    pub(super) of_enum: Option<(String, Vec<String>)>,
}

/// A constraint of a table.
#[derive(Debug, Clone)]
pub(super) struct Constraint {
    pub(super) name: String,
    pub(super) sort: ConstraintSort,
    pub(super) columns: Vec<String>,
    /// As the database writes it.
    pub(super) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConstraintSort {
    Check,
    /// A primary key among them.
    Unique,
    /// To a column of this table.
    Refers {
        table: String,
        column: String,
    },
}

/// A table with all that a guess goes by.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// With its schema where that is not `public`, as a description has it.
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    pub(super) constraints: Vec<Constraint>,
}

impl Table {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The constraints on `column` alone.
    pub(super) fn constraints_on<'a>(&'a self, column: &'a str) -> impl Iterator<Item = &'a Constraint> {
        self.constraints.iter().filter(move |constraint| constraint.columns == [column])
    }
}

/// The words of a name, in lower case and joined by `_`: `runAt`, `RunAt` and `run_at` are the same.
pub(super) fn words(name: &str) -> String {
    let mut words = String::new();
    let mut after_lower = false;
    for c in name.chars() {
        if c.is_uppercase() && after_lower {
            words.push('_');
        }
        after_lower = c.is_lowercase() || c.is_ascii_digit();
        words.extend(if c.is_alphanumeric() { c } else { '_' }.to_lowercase());
    }
    words
}

/// How like one of `known` a name is: 2 the same, 1 with it among its words, 0 not at all.
pub(super) fn likeness(name: &str, known: &[&str]) -> u32 {
    let words = words(name);
    if known.contains(&words.as_str()) {
        return 2;
    }
    let words = format!("_{words}_");
    u32::from(known.iter().any(|known| words.contains(&format!("_{known}_"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_by_their_words_however_they_are_written() {
        for name in ["run_at", "runAt", "RunAt", "RUN_AT", "run-at"] {
            assert_eq!(words(name), "run_at", "{name}");
        }
        assert_eq!(likeness("runAt", &["run_at"]), 2);
        assert_eq!(likeness("num_tries", &["tries"]), 1);
        assert_eq!(likeness("entries", &["tries"]), 0, "a part of a word is none");
    }
}
