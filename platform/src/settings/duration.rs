//! Durations as people write them: `500ms`, `10s`, `5m`, `1h`.

use std::time::Duration;

/// What a duration looks like, for remedies.
pub(super) const FORM: &str = "give a number and a unit, such as 500ms, 10s, 5m or 1h";

/// Reads a whole number of `ms`, `s`, `m` or `h`, more than zero and at most a week.
///
/// # Errors
/// What is wrong with it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is no duration"))?;
    let milliseconds = match unit.trim() {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        "" => return Err(format!("{text:?} has no unit")),
        _ => return Err(format!("{text:?} has an unknown unit")),
    };
    match milliseconds {
        Some(0) => Err("is zero".to_owned()),
        Some(milliseconds) if milliseconds <= 7 * 24 * 3_600_000 => Ok(Duration::from_millis(milliseconds)),
        _ => Err(format!("{text:?} is longer than a week")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_units_are_read() {
        let cases = [("500ms", 500), ("10s", 10_000), ("5m", 300_000), (" 1h ", 3_600_000), ("2 s", 2_000)];
        for (text, milliseconds) in cases {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_is_wrong() {
        let cases = [("", "is no duration"), ("10", "no unit"), ("10d", "unknown unit"), ("0s", "is zero")];
        for (text, what) in
            cases.into_iter().chain([("-1s", "is no duration"), ("200h", "longer than a week")])
        {
            assert!(parse_duration(text).unwrap_err().contains(what), "{text}");
        }
        assert!(parse_duration("99999999999999999999s").is_err());
        assert!(parse_duration("9999999999999999999h").is_err());
    }
}
