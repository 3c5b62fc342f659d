//! Addresses of MongoDB: what is in one, and what of it must not be told.

/// Host and port of the first server that a `mongodb://` address names, where a plain connection reaches it: none for
/// `mongodb+srv://`, for TLS and for sockets.
pub(crate) fn plain_address(url: &str) -> Option<String> {
    let rest = url.strip_prefix("mongodb://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, options) = rest.split_at_checked(end)?;
    let is_tls = ["tls=true", "ssl=true"].iter().any(|option| options.contains(option));
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    let first =
        hosts.split(',').next().filter(|first| !first.is_empty() && !first.contains('%') && !is_tls)?;
    let has_port = first.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Some(if has_port { first.to_owned() } else { format!("{first}:27017") })
}

/// Whether it is an address of MongoDB at all.
pub(crate) fn is_address(url: &str) -> bool {
    ["mongodb://", "mongodb+srv://"]
        .iter()
        .any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
}

/// The text without the credentials of this address, as they are written there and as they are meant.
pub(crate) fn redacted(text: &str, url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let user = rest.get(..end).and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
    let Some((_, password)) = user.and_then(|user| user.split_once(':')) else { return text.to_owned() };
    let secrets = [password.to_owned(), decoded(password)];
    secrets
        .iter()
        .filter(|secret| !secret.is_empty())
        .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_of_an_address_is_told_where_a_plain_connection_reaches_it() {
        let of = |url| plain_address(url);
        assert_eq!(of("mongodb://h").as_deref(), Some("h:27017"));
        assert_eq!(of("mongodb://u:p%40x@h:1,i:2/shop?a=b").as_deref(), Some("h:1"));
        for other in
            ["mongodb+srv://h", "mongodb://h/?tls=true", "mongodb://%2Ftmp%2Fs.sock", "mongodb://", "h:1"]
        {
            assert_eq!(of(other), None, "{other}");
        }
        assert!(is_address("mongodb+srv://h") && !is_address("postgres://h") && !is_address("mongodb://"));
    }

    #[test]
    fn credentials_are_not_told() {
        let url = "mongodb://me:s%40fe@h:1/shop";
        let text = "cannot reach mongodb://me:s%40fe@h:1/shop as me with s@fe";
        assert_eq!(redacted(text, url), "cannot reach mongodb://me:***@h:1/shop as me with ***");
        assert_eq!(redacted(text, "mongodb://h:1"), text);
    }
}
