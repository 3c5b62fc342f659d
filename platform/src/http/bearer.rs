//! Bearer tokens between callers and services.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use subtle::ConstantTimeEq as _;

use super::ApiError;
use crate::settings::Secret;

/// The token that callers must present.
#[derive(Debug, Clone)]
pub struct Bearer(Secret);

impl Bearer {
    /// Demands this token.
    #[must_use]
    pub const fn new(token: Secret) -> Self {
        Self(token)
    }

    /// Whether an `Authorization` header carries it; takes as long for a nearly right token as for a wrong one.
    fn admits(&self, header: &[u8]) -> bool {
        const SCHEME: &[u8] = b"Bearer ";
        match header.split_at_checked(SCHEME.len()) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => {
                token.ct_eq(self.0.expose().as_bytes()).into()
            }
            _ => false,
        }
    }
}

/// Lets a request pass that carries the token; any other gets 401 before its body is read.
pub async fn require_bearer(State(bearer): State<Bearer>, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::AUTHORIZATION);
    if header.is_some_and(|header| bearer.admits(header.as_bytes())) {
        return next.run(request).await;
    }
    let message = "present the service's token as `Authorization: Bearer …`";
    let mut response = ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_admitted() {
        let bearer = Bearer::new(Secret::new("0123456789abcdef"));
        assert!(bearer.admits(b"Bearer 0123456789abcdef"));
        assert!(bearer.admits(b"bearer 0123456789abcdef"));
        for header in [
            &b""[..],
            b"Bearer ",
            b"Bearer 0123456789abcde",
            b"Bearer 0123456789abcdef0",
            b"Basic 0123456789abcdef",
            b"0123456789abcdef",
        ] {
            assert!(!bearer.admits(header), "{}", String::from_utf8_lossy(header));
        }
    }
}
