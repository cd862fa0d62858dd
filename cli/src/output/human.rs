//! Sizes and dates as people read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Writes a size with a binary unit and at most one decimal, rounded down, so that nothing looks
/// bigger than it is: `999 B`, `1.2 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    let mut scale: u64 = 1024;
    while unit + 1 < UNITS.len() && bytes / scale >= 1024 {
        unit += 1;
        scale *= 1024;
    }
    let tenths = u128::from(bytes) * 10 / u128::from(scale);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// Writes a point in time to the minute, where the reader is.
pub(crate) fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M")
        .to_string()
}

/// Writes a number of things.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_that_fits() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1_023), "1023 B");
        assert_eq!(size(1_024), "1.0 KiB");
        assert_eq!(size(1_048_575), "1023.9 KiB");
        assert_eq!(size(1_288_490), "1.2 MiB");
        assert_eq!(size(u64::MAX), "15.9 EiB");
    }

    #[test]
    fn times_are_where_the_reader_is() {
        let at: Timestamp = "2025-10-29T23:30:00Z".parse().unwrap();

        assert_eq!(time(at, &TimeZone::UTC), "2025-10-29 23:30");
        assert_eq!(
            time(at, &TimeZone::fixed(jiff::tz::offset(2))),
            "2025-10-30 01:30"
        );
    }
}
