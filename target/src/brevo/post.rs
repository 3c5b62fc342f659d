//! Webhook requests on their way: attempts, repeats, the pause after an unresponsive receiver.

use super::event::Event;
use super::manner::Manner;
use super::outcome::{Attempt, Outcome, Reply};
use super::posting::begin;
use super::record::Message;
use super::script::Script;
use super::shared::Shared;
use serde_json::Value;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most bytes of an answer that are kept.
const ANSWER: usize = 64 * 1024;

/// Plays the script of a message: each step's first attempt is over before the next step.
pub(super) async fn play(shared: Arc<Shared>, message: Message, script: Script) {
    let generation = shared.look(|state| state.generation);
    for step in script.steps() {
        tokio::time::sleep(step.after).await;
        // Without a webhook Brevo has nobody to tell.
        if shared.look(|state| state.webhook.is_none()) {
            continue;
        }
        let now = SystemTime::now();
        let event = |to: &String| {
            let event = Event::of(step.kind, &message.id, to, now).tagged(&message.email.tags);
            match &message.email.subject {
                Some(subject) => event.with("subject", subject.as_str()),
                None => event,
            }
        };
        let events: Vec<_> = message.email.to.iter().map(event).collect();
        begin(&shared, &events, Manner::default()).tried_at_last().await;
    }
    shared.change(|state| {
        if state.generation == generation {
            state.scripts = state.scripts.saturating_sub(1);
        }
    });
}

/// Makes the requests of `range` in order, `concurrency` at a time; one that waits for its next attempt holds up nobody.
pub(super) async fn dispatch(shared: Arc<Shared>, generation: u64, range: Range<usize>, concurrency: usize) {
    let turns = Arc::new(Semaphore::new(concurrency.max(1)));
    for index in range {
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
        shared.spawn(follow(Arc::clone(&shared), generation, index, Arc::clone(&turns), turn));
    }
}

/// Makes one request until it has come to its end.
async fn follow(
    shared: Arc<Shared>,
    generation: u64,
    index: usize,
    turns: Arc<Semaphore>,
    first: OwnedSemaphorePermit,
) {
    let mut turn = Some(first);
    loop {
        let url = ready(&shared).await;
        let Some(attempt) = attempt(&shared, generation, index, &url).await else { return };
        drop(turn.take());
        let Some(wait) = conclude(&shared, generation, index, attempt) else { return };
        tokio::time::sleep(wait).await;
        turn = Arc::clone(&turns).acquire_owned().await.ok();
    }
}

/// Awaits that there is a webhook and no pause, and gives its address.
async fn ready(shared: &Shared) -> String {
    loop {
        let (url, paused_until) =
            shared.until(|state| Some((state.webhook.clone()?, state.paused_until))).await;
        match paused_until.filter(|until| *until > Instant::now()) {
            Some(until) => tokio::time::sleep_until(until.into()).await,
            None => return url,
        }
    }
}

/// Makes one attempt; `None` where the request is no more.
async fn attempt(shared: &Shared, generation: u64, index: usize, url: &str) -> Option<Attempt> {
    let (body, limit) = shared.look(|state| {
        let post = state.posts.get(index).filter(|_| state.generation == generation)?;
        let body = if post.array {
            Value::Array(post.events.to_vec()).to_string()
        } else {
            post.events.first().map(Value::to_string).unwrap_or_default()
        };
        Some((body, state.settings.retries.answer_limit))
    })?;
    let at = Instant::now();
    let request = shared.client.post(url).header("content-type", "application/json").body(body);
    let reply = match tokio::time::timeout(limit, exchange(request)).await {
        Ok(Ok(reply)) => reply,
        // The error would name the address, and the address holds the secret.
        Ok(Err(error)) => {
            tracing::debug!(error = %error.without_url(), "a webhook request failed");
            Reply::Failed
        }
        Err(_) => Reply::TimedOut,
    };
    Some(Attempt { at, took: at.elapsed(), reply })
}

async fn exchange(request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let body = response.bytes().await?;
    let body = (body.len() <= ANSWER).then(|| serde_json::from_slice(&body).ok()).flatten();
    Ok(Reply::Answered { status, body })
}

/// Keeps an attempt, and says how long until the next one; `None` where there is none.
fn conclude(shared: &Shared, generation: u64, index: usize, attempt: Attempt) -> Option<Duration> {
    shared.change(|state| {
        let retries = state.settings.retries;
        let post = state.posts.get_mut(index).filter(|_| state.generation == generation)?;
        let made = post.attempts.len() + 1;
        let mut next = None;
        post.outcome = match attempt.reply {
            Reply::Answered { status, .. } if (200..300).contains(&status) => Outcome::Acknowledged,
            Reply::Answered { status, .. } if retries.discards(status) => Outcome::Discarded(status),
            _ => {
                next = retries.after(made);
                if next.is_some() { Outcome::Pending } else { Outcome::GivenUp }
            }
        };
        if matches!(attempt.reply, Reply::TimedOut | Reply::Failed) {
            state.paused_until = Some(Instant::now() + retries.pause());
        }
        post.attempts.push(attempt);
        next
    })
}
