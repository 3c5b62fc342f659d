//! What a declaration in Rust declares.

use sabot_contract::{Email, Entry, Names, Place};

const ELEVATION: &str = "tier_elevation";

sabot_contract::kinds! {
    /// Kinds that use all of the syntax.
    #[derive(Default)]
    pub(crate) enum Kind {
        /// One that emails.
        #[default]
        Created = "team.created" => ledger, email(name, type, "x-y");
        /// One that does more.
        Upgraded = "subscription.upgraded" => propagation(ELEVATION), email(), ledger;
        /// One with braces in its name.
        Odd = "odd.{}" => nobody(concat!("nobody ", "asked"))
    }
}

#[test]
fn the_registry_says_what_the_declaration_says() {
    let email = |fields: &[&str]| Some(Email { fields: fields.iter().map(ToString::to_string).collect() });
    let created = Entry {
        kind: "team.created".into(),
        email: email(&["name", "type", "x-y"]),
        ledger: true,
        ..Entry::default()
    };
    let upgraded = Entry {
        kind: "subscription.upgraded".into(),
        email: email(&[]),
        propagation: Some(ELEVATION.into()),
        ledger: true,
        ..Entry::default()
    };
    let odd = Entry { kind: "odd.{}".into(), nobody: Some("nobody asked".into()), ..Entry::default() };
    assert_eq!(Kind::registry().kinds, [created, upgraded, odd]);
    assert_eq!(Kind::default().entry(), Kind::registry().kinds[0]);
}

#[test]
fn the_registry_of_a_declaration_has_no_complaint_against_it() {
    let names = |names: &[&str]| {
        let mut all = Names::default();
        names.iter().for_each(|name| all.add(*name, Place { within: "here".into(), line: None }));
        all
    };
    let declared: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(Kind::registry().audit(&names(&declared), &names(&[ELEVATION])), []);
    assert_eq!(Kind::registry().audit(&names(&declared), &names(&[])).len(), 1);
}

#[test]
fn a_kind_is_found_by_its_name_and_shown_as_it() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.as_str()), Some(*kind));
        assert_eq!(kind.to_string().parse(), Ok(*kind));
    }
    assert_eq!(Kind::from_name("team.gone"), None);
    assert_eq!("team.gone".parse::<Kind>().unwrap_err().name(), "team.gone");
}
