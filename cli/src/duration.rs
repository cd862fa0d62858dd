//! Spans of time as people type them: `90s`, `30m`, `24h`, `7d`, `2w`.

use std::time::Duration;

/// Reads a whole number with a unit. A day is 24 hours.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let seconds_per_unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return Err(explain()),
    };
    let number: u64 = number.parse().map_err(|_| explain())?;
    match number.checked_mul(seconds_per_unit) {
        None => Err("that is longer than can be counted".to_owned()),
        Some(0) => Err("it is longer than nothing".to_owned()),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
    }
}

fn explain() -> String {
    "a time is a whole number and one of s, m, h, d, w, such as 24h or 7d".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let seconds = |text| parse(text).unwrap().as_secs();

        assert_eq!(seconds("90s"), 90);
        assert_eq!(seconds("30m"), 1_800);
        assert_eq!(seconds("24h"), 86_400);
        assert_eq!(seconds("7d"), 604_800);
        assert_eq!(seconds("2w"), 1_209_600);
    }

    #[test]
    fn what_is_no_time_is_explained() {
        for text in [
            "",
            "24",
            "h",
            "1.5h",
            "-1h",
            "7 days",
            "0s",
            "99999999999999999999w",
            "24ĥ",
        ] {
            assert!(parse(text).is_err(), "{text} was read");
        }
        assert!(parse("18446744073709551615w").is_err());
    }
}
