//! Email out and delivery events in.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use sabot_delivery::{ForwarderSettings, Secrets};

use super::duration::{FORM, parse_duration};
use super::problem::Problems;
use super::secret::{self, Secret};

/// The webhook of the email provider. Without a secret it is not mounted.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Email provider's webhook")]
pub struct WebhookArgs {
    /// What the path of Brevo's webhook ends in (at least 16 characters); without it there is no webhook
    #[arg(long, env = "SABOT_BREVO_WEBHOOK_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub brevo_webhook_secret: Option<String>,
    /// A file with that secret
    #[arg(long, env = "SABOT_BREVO_WEBHOOK_SECRET_FILE", value_name = "FILE")]
    pub brevo_webhook_secret_file: Option<PathBuf>,
    /// A second secret that is valid as well, while the webhook moves from one to the other
    #[arg(long, env = "SABOT_BREVO_WEBHOOK_SECRET_PREVIOUS", value_name = "SECRET", hide_env_values = true)]
    pub brevo_webhook_secret_previous: Option<String>,
    /// A file with that second secret
    #[arg(long, env = "SABOT_BREVO_WEBHOOK_SECRET_PREVIOUS_FILE", value_name = "FILE")]
    pub brevo_webhook_secret_previous_file: Option<PathBuf>,
}

/// The webhook's secrets, checked.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// What admits a caller.
    pub secrets: Secrets,
    /// The same as they were given: credentials.
    pub given: Vec<Secret>,
}

impl WebhookArgs {
    /// The webhook, if it is in use. A secret that is given and empty is a mistake, not a choice: it would leave the
    /// webhook closed, or open to everybody.
    pub fn settle(&self, problems: &mut Problems) -> Option<WebhookSettings> {
        let (value, file) = (self.brevo_webhook_secret.as_deref(), self.brevo_webhook_secret_file.as_ref());
        let current = webhook_secret(problems, "brevo-webhook-secret", value, file);
        let (value, file) =
            (self.brevo_webhook_secret_previous.as_deref(), self.brevo_webhook_secret_previous_file.as_ref());
        let previous = webhook_secret(problems, "brevo-webhook-secret-previous", value, file);
        if current.is_none() && previous.is_some() {
            let remedy = "give the current one too, or leave out the previous one";
            problems.add("brevo-webhook-secret", "is not given, and yet the previous one is", remedy);
            return None;
        }
        let given: Vec<Secret> = current.into_iter().chain(previous).collect();
        let secrets = Secrets::new(given.iter().map(Secret::expose)).ok()?;
        Some(WebhookSettings { secrets, given })
    }
}

fn webhook_secret(
    problems: &mut Problems,
    flag: &'static str,
    value: Option<&str>,
    file: Option<&PathBuf>,
) -> Option<Secret> {
    if value.is_none() && file.is_none() {
        return None;
    }
    let secret = secret::token(problems, flag, value, file.map(PathBuf::as_path))?;
    // The path's own punctuation would have to be encoded by whoever registers the webhook.
    if secret.expose().contains(['/', '?', '#', '%']) {
        problems.add(flag, "holds one of / ? # %", "use letters, digits, - and _");
        return None;
    }
    Some(secret)
}

/// After how long an accepted message counts as unheard of.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Email")]
pub struct AcceptedArgs {
    /// After how long without news a message that the provider accepted is told of
    #[arg(long, env = "SABOT_ACCEPTED_TOO_LONG", value_name = "DURATION", default_value = "24h")]
    pub accepted_too_long: String,
}

impl AcceptedArgs {
    /// The time, checked.
    pub fn settle(&self, problems: &mut Problems) -> Option<Duration> {
        problems.take("accepted-too-long", parse_duration(&self.accepted_too_long), FORM)
    }
}

