//! The HTTP client of Sabot's own: it asks services, and makes the simulator's webhook requests.

use crate::TargetError;

/// By no proxy, following no redirect, and with a provider of cryptography named, as two may be linked.
///
/// # Errors
/// [`TargetError::Io`], when the system lacks the means.
pub fn client() -> Result<reqwest::Client, TargetError> {
    // An error only says that it was installed before.
    drop(rustls::crypto::ring::default_provider().install_default());
    let failed = |error| TargetError::Io {
        what: "making an HTTP client".into(),
        source: std::io::Error::other(error),
    };
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.build().map_err(failed)
}
