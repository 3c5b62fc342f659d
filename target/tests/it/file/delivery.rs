//! A delivery that does without some parts: what its description may leave out, and what it may not say then.

use super::{WHOLE, described, mistakes};
use sabot_target::delivery::Part;

/// A shop with a webhook, a ledger and stored events, and nothing else.
const SHOP: &str = include_str!("shop.toml");

/// What is replaced in the shop's description by what; the key that is wrong then, and what is said of it.
type Case = (&'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const MISTAKES: &[Case] = &[
    ("\"forwarder\"", "\"forwardr\"", "delivery.without", "did you mean `forwarder`?"),
    ("\"forwarder\"", "\"lock\"", "delivery.without", "leave `forwarder` out too, or keep `audit`"),
    ("\"metrics\"", "\"audit\"", "delivery.without", "`audit` stands here twice"),
    ("[secrets]", "[delivery.forwarder]\npoll = \"1s\"\n[secrets]", "delivery.forwarder", "says that there is no forwarder; leave this out, or take `forwarder` from there"),
    ("[secrets]", "[delivery.cursor]\nrow = \"mail\"\n[secrets]", "delivery.cursor", "no cursor; leave this out, or take `forwarder` from there"),
    ("[secrets]", "[delivery.audit]\ntable = \"log\"\n[secrets]", "delivery.audit", "no audit log"),
    ("[secrets]", "[delivery.overdue]\nmessages = \"old\"\n[secrets]", "delivery.overdue", "no list of overdue messages"),
    ("[secrets]", "[delivery.metrics]\noverdue = \"old\"\n[secrets]", "delivery.metrics", "no metrics"),
    ("[secrets]", "[delivery.declared]\npath = \"/events\"\n[secrets]", "delivery.declared", "no list of declared events"),
    ("\"metrics\"", "\"metrics\", \"events\"", "delivery.events", "no stored events"),
    ("header = \"X-Hook-Token\"", "header = \"X-Hook-Token\"\narray_length = 5", "delivery.webhook.array_length", "no arrays of events"),
    ("matched = \"\"", "invalid = \"bad\"", "delivery.answers.invalid", "no arrays of events"),
    ("\"metrics\"", "\"metrics\", \"event_limit\"", "delivery.webhook.event_limit", "no limit of an event's size"),
    ("header = \"X-Hook-Token\"", "header = \"X Hook Token\"", "delivery.webhook.header", "such as X-Hook-Token"),
    ("header = \"X-Hook-Token\"", "header = \"\"", "delivery.webhook.header", "is no name of a header"),
    ("header = \"X-Hook-Token\"", "header = \"X-Hook-Token\"\nheader_form = \"Bearer\"", "delivery.webhook.header_form", "lacks `{secret}`"),
    ("path = \"/hooks/mail\"", "path = \"/hooks/{secret}\"", "delivery.webhook.path", "take `{secret}` out of the path"),
    ("path = \"/hooks/mail\"", "path = \"/hooks/mail\"\nshortest_secret = 0", "delivery.webhook.shortest_secret", "give 1 or more"),
    ("matched = \"\"", "statuses = []", "delivery.answers.statuses", "such as 200"),
    ("matched = \"\"", "statuses = [200, 404]", "delivery.answers.statuses", "404 is no status of what was taken"),
    ("classification = \"state\"", "classification = \"\"", "delivery.ledger.classification", "so name it"),
    ("event_time = \"happened_at\"", "event_time = \"\"", "delivery.events.event_time", "so name it"),
    ("order_id = \"1\"", "order_id = \" \"", "delivery.ledger.further.order_id", "an SQL expression"),
    ("order_id = \"1\"", "recipient = \"'ann'\"", "delivery.ledger.further.recipient", "is filled already, as `recipient`"),
];

#[test]
fn a_delivery_of_some_parts_is_described_by_them_alone() {
    assert_eq!(mistakes(SHOP), []);
    let target = described(SHOP).unwrap();
    let delivery = &target.delivery;
    let lacking: Vec<_> = Part::ALL.into_iter().filter(|part| !delivery.has(*part)).collect();
    let without = [Part::Forwarder, Part::Cursor, Part::Audit, Part::Overdue, Part::Metrics];
    assert_eq!(lacking, [&without[..], &[Part::Declared, Part::Batch]].concat());
    let told = target.delivery_lacks(Part::Metrics);
    assert_eq!(told.as_deref(), Some("sabot.toml says that delivery has no metrics"));
    assert_eq!(delivery.ledger.further, [("order_id".to_owned(), "1".to_owned())]);
    assert_eq!(delivery.webhook.header.as_deref(), Some("X-Hook-Token"));
}

#[test]
fn a_mistake_about_parts_is_told_with_its_line_its_key_and_what_would_be_right() {
    for (old, new, key, what) in MISTAKES {
        assert!(SHOP.contains(old), "the description does not hold {old:?}");
        let found = mistakes(&SHOP.replacen(old, new, 1));
        let told: Vec<_> = found.iter().map(ToString::to_string).collect();
        let fits = found.iter().any(|mistake| mistake.key == *key && mistake.what.contains(what));
        assert!(fits && found[0].line > 1, "{new:?} is to be told {what:?} of {key}: {told:#?}");
    }
}

#[test]
fn a_column_that_a_part_needs_may_not_be_missing() {
    for (column, needed_by) in
        [("audit_id", "forwarder"), ("sent_at", "forwarder"), ("template_kind", "forwarder")]
    {
        let text = format!("{WHOLE}\n[delivery.ledger]\n{column} = \"\"\n");
        let found = mistakes(&text);
        let key = format!("delivery.ledger.{column}");
        assert!(
            found.len() == 1 && found[0].key == key && found[0].what.contains(&format!("add `{needed_by}`")),
            "{column}: {found:?}"
        );
    }
    let overdue = SHOP.replacen("\"overdue\", ", "", 1);
    let found = mistakes(&overdue);
    let told = |key: &str| found.iter().any(|mistake| mistake.key == key);
    assert!(told("delivery.overdue.credential") && !told("delivery.ledger.sent_at"), "{found:?}");
    let found = mistakes(&overdue.replacen("sent_at = \"sent_at\"", "sent_at = \"\"", 1));
    assert!(found.iter().any(|mistake| mistake.key == "delivery.ledger.sent_at"), "{found:?}");
}

#[test]
fn a_form_of_a_header_that_is_not_there_is_a_mistake() {
    let text = SHOP.replacen("header = \"X-Hook-Token\"", "header_form = \"{secret}\"", 1);
    let keys: Vec<_> = mistakes(&text).into_iter().map(|mistake| mistake.key).collect();
    assert_eq!(keys, ["delivery.webhook.path", "delivery.webhook.header_form"]);
}
