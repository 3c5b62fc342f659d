//! Durations as people write them: `500ms`, `10s`, `5m`, `1h`, `30d`.

use std::time::Duration;

/// What a duration looks like, for remedies.
pub(super) const FORM: &str = "give a number and a unit, such as 500ms, 10s, 5m or 1h";

const DAY: u64 = 24 * 3_600_000;

/// Reads a whole number of `ms`, `s`, `m`, `h` or `d`, more than zero and at most a week.
///
/// # Errors
/// What is wrong with it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    parse_up_to(text, 7 * DAY, "a week")
}

/// The same for what may take up to ten years.
pub(super) fn parse_long_duration(text: &str) -> Result<Duration, String> {
    parse_up_to(text, 3_653 * DAY, "ten years")
}

fn parse_up_to(text: &str, most: u64, in_words: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is no duration"))?;
    let milliseconds = match unit.trim() {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        "d" => number.checked_mul(DAY),
        "" => return Err(format!("{text:?} has no unit")),
        _ => return Err(format!("{text:?} has an unknown unit")),
    };
    match milliseconds {
        Some(0) => Err("is zero".to_owned()),
        Some(milliseconds) if milliseconds <= most => Ok(Duration::from_millis(milliseconds)),
        _ => Err(format!("{text:?} is longer than {in_words}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_units_are_read() {
        let cases = [
            ("500ms", 500),
            ("10s", 10_000),
            ("5m", 300_000),
            (" 1h ", 3_600_000),
            ("2 s", 2_000),
            ("7d", 7 * DAY),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_is_wrong() {
        let cases = [("", "is no duration"), ("10", "no unit"), ("10y", "unknown unit"), ("0s", "is zero")];
        for (text, what) in
            cases.into_iter().chain([("-1s", "is no duration"), ("200h", "longer than a week")])
        {
            assert!(parse_duration(text).unwrap_err().contains(what), "{text}");
        }
        assert!(parse_duration("99999999999999999999s").is_err());
        assert!(parse_duration("9999999999999999999h").is_err());
        assert_eq!(parse_long_duration("30d"), Ok(Duration::from_millis(30 * DAY)));
        assert!(parse_long_duration("4000d").unwrap_err().contains("longer than ten years"));
    }
}
