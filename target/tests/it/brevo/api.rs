//! The API: what it refuses, what it takes, and what it remembers.

use super::{KEY, LONG, client, email, send, simulator};
use sabot_target::brevo::{Duplicate, Key, Quota};
use serde_json::{Value, json};
use std::time::Duration;

const ONE: &str = "6e8bc430-9c3a-51d9-b1a6-8a1c2f7b9d10";
const OTHER: &str = "6e8bc430-9c3a-51d9-b1a6-8a1c2f7b9d11";

#[tokio::test]
async fn what_the_documents_refuse_is_refused_by_status_and_code() {
    let brevo = simulator().await;
    let whole = email(ONE).to_string();
    let mut without_html = email(ONE);
    without_html.as_object_mut().unwrap().remove("htmlContent");
    let cases = [
        ("POST", "/v3/smtp/email", None, whole.clone(), 401, "unauthorized"),
        ("POST", "/v3/smtp/email", Some("xkeysib-0"), whole, 401, "unauthorized"),
        ("POST", "/v3/smtp/email", Some(KEY), "{".into(), 400, "bad_request"),
        ("POST", "/v3/smtp/email", Some(KEY), without_html.to_string(), 400, "missing_parameter"),
        ("GET", "/v3/smtp/email", Some(KEY), String::new(), 405, "method_not_allowed"),
        ("POST", "/v3/account", Some(KEY), String::new(), 405, "method_not_allowed"),
        ("GET", "/v3/nothing", Some(KEY), String::new(), 404, "document_not_found"),
    ];
    for (method, path, key, body, status, code) in cases {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = client().request(method, format!("{}{path}", brevo.url())).body(body);
        if let Some(key) = key {
            request = request.header("api-key", key);
        }
        let answer = request.send().await.unwrap();
        let limits = ["limit", "remaining", "reset"].map(|name| format!("x-sib-ratelimit-{name}"));
        assert!(limits.iter().all(|name| answer.headers().contains_key(name)), "{:?}", answer.headers());
        let answered = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        assert_eq!((answered, body["code"].as_str()), (status, Some(code)), "{path} {body}");
        assert!(body["message"].is_string());
    }
    assert_eq!(brevo.sent().len(), 0, "nothing that was refused is sent");
    let keys: Vec<_> = brevo.sends().iter().map(|call| call.key).collect();
    assert_eq!(keys, [Key::Missing, Key::Wrong, Key::Right]);
}

#[tokio::test]
async fn a_message_is_sent_once_for_each_idempotency_key() {
    let brevo = simulator().await;
    let (status, first) = send(&brevo, &email(ONE)).await;
    let id = first["messageId"].as_str().unwrap();
    assert!(
        status == 201 && id.starts_with('<') && id.ends_with("@smtp-relay.mailin.fr>"),
        "{status} {first}"
    );

    let (status, again) = send(&brevo, &email(ONE)).await;
    assert_eq!((status, &again["code"], again.get("messageId")), (400, &json!("duplicate_parameter"), None));
    brevo.configure(|settings| settings.duplicate = Duplicate::DuplicateRequest);
    assert_eq!(send(&brevo, &email(ONE)).await.1["code"], json!("duplicate_request"));
    brevo.configure(|settings| settings.duplicate = Duplicate::FirstAnswer);
    assert_eq!(send(&brevo, &email(ONE)).await, (201, first.clone()));
    assert_eq!(brevo.sent().len(), 1);

    assert_eq!(send(&brevo, &email(OTHER)).await.0, 201);
    assert_eq!(brevo.sent().len(), 2, "another key is another message");
    brevo.configure(|settings| settings.key_lives = Duration::ZERO);
    let (status, later) = send(&brevo, &email(ONE)).await;
    assert!(status == 201 && later != first, "a key that has died is as good as new: {later}");
    brevo.configure(|settings| {
        settings.key_lives = LONG;
        settings.duplicate = Duplicate::SentAgain;
    });
    send(&brevo, &email(ONE)).await;
    assert_eq!(brevo.sent().len(), 4);
}

#[tokio::test]
async fn what_was_asked_is_kept_but_for_the_key() {
    let brevo = simulator().await;
    send(&brevo, &email(ONE)).await;
    let call = brevo.sends().remove(0);
    let asked = call.email.clone().unwrap();
    assert_eq!((asked.to, asked.tags), (vec!["ada@example.com".to_owned()], vec!["team.created".to_owned()]));
    assert_eq!(asked.idempotency_key.as_deref(), Some(ONE));
    assert_eq!(call.message_id, Some(brevo.sent()[0].id.clone()));
    assert!(!format!("{brevo:?}{call:?}{:?}", brevo.settings()).contains(KEY));
}

#[tokio::test]
async fn an_account_in_bad_standing_sends_nothing() {
    let brevo = simulator().await;
    brevo.configure(|settings| settings.under_validation = true);
    let (status, body) = send(&brevo, &email(ONE)).await;
    assert_eq!((status, &body["code"]), (402, &json!("account_under_validation")));
    brevo.configure(|settings| {
        settings.under_validation = false;
        settings.credits = Some(1);
        settings.refusal_status = 400;
    });
    assert_eq!(send(&brevo, &email(ONE)).await.0, 201, "what was refused has not used up its key");
    let (status, body) = send(&brevo, &email(OTHER)).await;
    assert_eq!((status, &body["code"]), (400, &json!("not_enough_credits")));
    assert_eq!(brevo.sent().len(), 1);
}

#[tokio::test]
async fn beyond_the_rate_limit_comes_429() {
    let brevo = simulator().await;
    brevo.configure(|settings| settings.limits.account = Quota::of(2, Duration::from_secs(3600)));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let url = format!("{}/v3/account", brevo.url());
        let answer = client().get(url).header("api-key", KEY).send().await.unwrap();
        let remaining = answer.headers()["x-sib-ratelimit-remaining"].to_str().unwrap().to_owned();
        seen.push((answer.status().as_u16(), remaining));
    }
    assert_eq!(seen, [(200, "1".into()), (200, "0".into()), (429, "0".into())]);
    assert_eq!(send(&brevo, &email(ONE)).await.0, 201, "sends have a limit of their own");
}

#[tokio::test]
async fn a_message_that_is_awaited_is_told_at_once_and_one_that_never_comes_at_the_limit() {
    let brevo = simulator().await;
    let body = email(ONE);
    let (sent, _) = tokio::join!(brevo.await_sent(1, LONG), send(&brevo, &body));
    assert_eq!(sent.unwrap().len(), 1);
    let never = brevo.await_sent(2, Duration::from_millis(1)).await.unwrap_err();
    assert!(never.to_string().contains("1 of 2 messages"), "{never}");
}

#[tokio::test]
async fn a_reset_forgets_all_but_the_numbers_of_messages() {
    let brevo = simulator().await;
    let (_, first) = send(&brevo, &email(ONE)).await;
    brevo.set_webhook("http://127.0.0.1:9/");
    brevo.configure(|settings| settings.under_validation = true);
    brevo.reset();
    assert_eq!((brevo.calls().len(), brevo.sent().len(), brevo.webhook()), (0, 0, None));
    let (status, second) = send(&brevo, &email(ONE)).await;
    assert!(status == 201 && second != first, "{second}");
}
