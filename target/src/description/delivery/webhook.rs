//! Where the provider's events come in, and what is answered there.

use crate::description::forms::duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where the provider's events come in.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// The service that takes them.
    pub service: String,
    /// Its wire to the database.
    pub database_wire: String,
    /// The path, with `{secret}` in it unless a header holds the secret.
    pub path: String,
    /// The header that holds the secret, such as `X-Hook-Token`, where the path does not.
    pub header: Option<String>,
    /// What stands in that header, with `{secret}` in it: `Bearer {secret}`, or the secret alone.
    pub header_form: String,
    /// The lane's credential that stands there.
    pub secret: String,
    /// A second one that is valid at the same time, so that the first can be rotated.
    pub previous_secret: Option<String>,
    /// The environment variables that hold the two.
    pub secret_env: String,
    /// See [`secret_env`](Self::secret_env).
    pub previous_secret_env: Option<String>,
    /// The one that names a file with the first.
    pub secret_file_env: Option<String>,
    /// The fewest characters that a secret may have.
    pub shortest_secret: usize,
    /// The most bytes of a single event.
    pub event_limit: usize,
    /// The most bytes of an array of events.
    pub array_limit: usize,
    /// The most events in one array.
    pub array_length: usize,
    /// The statuses after which the provider sends an event again; after any other but 2xx it is lost.
    pub repeated: Vec<u16>,
    /// The longest that an answer may take, whatever the database does.
    #[serde(with = "duration")]
    #[schemars(with = "String")]
    pub answers_within: Duration,
}

/// What the webhook answers: which statuses, and the names of its fields; an empty name where there is no such field.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Answers {
    /// The statuses that say that an event was taken.
    pub statuses: Vec<u16>,
    /// `true` in every 200.
    pub ok: String,
    /// Whether the message is known; of an array, how many are.
    pub matched: String,
    /// The event, normalised.
    pub event: String,
    /// Whether the event is no concern of the ledger; of an array, how many are not.
    pub skipped: String,
    /// How many of an array were taken.
    pub accepted: String,
    /// How many of an array were no events.
    pub invalid: String,
    /// The object in every refusal; empty where what it holds stands in the answer itself.
    pub error: String,
    /// Within it: a word.
    pub error_code: String,
    /// Within it: a sentence.
    pub error_message: String,
}

impl Answers {
    /// Whether `status` says that an event was taken.
    pub fn is_taken(&self, status: u16) -> bool {
        self.statuses.contains(&status)
    }

    /// The first of the statuses that say so.
    pub fn taken(&self) -> u16 {
        self.statuses.first().copied().unwrap_or(200)
    }

    /// All of them, in words.
    pub fn told(&self) -> String {
        let statuses: Vec<_> = self.statuses.iter().map(u16::to_string).collect();
        match statuses.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => self.taken().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statuses_of_what_is_taken_are_told_in_words() {
        for (statuses, told) in
            [(vec![200], "200"), (vec![200, 204], "200 or 204"), (vec![200, 202, 204], "200, 202 or 204")]
        {
            let answers = Answers { statuses, ..Answers::default() };
            assert_eq!(answers.told(), told);
            assert!(answers.is_taken(answers.taken()) && !answers.is_taken(201));
        }
    }
}
