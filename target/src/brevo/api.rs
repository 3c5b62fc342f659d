//! Brevo's API: what each call is answered.
//!
//! Paths, the `api-key` header and the answers: <https://developers.brevo.com/reference/send-transac-email> and
//! <https://developers.brevo.com/reference/get-account>. No page says in which order Brevo looks at a call; here it is
//! the rate limit, the path, the key, the body, the account and the idempotency key.

use super::quota::Spent;
use super::record::{Call, Email, Key, Message};
use super::refusal::Refusal;
use super::script::Script;
use super::send;
use super::settings::Duplicate;
use super::shared::{Shared, State};
use sabot_wire::http::{Request, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use time::OffsetDateTime;
use time::macros::format_description;

const SEND: &str = "/v3/smtp/email";
const ACCOUNT: &str = "/v3/account";

/// What a call that was not refused is answered.
struct Answer {
    status: u16,
    body: Value,
    message_id: Option<String>,
    /// The message that was sent, and what follows upon it.
    sent: Option<(Message, Script)>,
}

/// Answers a call.
pub(super) fn answer(shared: &Arc<Shared>, request: &Request) -> Response {
    let (response, sent) = shared.change(|state| {
        let key = key(request, &state.settings.api_key);
        let spent = spend(state, request.path());
        let fields = (request.path() == SEND).then(|| send::object(&request.body));
        let email = fields.as_ref().and_then(|fields| fields.as_ref().ok()).map(send::email);
        let outcome = decide(state, request, key, spent, email.as_ref());
        let mut call = Call {
            at: SystemTime::now(),
            method: request.method.clone(),
            path: request.path().to_owned(),
            key,
            body: request.body.clone(),
            email,
            status: 0,
            code: None,
            message_id: None,
        };
        let (response, sent) = match outcome {
            Ok(answer) => {
                call.status = answer.status;
                call.message_id = answer.message_id;
                (Response::json(answer.body.to_string()).with_status(answer.status), answer.sent)
            }
            Err(refusal) => {
                call.status = refusal.status;
                call.code = Some(refusal.code);
                (refusal.response(), None)
            }
        };
        state.record(call);
        if sent.is_some() {
            state.scripts += 1;
        }
        (spent.tell(response), sent)
    });
    if let Some((message, script)) = sent {
        shared.spawn(super::post::play(Arc::clone(shared), message, script));
    }
    response
}

fn decide(
    state: &mut State,
    request: &Request,
    key: Key,
    spent: Spent,
    email: Option<&Email>,
) -> Result<Answer, Refusal> {
    if spent.exceeded {
        // No page shows the body of a 429.
        return Err(Refusal::new(429, "too_many_requests", "the rate limit is exceeded"));
    }
    let method = match request.path() {
        SEND => "POST",
        ACCOUNT => "GET",
        _ => return Err(Refusal::new(404, "document_not_found", "there is no such path")),
    };
    if request.method != method {
        return Err(Refusal::new(405, "method_not_allowed", format!("this path takes {method}")));
    }
    match key {
        Key::Right => {}
        Key::Wrong => return Err(Refusal::new(401, "unauthorized", "the api-key is not known")),
        Key::Missing => return Err(Refusal::new(401, "unauthorized", "there is no api-key")),
    }
    match email {
        _ if method == "GET" => Ok(Answer { status: 200, body: account(), message_id: None, sent: None }),
        Some(email) => {
            let fields = send::object(&request.body)?;
            send::check(&fields, email, state.settings.key_is_uuid)?;
            take(state, email)
        }
        None => send::object(&request.body).and_then(|_| Err(Refusal::invalid("the body"))),
    }
}

/// Takes a message that is in order.
fn take(state: &mut State, email: &Email) -> Result<Answer, Refusal> {
    let settings = &state.settings;
    if settings.under_validation {
        let text = "the account is being validated";
        return Err(Refusal::new(settings.refusal_status, "account_under_validation", text));
    }
    if let Some(first) = known(state, email) {
        let refused = |code| Err(Refusal::new(400, code, "this idempotencyKey was used before"));
        match settings.duplicate {
            Duplicate::DuplicateParameter => return refused("duplicate_parameter"),
            Duplicate::DuplicateRequest => return refused("duplicate_request"),
            Duplicate::FirstAnswer => return Ok(taken(first, None)),
            Duplicate::SentAgain => {}
        }
    }
    match &mut state.settings.credits {
        Some(0) => {
            let status = state.settings.refusal_status;
            return Err(Refusal::new(status, "not_enough_credits", "no sends are left"));
        }
        Some(left) => *left -= 1,
        None => {}
    }
    let at = SystemTime::now();
    let message = Message { id: next_id(state, at), at, email: email.clone() };
    if let Some(key) = &email.idempotency_key {
        state.keys.insert(key.clone(), (Instant::now(), message.id.clone()));
    }
    state.messages.push(message.clone());
    let script = script(state, email);
    Ok(taken(message.id.clone(), Some((message, script))))
}

/// 201 with the message's id.
fn taken(id: String, sent: Option<(Message, Script)>) -> Answer {
    Answer { status: 201, body: json!({"messageId": id}), message_id: Some(id), sent }
}

/// The id of the message that the idempotency key was used for.
fn known(state: &State, email: &Email) -> Option<String> {
    let (used, id) = state.keys.get(email.idempotency_key.as_ref()?)?;
    (used.elapsed() < state.settings.key_lives).then(|| id.clone())
}

/// What follows upon a message.
fn script(state: &State, email: &Email) -> Script {
    let settings = &state.settings;
    let domain = send::sender_domain(email);
    let validated = match (&settings.sender_domains, domain) {
        (Some(domains), Some(domain)) => domains.iter().any(|one| one.eq_ignore_ascii_case(&domain)),
        _ => true,
    };
    if validated { settings.script.clone() } else { settings.unvalidated.clone() }
}

/// A new message id, shaped as captured ones: the minute, a number, the relay.
fn next_id(state: &mut State, at: SystemTime) -> String {
    state.serial += 1;
    let shape = format_description!("[year][month][day][hour][minute]");
    let minute = OffsetDateTime::from(at).format(shape).unwrap_or_default();
    format!("<{minute}.{}@smtp-relay.mailin.fr>", state.serial)
}

fn key(request: &Request, right: &str) -> Key {
    match request.headers.get("api-key") {
        None => Key::Missing,
        Some(key) if key == right => Key::Right,
        Some(_) => Key::Wrong,
    }
}

fn spend(state: &mut State, path: &str) -> Spent {
    let limits = state.settings.limits;
    if path == SEND {
        state.sends.spend(limits.send, Instant::now())
    } else {
        state.others.spend(limits.account, Instant::now())
    }
}

/// An account with made-up personal data, which nobody ought to log.
fn account() -> Value {
    json!({
        "organization_id": "5f0c1a9e7d2b",
        "user_id": 814_119,
        "enterprise": false,
        "companyName": "Example",
        "email": "ops@example.com",
        "firstName": "Ada",
        "lastName": "Example",
        "address": {"street": "1 Example Street", "city": "Exampletown", "zipCode": "00000", "country": "FR"},
        "plan": [{"type": "free", "creditsType": "sendLimit", "credits": 300}],
        "relay": {"enabled": true, "data": {"userName": "ops@example.com", "relay": "smtp-relay.brevo.com", "port": 587}},
    })
}
