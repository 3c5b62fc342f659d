//! What the macro [`kinds!`](crate::kinds) makes of a declaration.

use std::fmt;

use crate::nearest::choose;
use crate::{Email, Entry};

/// Who consumes a kind that [`kinds!`](crate::kinds) declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consumers {
    /// The fields of the payload that the email's template names, if one is sent.
    pub email: Option<&'static [&'static str]>,
    /// The kind of propagation that follows, if any does.
    pub propagation: Option<&'static str>,
    /// Whether the ledger tells what became of it.
    pub ledger: bool,
    /// Why nobody consumes it.
    pub nobody: Option<&'static str>,
    said_twice: bool,
}

impl Consumers {
    /// Nobody yet.
    #[doc(hidden)]
    pub const NONE: Self =
        Self { email: None, propagation: None, ledger: false, nobody: None, said_twice: false };

    #[doc(hidden)]
    #[must_use]
    pub const fn email(self, fields: &'static [&'static str]) -> Self {
        Self { email: Some(fields), said_twice: self.said_twice || self.email.is_some(), ..self }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn propagation(self, kind: &'static str) -> Self {
        Self { propagation: Some(kind), said_twice: self.said_twice || self.propagation.is_some(), ..self }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn ledger(self, (): ()) -> Self {
        Self { ledger: true, said_twice: self.said_twice || self.ledger, ..self }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn nobody(self, reason: &'static str) -> Self {
        Self { nobody: Some(reason), said_twice: self.said_twice || self.nobody.is_some(), ..self }
    }

    /// The entry of the kind that they consume.
    #[must_use]
    pub fn entry(self, kind: &str) -> Entry {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Entry {
            kind: kind.to_owned(),
            email: self.email.map(|fields| Email { fields: texts(fields) }),
            propagation: self.propagation.map(str::to_owned),
            ledger: self.ledger,
            nobody: self.nobody.map(str::to_owned),
        }
    }

    /// What is wrong with the declaration of `kind`, which is one of `kinds`.
    #[doc(hidden)]
    #[must_use]
    pub const fn fault(self, kind: &str, kinds: &[&str]) -> Option<Fault> {
        let consumed = self.email.is_some() || self.propagation.is_some() || self.ledger;
        if is_blank(kind) {
            return Some(Fault::NoName);
        }
        if times(kind, kinds) > 1 {
            return Some(Fault::Twice);
        }
        if self.said_twice {
            return Some(Fault::SaidTwice);
        }
        if let Some(propagation) = self.propagation
            && is_blank(propagation)
        {
            return Some(Fault::NoPropagation);
        }
        match self.nobody {
            None if !consumed => Some(Fault::NoConsumer),
            None if self.email.is_some() && !self.ledger => Some(Fault::NoLedger),
            None => None,
            Some(_) if consumed => Some(Fault::StaleReason),
            Some(reason) if is_blank(reason) => Some(Fault::BlankReason),
            Some(_) => None,
        }
    }
}

/// What is wrong with a declaration.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    NoName,
    Twice,
    SaidTwice,
    NoPropagation,
    NoConsumer,
    NoLedger,
    BlankReason,
    StaleReason,
}

const fn is_blank(text: &str) -> bool {
    text.trim_ascii().is_empty()
}

const fn times(kind: &str, kinds: &[&str]) -> usize {
    let (mut times, mut index) = (0, 0);
    while index < kinds.len() {
        if is_same(kind.as_bytes(), kinds[index].as_bytes()) {
            times += 1;
        }
        index += 1;
    }
    times
}

/// What `==` would say, were it const.
const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

/// A kind that is not declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKind {
    name: String,
    remedy: String,
}

impl UnknownKind {
    /// Of this name, where there are `kinds`.
    #[doc(hidden)]
    #[must_use]
    pub fn new<'a>(name: &'a str, kinds: impl IntoIterator<Item = &'a str>) -> Self {
        Self { name: name.to_owned(), remedy: choose(name, kinds) }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no kind {:?}; {}", self.name, self.remedy)
    }
}

impl std::error::Error for UnknownKind {}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Consumers = Consumers::NONE;

    fn fault(consumers: Consumers) -> Option<Fault> {
        consumers.fault("a", &["a", "b", "ab"])
    }

    #[test]
    fn sound_declarations_have_no_fault() {
        let all = NONE.email(&["name"]).ledger(()).propagation("p");
        for sound in
            [all, NONE.email(&[]).ledger(()), NONE.ledger(()), NONE.propagation("p"), NONE.nobody("why")]
        {
            assert_eq!(fault(sound), None, "{sound:?}");
        }
    }

    #[test]
    fn each_fault_is_told_from_the_others() {
        for (faulty, expected) in [
            (NONE, Fault::NoConsumer),
            (NONE.email(&["name"]), Fault::NoLedger),
            (NONE.email(&["name"]).propagation("p"), Fault::NoLedger),
            (NONE.propagation(" "), Fault::NoPropagation),
            (NONE.nobody(" \t"), Fault::BlankReason),
            (NONE.ledger(()).nobody("why"), Fault::StaleReason),
            (NONE.email(&[]).nobody("why"), Fault::StaleReason),
            (NONE.propagation("p").nobody("why"), Fault::StaleReason),
            (NONE.ledger(()).ledger(()), Fault::SaidTwice),
            (NONE.email(&[]).email(&[]).ledger(()), Fault::SaidTwice),
            (NONE.propagation("p").propagation("q").ledger(()), Fault::SaidTwice),
            (NONE.nobody("why").nobody("why"), Fault::SaidTwice),
        ] {
            assert_eq!(fault(faulty), Some(expected), "{faulty:?}");
        }
    }

    #[test]
    fn a_name_stands_once_and_is_not_blank() {
        assert_eq!(NONE.ledger(()).fault("a", &["a", "b", "a"]), Some(Fault::Twice));
        assert_eq!(NONE.ledger(()).fault(" ", &[" "]), Some(Fault::NoName));
    }
}
