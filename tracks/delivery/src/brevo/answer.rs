//! What an answer of Brevo's send API means.
//!
//! The pairing of HTTP statuses and error codes varies (`account_under_validation` has been seen with 400 and 402), so
//! the code in the body decides where there is one, and the status only for 401, 429 and 5xx.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::payload::message_id;
use crate::email::SendOutcome;

/// How long at most the provider's own time of reset is believed.
const LONGEST_RESET: Duration = Duration::from_secs(3_600);

#[derive(Deserialize, Default)]
struct Reply {
    #[serde(rename = "messageId")]
    message_id: Option<String>,
    code: Option<String>,
    #[serde(default)]
    message: String,
}

pub(super) fn outcome(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> SendOutcome {
    let reply: Reply = serde_json::from_slice(body).unwrap_or_default();
    let id = reply.message_id.as_deref().and_then(message_id);
    // Taken, even where the id cannot be read: asked again after the key has lapsed, it would send a second email.
    if status.is_success() {
        return SendOutcome::Sent { provider_id: id };
    }
    // What Brevo says in its message may hold the address, so only the code is told.
    let told = || match &reply.code {
        Some(code) => format!("http_{} {}", status.as_u16(), short(code)),
        None => format!("http_{}", status.as_u16()),
    };
    match (status, reply.code.as_deref()) {
        (StatusCode::TOO_MANY_REQUESTS, _) => SendOutcome::Throttled(reset(headers)),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PAYMENT_REQUIRED, _) => {
            SendOutcome::Unauthorised(told())
        }
        // The key was used before, so an earlier request was taken whose answer got lost. Which of the two codes Brevo
        // uses, and whether it repeats the id, is not documented for single emails.
        (_, Some("duplicate_request" | "duplicate_parameter")) => SendOutcome::Sent { provider_id: id },
        (_, Some(code)) if ACCOUNT.contains(&code) => SendOutcome::Unauthorised(told()),
        (status, _) if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            SendOutcome::Temporary(told())
        }
        // A sender that was never validated is the account's fault and not the message's: it will be mended.
        (_, Some(_)) if reply.message.to_lowercase().contains("sender") => SendOutcome::Unauthorised(told()),
        (_, Some(code)) if MESSAGE.contains(&code) => SendOutcome::Permanent(told()),
        // Not Brevo's manner: something in between answered, or a code that nobody has seen.
        _ => SendOutcome::Temporary(told()),
    }
}

/// Codes that blame the account.
const ACCOUNT: [&str; 5] = [
    "unauthorized",
    "permission_denied",
    "reseller_permission_denied",
    "not_enough_credits",
    "account_under_validation",
];

/// Codes that blame the message.
const MESSAGE: [&str; 6] = [
    "invalid_parameter",
    "missing_parameter",
    "out_of_range",
    "document_not_found",
    "not_acceptable",
    "bad_request",
];

/// `x-sib-ratelimit-reset` counts seconds from now; `Retry-After` is what anything in between would send.
fn reset(headers: &HeaderMap) -> Option<Duration> {
    let seconds = |name| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let seconds = seconds("x-sib-ratelimit-reset").or_else(|| seconds("retry-after"))?;
    Some(Duration::from_secs(seconds).min(LONGEST_RESET))
}

/// A code as far as it is one.
fn short(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> SendOutcome {
        outcome(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes())
    }

    fn error(status: u16, code: &str, message: &str) -> SendOutcome {
        answered(status, &format!(r#"{{"code":"{code}","message":"{message}"}}"#))
    }

    #[test]
    fn what_was_taken_is_sent_whatever_the_answer_holds() {
        let sent = |id: Option<&str>| SendOutcome::Sent { provider_id: id.map(ToOwned::to_owned) };
        assert_eq!(answered(201, r#"{"messageId":"<1.2@mailin.fr>"}"#), sent(Some("1.2@mailin.fr")));
        assert_eq!(
            answered(202, r#"{"messageId":"1.2@mailin.fr","batchId":"b"}"#),
            sent(Some("1.2@mailin.fr"))
        );
        for body in ["", "{}", "not json", r#"{"messageId":5}"#, r#"{"messageId":""}"#] {
            assert_eq!(answered(201, body), sent(None), "{body}");
        }
        for code in ["duplicate_request", "duplicate_parameter"] {
            assert_eq!(error(400, code, ""), sent(None));
        }
    }

    #[test]
    fn an_error_blames_the_moment_the_account_or_the_message() {
        let cases = [
            (error(500, "internal", ""), "temporary"),
            (answered(503, "<html>"), "temporary"),
            (answered(408, ""), "temporary"),
            (answered(404, "<html>no such page</html>"), "temporary"),
            (answered(302, ""), "temporary"),
            (error(400, "something_new", ""), "temporary"),
            (error(401, "unauthorized", "Key not found"), "unauthorised"),
            (error(403, "permission_denied", ""), "unauthorised"),
            (error(402, "not_enough_credits", ""), "unauthorised"),
            (error(400, "account_under_validation", ""), "unauthorised"),
            (error(400, "invalid_parameter", "Sender is not valid"), "unauthorised"),
            (error(400, "invalid_parameter", "email is not valid in to"), "permanent"),
            (error(400, "missing_parameter", "htmlContent is missing"), "permanent"),
            (error(404, "document_not_found", ""), "permanent"),
            (answered(429, ""), "throttled"),
        ];
        for (outcome, class) in cases {
            assert_eq!(outcome.as_str(), class, "{outcome:?}");
        }
    }

    #[test]
    fn the_time_of_reset_is_read_and_bounded() {
        let throttled = |name: &'static str, value: &str| {
            let headers = HeaderMap::from_iter([(
                reqwest::header::HeaderName::from_static(name),
                value.parse().unwrap(),
            )]);
            outcome(StatusCode::TOO_MANY_REQUESTS, &headers, b"")
        };
        let after = |seconds| SendOutcome::Throttled(Some(Duration::from_secs(seconds)));
        assert_eq!(throttled("x-sib-ratelimit-reset", "7"), after(7));
        assert_eq!(throttled("retry-after", "8"), after(8));
        assert_eq!(throttled("x-sib-ratelimit-reset", "999999999"), after(3_600));
        assert_eq!(throttled("x-sib-ratelimit-reset", "soon"), SendOutcome::Throttled(None));
    }
}
