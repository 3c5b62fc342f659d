//! Credentials made afresh for each lane.

/// A secret of this shape, each `#` a random hex digit.
pub(crate) fn fill(shape: &str) -> String {
    let mut random = vec![0_u8; shape.len()];
    // Without randomness the digits are all the same: still a canary, only a guessable one on loopback.
    if let Err(error) = getrandom::fill(&mut random) {
        tracing::warn!(%error, "no randomness for the lane's secrets");
    }
    let digits = b"0123456789abcdef";
    shape
        .chars()
        .zip(random)
        .map(
            |(character, byte)| {
                if character == '#' { char::from(digits[usize::from(byte % 16)]) } else { character }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn a_shape_keeps_its_letters_and_gets_random_digits() {
        let (one, two) = (fill("key-########"), fill("key-########"));
        assert!(one.starts_with("key-") && one.len() == 12 && one != two, "{one} {two}");
        assert!(one[4..].bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
