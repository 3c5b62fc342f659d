//! The upstreams that a service may have: where they are and what credential they want.

use std::path::PathBuf;

use clap::Args;
use reqwest::Url;

use super::problem::Problems;
use super::secret::{self, Secret};

/// An upstream that is in use.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Its base address.
    pub url: Url,
    /// What it wants to see.
    pub credential: Secret,
}

/// The email provider. Without a key it is not in use and has no row in `/readyz`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Email provider (Brevo)")]
pub struct BrevoArgs {
    /// Where the provider's API is
    #[arg(long, env = "SABOT_BREVO_URL", value_name = "URL", default_value = "https://api.brevo.com")]
    pub brevo_url: String,
    /// The provider's API key; without one the provider is not in use
    #[arg(long, env = "SABOT_BREVO_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub brevo_api_key: Option<String>,
    /// A file with that key
    #[arg(long, env = "SABOT_BREVO_API_KEY_FILE", value_name = "FILE")]
    pub brevo_api_key_file: Option<PathBuf>,
}

impl BrevoArgs {
    /// The provider, if it is in use.
    pub fn settle(&self, problems: &mut Problems) -> Option<Upstream> {
        let credential = secret::given(
            problems,
            "brevo-api-key",
            self.brevo_api_key.as_deref(),
            self.brevo_api_key_file.as_deref(),
        )?;
        let url = base_url(problems, "brevo-url", &self.brevo_url)?;
        Some(Upstream { url, credential })
    }
}

/// The artifact store. Without an address it is not in use and has no row in `/readyz`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Artifact store")]
pub struct ArtifactStoreArgs {
    /// Where the store is; without an address it is not in use
    #[arg(long, env = "SABOT_ARTIFACT_STORE_URL", value_name = "URL")]
    pub artifact_store_url: Option<String>,
    /// The store's bearer token
    #[arg(long, env = "SABOT_ARTIFACT_STORE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub artifact_store_token: Option<String>,
    /// A file with that token
    #[arg(long, env = "SABOT_ARTIFACT_STORE_TOKEN_FILE", value_name = "FILE")]
    pub artifact_store_token_file: Option<PathBuf>,
}

impl ArtifactStoreArgs {
    /// The store, if it is in use.
    pub fn settle(&self, problems: &mut Problems) -> Option<Upstream> {
        let url = self.artifact_store_url.as_deref().filter(|url| !url.trim().is_empty());
        let token = secret::given(
            problems,
            "artifact-store-token",
            self.artifact_store_token.as_deref(),
            self.artifact_store_token_file.as_deref(),
        );
        match (url, token) {
            (None, None) => None,
            (Some(url), Some(credential)) => {
                Some(Upstream { url: base_url(problems, "artifact-store-url", url)?, credential })
            }
            (Some(_), None) => {
                problems.add(
                    "artifact-store-token",
                    "is not given",
                    "give it, or leave out the store's address",
                );
                None
            }
            (None, Some(_)) => {
                problems.add("artifact-store-url", "is not given", "give it, or leave out the store's token");
                None
            }
        }
    }
}

/// The provisioner, which neither api nor worker can do without.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Provisioner")]
pub struct ProvisionerArgs {
    /// Where the provisioner is
    #[arg(long, env = "SABOT_PROVISIONER_URL", value_name = "URL")]
    pub provisioner_url: Option<String>,
    /// The provisioner's own service token
    #[arg(long, env = "SABOT_PROVISIONER_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub provisioner_token: Option<String>,
    /// A file with that token
    #[arg(long, env = "SABOT_PROVISIONER_TOKEN_FILE", value_name = "FILE")]
    pub provisioner_token_file: Option<PathBuf>,
}

impl ProvisionerArgs {
    /// The provisioner, or notes of what is missing.
    pub fn settle(&self, problems: &mut Problems) -> Option<Upstream> {
        let (value, file) = (self.provisioner_token.as_deref(), self.provisioner_token_file.as_deref());
        let credential = secret::token(problems, "provisioner-token", value, file);
        let url = base_url(problems, "provisioner-url", self.provisioner_url.as_deref().unwrap_or_default());
        Some(Upstream { url: url?, credential: credential? })
    }
}

fn base_url(problems: &mut Problems, flag: &'static str, text: &str) -> Option<Url> {
    problems.take(flag, parse_base_url(text), "give an address such as https://store.example.com")
}

/// Reads an `http://` or `https://` address. Its text is not repeated: a password may stand in it.
///
/// # Errors
/// What is wrong with it.
pub fn parse_base_url(text: &str) -> Result<Url, String> {
    if text.trim().is_empty() {
        return Err("is not given".to_owned());
    }
    let mut url = Url::parse(text.trim()).map_err(|error| format!("is no URL ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("has the scheme {:?}", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or password, which belong into a setting of their own".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or a fragment".to_owned());
    }
    // `join` replaces the last segment of a base that does not end in a slash.
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_address_keeps_its_path() {
        let url = parse_base_url("http://127.0.0.1:8080/store").unwrap();
        assert_eq!(url.join("v3/account").unwrap().as_str(), "http://127.0.0.1:8080/store/v3/account");
    }

    #[test]
    fn what_is_no_base_address_is_refused_without_repeating_it() {
        for text in ["", "db:5432/hunter2", "ftp://h/hunter2", "http://u:hunter2@h/", "http://h/?hunter2"] {
            let what = parse_base_url(text).unwrap_err();
            assert!(!what.contains("hunter2"), "{what}");
        }
    }
}
