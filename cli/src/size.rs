//! Sizes as people type them: `500KiB`, `2GiB`, `10MB`, `4096`.

/// Reads a whole number with a unit; without one it is bytes.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let bytes_per_unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "tib" | "t" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err("a size is a number with a unit, such as 500KiB or 2GiB".to_owned()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(bytes_per_unit))
        .ok_or_else(|| "a size is a number with a unit, such as 500KiB or 2GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("2GiB"), Ok(2 << 30));
        assert_eq!(parse("10 mb"), Ok(10_000_000));
        assert_eq!(parse("3k"), Ok(3 << 10));
        for bad in ["", "GiB", "-1", "1.5GiB", "2 parsecs", "99999999999TiB"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
