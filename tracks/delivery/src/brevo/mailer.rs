//! A client of Brevo's send API: `POST /v3/smtp/email`.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, HeaderValue, InvalidHeaderValue};
use reqwest::{Client, Response, Url};
use serde::Serialize;
use uuid::Uuid;

use super::answer::outcome;
use crate::email::{Message, SendOutcome};
use crate::provider::Mailer;

/// The most that is read of an answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Whom emails come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FromAddress {
    /// The address, of a domain that the account has validated.
    pub email: String,
    /// The name that mail programs show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Sends by Brevo. `Debug` shows no key.
#[derive(Clone)]
pub struct BrevoMailer {
    client: Client,
    url: Url,
    key: HeaderValue,
    from: FromAddress,
    limit: Duration,
}

impl BrevoMailer {
    /// Sends as `from` by the account of `api_key`. `base` is the API's address and ends in a slash; each request may
    /// take as long as `limit`.
    ///
    /// # Errors
    /// When no HTTP header can carry the key.
    pub fn new(
        client: Client,
        base: &Url,
        api_key: &str,
        from: FromAddress,
        limit: Duration,
    ) -> Result<Self, InvalidHeaderValue> {
        let mut key = HeaderValue::from_str(api_key)?;
        key.set_sensitive(true);
        // The base is a base and the path is ours: joining cannot fail, and the base itself would only be refused.
        let url = base.join("v3/smtp/email").unwrap_or_else(|_| base.clone());
        Ok(Self { client, url, key, from, limit })
    }

    async fn ask(&self, message: &Message, reference: Uuid) -> Result<SendOutcome, reqwest::Error> {
        let reference = reference.to_string();
        let body = Body {
            sender: &self.from,
            to: [To { email: &message.to }],
            subject: &message.email.subject,
            html_content: &message.email.html,
            text_content: message.email.text.as_deref(),
            tags: [&message.tag, &reference],
            headers: Headers { idempotency_key: &reference },
        };
        let request = self.client.post(self.url.clone()).timeout(self.limit).json(&body);
        let request = request.header("api-key", self.key.clone()).header(ACCEPT, "application/json");
        let mut response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        // Where the answer breaks off, its status has come all the same: what was taken was taken.
        let body = start_of(&mut response).await;
        Ok(outcome(status, &headers, &body))
    }
}

async fn start_of(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < MAX_ANSWER
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body
}

#[async_trait]
impl Mailer for BrevoMailer {
    async fn send(&self, message: &Message, reference: Uuid) -> SendOutcome {
        match self.ask(message, reference).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_timeout() => SendOutcome::Temporary("timeout".to_owned()),
            Err(error) if error.is_connect() => SendOutcome::Temporary("unreachable".to_owned()),
            // A message that no request can carry will be none the next time either.
            Err(error) if error.is_builder() => SendOutcome::Permanent("no request can carry it".to_owned()),
            Err(_) => SendOutcome::Temporary("reset".to_owned()),
        }
    }
}

impl fmt::Debug for BrevoMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrevoMailer").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    sender: &'a FromAddress,
    to: [To<'a>; 1],
    subject: &'a str,
    html_content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_content: Option<&'a str>,
    /// They come back in every event; the custom header, which does too, is missing in some.
    tags: [&'a str; 2],
    headers: Headers<'a>,
}

#[derive(Serialize)]
struct To<'a> {
    email: &'a str,
}

/// The key goes here, in the body, and not into an HTTP header.
#[derive(Serialize)]
struct Headers<'a> {
    #[serde(rename = "idempotencyKey")]
    idempotency_key: &'a str,
}
