//! Of several names the one that was probably meant.

/// Less alike than this, a name is no help.
const ALIKE: f64 = 0.5;

/// The one of `names` that is most like `meant`, if one is like it at all.
pub(crate) fn nearest<'a>(meant: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &'a str| (strsim::normalized_damerau_levenshtein(meant, name), name);
    let alike = names.into_iter().map(likeness).filter(|(likeness, _)| *likeness >= ALIKE);
    alike.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// What to do about a name that is not among `names`: the nearest, else all there are.
pub(crate) fn choose<'a>(meant: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    if let Some(name) = nearest(meant, names.iter().copied()) {
        return format!("did you mean {name:?}?");
    }
    let all: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    match all.len() {
        0 => "there is none".to_owned(),
        1..=8 => format!("there is {}", all.join(", ")),
        more => format!("there are {}, and {} more", all[..8].join(", "), more - 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_understood_and_anything_else_gets_the_choice() {
        assert_eq!(choose("ledgr", ["kind", "ledger"]), "did you mean \"ledger\"?");
        assert_eq!(choose("zzz", ["kind", "ledger"]), "there is \"kind\", \"ledger\"");
        assert_eq!(choose("zzz", []), "there is none");
    }
}
