//! Addresses, so that people can tell them apart and nobody can use them.

use std::net::IpAddr;

/// `ann@example.com` as `a***@example.com`; what is no address is `***`.
#[must_use]
pub fn mask_address(address: &str) -> String {
    match address.trim().rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() => {
            format!("{}***@{domain}", local.chars().next().unwrap_or('*'))
        }
        _ => "***".to_owned(),
    }
}

/// `203.0.113.7` as `203.0.113.x`, an IPv6 address as its first three groups.
#[must_use]
pub fn mask_source(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.x")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:x")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_letter_and_the_domain_are_left() {
        let cases = [
            ("ann@example.com", "a***@example.com"),
            (" Ärger@example.com ", "Ä***@example.com"),
            ("\"a@b\"@example.com", "\"***@example.com"),
            ("nobody", "***"),
            ("@example.com", "***"),
            ("", "***"),
        ];
        for (address, masked) in cases {
            assert_eq!(mask_address(address), masked);
        }
    }

    #[test]
    fn a_source_is_no_longer_one_machine() {
        for (source, masked) in [
            ("203.0.113.7", "203.0.113.x"),
            ("::ffff:203.0.113.7", "203.0.113.x"),
            ("2001:db8:7:8::1", "2001:db8:7:x"),
        ] {
            assert_eq!(mask_source(source.parse().unwrap()), masked);
        }
    }
}
