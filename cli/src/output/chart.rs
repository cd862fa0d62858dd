//! Bars made of block characters.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

/// Columns of the longest bar.
const COLUMNS: u32 = 32;
/// Blocks from one to seven eighths of a column (Unicode block elements).
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Draws a bar in proportion to the largest value. What is not above zero has none; what is has
/// at least a sliver.
pub(crate) fn bar(value: Decimal, largest: Decimal) -> String {
    if value <= Decimal::ZERO || largest <= Decimal::ZERO {
        return String::new();
    }
    let eighths = value
        .checked_div(largest)
        .and_then(|share| (share * Decimal::from(COLUMNS * 8)).round().to_usize())
        .unwrap_or(0)
        .max(1);
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion() {
        let draw =
            |value: &str, largest: &str| bar(value.parse().unwrap(), largest.parse().unwrap());

        assert_eq!(draw("10", "10"), "█".repeat(32));
        assert_eq!(draw("5", "10"), "█".repeat(16));
        assert_eq!(draw("0.01", "100000"), "▏");
        assert_eq!(draw("0", "10"), "");
        assert_eq!(draw("-5", "10"), "");
        assert_eq!(draw("5", "0"), "");
    }
}
