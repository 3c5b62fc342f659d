//! The arguments of `sabot init`.

use clap::Args;
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The database to look at, read only; best given by the environment, for it holds a password (which PGPASSWORD may
    /// hold as well). Without it TEST_DATABASE_URL, and where that is not set no database is looked at.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// A running service to look at, such as orders=http://127.0.0.1:8080; may be given several times.
    #[arg(long, value_name = "NAME=URL")]
    pub(crate) service: Vec<Running>,
    /// The file to write; the schema goes beside it, as schema.sql.
    #[arg(long, value_name = "FILE", default_value = "sabot.toml")]
    pub(crate) output: PathBuf,
    /// Write over files that are there.
    #[arg(long)]
    pub(crate) force: bool,
}

/// A service that runs somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    /// What it is to be called.
    pub(crate) name: String,
    /// Its address, without a slash at its end.
    pub(crate) url: String,
}

impl FromStr for Running {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, url) = text
            .split_once('=')
            .ok_or("give a name and an address, such as orders=http://127.0.0.1:8080".to_owned())?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            return Err(format!("`{name}` is no name; take up to 40 letters, digits, `_` and `-`"));
        }
        if !(url.starts_with("http://") || url.starts_with("https://")) || url.contains('@') {
            return Err("the address begins with http:// or https:// and holds no credentials".to_owned());
        }
        Ok(Self { name: name.to_owned(), url: url.trim_end_matches('/').to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_a_name_and_an_address() {
        let good: Running = "orders=http://127.0.0.1:8080/".parse().unwrap();
        assert_eq!((good.name.as_str(), good.url.as_str()), ("orders", "http://127.0.0.1:8080"));
        for wrong in ["orders", "=http://a", "a b=http://a", "a=ftp://a", "a=http://me:secret@a"] {
            assert!(wrong.parse::<Running>().is_err(), "{wrong}");
        }
    }
}
