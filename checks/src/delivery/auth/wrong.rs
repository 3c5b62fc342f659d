//! Calls that are not to be heard.

use super::super::post::{Call, SECRET};
use sabot_target::delivery::Webhook;

/// A call that is not to be heard.
#[derive(Debug, Clone)]
pub(in super::super) struct Wrong {
    /// What is wrong with it.
    pub(in super::super) what: &'static str,
    /// What it shows in the secret's place.
    pub(in super::super) secret: String,
    pub(in super::super) call: Call,
}

/// Calls with no secret, or with another than `secret`.
pub(in super::super) fn wrong_calls(webhook: &Webhook, secret: &str) -> Vec<Wrong> {
    let mut wrong = vec![nothing(webhook)];
    wrong.extend(others(secret).into_iter().map(|(what, secret)| {
        let call = Call::showing(webhook, &secret);
        Wrong { what, secret, call }
    }));
    wrong.extend(around(webhook, secret));
    wrong
}

/// Nothing where the secret is to stand.
fn nothing(webhook: &Webhook) -> Wrong {
    let Call { path, .. } = Call::showing(webhook, "");
    let path = if webhook.header.is_some() { path } else { path.trim_end_matches('/').to_owned() };
    Wrong { what: "no secret", secret: String::new(), call: Call { path, header: None } }
}

/// Secrets that are not the right one, wherever they stand.
fn others(secret: &str) -> Vec<(&'static str, String)> {
    let half = secret.get(..secret.len() / 2).unwrap_or_default();
    let other_case: String = secret
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    vec![
        ("an empty secret", String::new()),
        ("another secret", secret.chars().rev().collect()),
        ("the first half of the secret", half.to_owned()),
        (
            "the secret without its last character",
            secret.get(..secret.len() - 1).unwrap_or_default().to_owned(),
        ),
        ("the secret without its first character", secret.get(1..).unwrap_or_default().to_owned()),
        ("the secret in another case", other_case),
        ("the secret and one character more", format!("{secret}0")),
        ("one character more and the secret", format!("0{secret}")),
        ("the secret twice", format!("{secret}{secret}")),
    ]
}

/// The secret with other things around it than are to be there: in a path what only a path can hold, in a header what is
/// to stand there besides.
fn around(webhook: &Webhook, secret: &str) -> Vec<Wrong> {
    let Some(name) = &webhook.header else {
        let of = |(what, more)| {
            let secret = format!("{secret}{more}");
            Wrong { what, call: Call::showing(webhook, &secret), secret }
        };
        return [("the secret and a blank", "%20"), ("the secret and a zero byte", "%00")].map(of).into();
    };
    if webhook.header_form == SECRET {
        return Vec::new();
    }
    let other_word = webhook.header_form.replace(SECRET, "").chars().rev().collect::<String>();
    let shows = |what, value: String| {
        let call = Call { header: Some((name.clone(), value)), ..Call::showing(webhook, secret) };
        Wrong { what, secret: secret.to_owned(), call }
    };
    vec![
        shows("the secret without what stands around it", secret.to_owned()),
        shows("the secret with something else around it", format!("{} {secret}", other_word.trim())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use sabot_target::Target;
    use std::collections::BTreeSet;

    const RIGHT: &str = "bwh_0123456789abcdef0123456789abcdef";

    #[test]
    fn no_wrong_call_is_the_right_one_and_each_is_another() {
        let in_path = Target::embedded().delivery.webhook;
        let in_header =
            Webhook { path: "/hooks".into(), header: Some("X-Hook-Token".into()), ..in_path.clone() };
        let bearer = Webhook { header_form: "Bearer {secret}".into(), ..in_header.clone() };
        for (webhook, count) in [(in_path, 12), (in_header, 10), (bearer, 12)] {
            let wrong = wrong_calls(&webhook, RIGHT);
            let calls: BTreeSet<_> = wrong.iter().map(|wrong| &wrong.call).collect();
            assert_eq!((calls.len(), wrong.len()), (count, count), "{webhook:?}");
            assert!(!calls.contains(&Call::showing(&webhook, RIGHT)));
        }
    }

    #[test]
    fn a_secret_that_a_header_holds_stands_in_no_path() {
        let webhook = Webhook {
            path: "/hooks".into(),
            header: Some("Authorization".into()),
            header_form: "Bearer {secret}".into(),
            ..Webhook::default()
        };
        let call = Call::showing(&webhook, RIGHT);
        assert_eq!(call.path, "/hooks");
        assert_eq!(call.header, Some(("Authorization".into(), format!("Bearer {RIGHT}"))));
        assert!(wrong_calls(&webhook, RIGHT).iter().all(|wrong| wrong.call.path == "/hooks"));
    }
}