/// The forwarder, which sends an email for each audit row of a kind that emails. Without a Brevo key it doesn't run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Email")]
pub struct ForwarderArgs {
    /// How often the forwarder looks for audit rows to send
    #[arg(long, env = "SABOT_FORWARDER_POLL", value_name = "DURATION", default_value = "1s")]
    pub forwarder_poll: String,
    /// For how long a row that one worker is sending is hidden from the others
    #[arg(long, env = "SABOT_FORWARDER_LEASE", value_name = "DURATION", default_value = "1m")]
    pub forwarder_lease: String,
    /// How long one request to send may take; less than the lease
    #[arg(long, env = "SABOT_FORWARDER_SEND_LIMIT", value_name = "DURATION", default_value = "10s")]
    pub forwarder_send_limit: String,
    /// How many requests to send are under way at once, in each worker
    #[arg(long, env = "SABOT_FORWARDER_CONCURRENCY", value_name = "N", default_value = "4")]
    pub forwarder_concurrency: String,
    /// When a send that failed for now is tried again: after the first failure, the second, and so on; the last again
    /// and again
    #[arg(
        long,
        env = "SABOT_FORWARDER_RETRY",
        value_name = "DURATIONS",
        default_value = "30s,1m,5m,15m,1h,4h,12h,24h"
    )]
    pub forwarder_retry: String,
    /// Whom emails come from: an address of a domain that the account has validated
    #[arg(long, env = "SABOT_MAIL_FROM", value_name = "ADDRESS", default_value = DEFAULT_FROM)]
    pub mail_from: String,
}

/// An address that nobody has validated: good for a stand-in of the provider, refused by the provider itself.
pub const DEFAULT_FROM: &str = "noreply@example.com";

/// What the forwarder was told, checked.
#[derive(Debug, Clone)]
pub struct EmailSettings {
    /// How it goes about it.
    pub forwarder: ForwarderSettings,
    /// Whom emails come from.
    pub from: String,
}

impl ForwarderArgs {
    /// Checks each flag, and the flags against each other.
    pub fn settle(&self, problems: &mut Problems) -> Option<EmailSettings> {
        let poll = problems.take("forwarder-poll", parse_duration(&self.forwarder_poll), FORM);
        let lease = problems.take("forwarder-lease", parse_duration(&self.forwarder_lease), FORM);
        let send_limit =
            problems.take("forwarder-send-limit", parse_duration(&self.forwarder_send_limit), FORM);
        if let (Some(lease), Some(limit)) = (lease, send_limit)
            && limit >= lease
        {
            let what = format!("{limit:?} is not less than the lease of {lease:?}");
            problems.add("forwarder-send-limit", what, "lower it, or raise --forwarder-lease");
        }
        let number =
            self.forwarder_concurrency.trim().parse().ok().filter(|number| (1..=100).contains(number));
        let number = number.ok_or_else(|| format!("{:?} is no such number", self.forwarder_concurrency));
        let concurrency = problems.take("forwarder-concurrency", number, "give 1 to 100");
        let retry = self.forwarder_retry.split(',').map(parse_duration).collect::<Result<Vec<_>, _>>();
        let retry = problems.take("forwarder-retry", retry, "give durations such as 30s,5m,1h");
        let from = self.mail_from.trim();
        let plain =
            from.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        if !plain || from.contains(char::is_whitespace) {
            problems.add("mail-from", format!("{from:?} is no address"), "give one such as team@example.com");
            return None;
        }
        let forwarder = ForwarderSettings {
            poll: poll?,
            lease: lease?,
            send_limit: send_limit?,
            concurrency: concurrency?,
            retry: retry?,
        };
        Some(EmailSettings { forwarder, from: from.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sabot_delivery::MIN_SECRET_CHARS;

    #[test]
    fn our_fewest_characters_are_the_tracks() {
        let args =
            |secret: &str| WebhookArgs { brevo_webhook_secret: Some(secret.into()), ..Default::default() };
        let mut problems = Problems::default();
        assert!(args(&"s".repeat(MIN_SECRET_CHARS)).settle(&mut problems).is_some());
        assert!(args(&"s".repeat(MIN_SECRET_CHARS - 1)).settle(&mut problems).is_none());
        assert_eq!(problems.to_string().lines().count(), 1);
    }
}
