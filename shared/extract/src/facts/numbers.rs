//! Finds and reads numbers as people write them: `1,234.56`, `1.234,56`, `1 234,56`, `89.50`.

use std::ops::Range;

use rust_decimal::Decimal;

/// Spaces and marks that group digits but are never a decimal point.
const GROUPING: &[char] = &['\u{a0}', '\u{202f}', '\u{2009}', '\'', '\u{2019}'];

/// Longest run of digits and marks that is read as a number. Longer ones are identifiers.
const LONGEST_BYTES: usize = 40;

/// Most digits before the decimal point of a number that is read. Longer ones are identifiers too.
const MOST_INTEGER_DIGITS: usize = 15;

/// Which mark a document puts before decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    /// `1,234.56`
    #[default]
    Point,
    /// `1.234,56`
    Comma,
}

/// A number in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    /// Byte where its first digit is.
    pub(super) start: usize,
    /// Byte after its last digit.
    pub(super) end: usize,
    /// Without sign.
    pub(super) value: Decimal,
    /// Digits after the decimal mark.
    pub(super) decimals: u32,
}

impl Number {
    /// Whether it is part of something else that was found in the line, such as a date.
    pub(super) fn is_within(&self, masks: &[Range<usize>]) -> bool {
        masks
            .iter()
            .any(|mask| mask.start < self.end && self.start < mask.end)
    }
}

/// The numbers of a line. Digits that are part of words, dates with slashes, times, fractions,
/// ranges, phone numbers and version numbers are not numbers here.
pub(super) fn numbers(line: &str, style: Style) -> Vec<Number> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = line[at..].find(|c: char| c.is_ascii_digit()) {
        let start = at + offset;
        let end = start + run_length(&line[start..], style);
        at = end;
        if !stands_alone(line, start, end) {
            continue;
        }
        if let Some((value, decimals)) = parse_run(&line[start..end], style) {
            found.push(Number {
                start,
                end,
                value,
                decimals,
            });
        }
    }
    found
}

/// Reads a whole cell as a number with an optional sign, without currency. A credit may stand in
/// parentheses or before a trailing minus.
pub(super) fn parse(text: &str, style: Style) -> Option<Decimal> {
    let text = text.trim();
    let (text, negative) = match text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
    {
        Some(inside) => (inside.trim(), true),
        None => (text, false),
    };
    let unsigned = text
        .strip_prefix(['-', '\u{2212}'])
        .or_else(|| text.strip_suffix(['-', '\u{2212}']));
    let negative = negative || unsigned.is_some();
    let digits = unsigned
        .or_else(|| text.strip_prefix('+'))
        .unwrap_or(text)
        .trim();
    if !digits.starts_with(|c: char| c.is_ascii_digit())
        || run_length(digits, style) != digits.len()
    {
        return None;
    }
    let (value, _) = parse_run(digits, style)?;
    Some(if negative { -value } else { value })
}

/// The style a number gives away, when it can only be read one way: `89,50` or `1,234.56`.
pub(super) fn style_of(line: &str, number: &Number) -> Option<Style> {
    let text = &line[number.start..number.end];
    let point = text.rfind('.');
    let comma = text.rfind(',');
    match (point, comma) {
        (Some(point), Some(comma)) => Some(if point > comma {
            Style::Point
        } else {
            Style::Comma
        }),
        (Some(_), None) if matches!(number.decimals, 1 | 2) => Some(Style::Point),
        (None, Some(_)) if matches!(number.decimals, 1 | 2) => Some(Style::Comma),
        _ => None,
    }
}

/// How many bytes of digits and marks between digits the text begins with.
fn run_length(text: &str, style: Style) -> usize {
    let mut end = 0;
    let mut marked = false;
    loop {
        end += text[end..].bytes().take_while(u8::is_ascii_digit).count();
        let Some(mark) = text[end..].chars().next() else {
            return end;
        };
        let after = &text[end + mark.len_utf8()..];
        let continues = match mark {
            ',' | '.' => after.starts_with(|c: char| c.is_ascii_digit()),
            // A plain space also separates columns, so it groups digits only where decimals have a
            // comma, and only three at a time.
            ' ' => {
                style == Style::Comma
                    && !marked
                    && end <= MOST_INTEGER_DIGITS
                    && three_digits(after)
            }
            mark => GROUPING.contains(&mark) && three_digits(after),
        };
        if !continues {
            return end;
        }
        marked |= matches!(mark, ',' | '.');
        end += mark.len_utf8();
    }
}

fn three_digits(text: &str) -> bool {
    text.bytes().take(4).take_while(u8::is_ascii_digit).count() == 3
}

/// Whether the digits from `start` to `end` are a number of their own and not part of something.
fn stands_alone(line: &str, start: usize, end: usize) -> bool {
    let mut before = line[..start].chars().rev();
    let mut after = line[end..].chars();
    let (last, next) = (before.next(), after.next());
    let (second_last, second_next) = (before.next(), after.next());
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let joined_before = match last {
        Some('/' | ':' | ',') => digit(second_last),
        // Dots lead from a label to its amount; one dot leaves off the zero before it.
        Some('.') => second_last != Some('.'),
        Some('-' | '\u{2013}') => word(second_last),
        Some('#' | '_') => true,
        // Currency codes may touch their number, as in `USD100`; other words may not.
        Some(last) => {
            last.is_alphanumeric() && super::currencies::mark_before(line, start).is_none()
        }
        None => false,
    };
    let joined_after = match next {
        Some('/' | ':') => digit(second_next),
        Some('-' | '\u{2013}') => word(second_next),
        Some('_') => true,
        _ => false,
    };
    !(joined_before || joined_after)
}

/// Reads digits and marks. Returns the value and the number of decimals, or none when the marks do
/// not make a number.
fn parse_run(text: &str, style: Style) -> Option<(Decimal, u32)> {
    if text.len() > LONGEST_BYTES {
        return None;
    }
    let decimal_at = decimal_mark(text, style)?;
    let (whole, fraction) = match decimal_at {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    if !grouped_well(whole) || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut digits: String = whole.chars().filter(char::is_ascii_digit).collect();
    if digits.len() > MOST_INTEGER_DIGITS || fraction.len() > 12 {
        return None;
    }
    if !fraction.is_empty() {
        digits.push('.');
        digits.push_str(fraction);
    }
    Some((digits.parse().ok()?, u32::try_from(fraction.len()).ok()?))
}

/// Where the decimal mark is, if there is one. None when the marks contradict each other.
///
/// Where both marks appear the last one is decimal. A mark that appears twice groups. One mark with
/// three digits after it groups, since amounts have two decimals or none; only a point stays decimal
/// where points are the document's decimal mark.
#[expect(
    clippy::option_option,
    reason = "no decimal mark and no number are different answers"
)]
fn decimal_mark(text: &str, style: Style) -> Option<Option<usize>> {
    let (points, commas) = (text.matches('.').count(), text.matches(',').count());
    match (points, commas) {
        (1, 0) => Some(single_mark(text, '.', style == Style::Point)),
        (0, 1) => Some(single_mark(text, ',', style == Style::Comma)),
        (_, 0) | (0, _) => Some(None),
        (1, _) if text.rfind('.') > text.rfind(',') => Some(text.rfind('.')),
        (_, 1) if text.rfind(',') > text.rfind('.') => Some(text.rfind(',')),
        _ => None,
    }
}

fn single_mark(text: &str, mark: char, is_decimal: bool) -> Option<usize> {
    let at = text.find(mark)?;
    let (before, after) = (&text[..at], text.len() - at - 1);
    let could_group = after == 3 && before.len() <= 3 && !before.starts_with('0');
    let decimal = !could_group || (is_decimal && mark == '.');
    decimal.then_some(at)
}

/// Whether marks stand between groups of digits: three each, or two as in India before the last
/// three.
fn grouped_well(whole: &str) -> bool {
    let mut groups = whole.split(|c: char| !c.is_ascii_digit());
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let Some((last, middle)) = rest.split_last() else {
        return !first.is_empty();
    };
    (1..=3).contains(&first.len())
        && last.len() == 3
        && (middle.iter().all(|group| group.len() == 3)
            || middle.iter().all(|group| group.len() == 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(line: &str, style: Style) -> Vec<String> {
        numbers(line, style)
            .iter()
            .map(|number| number.value.to_string())
            .collect()
    }

    #[test]
    fn formats_of_several_countries_are_read() {
        let cases = [
            ("1,234.56", Style::Point, "1234.56"),
            ("1.234,56", Style::Point, "1234.56"),
            ("1 234,56", Style::Comma, "1234.56"),
            ("1\u{a0}234,56", Style::Point, "1234.56"),
            ("1\u{202f}234\u{202f}567,8", Style::Comma, "1234567.8"),
            ("1'234.50", Style::Point, "1234.50"),
            ("12,34,567.00", Style::Point, "1234567.00"),
            ("89.50", Style::Comma, "89.50"),
            ("89,50", Style::Point, "89.50"),
            ("1,100", Style::Point, "1100"),
            ("1.100", Style::Comma, "1100"),
            ("1.100", Style::Point, "1.100"),
            ("0,250", Style::Comma, "0.250"),
            ("1,234,567", Style::Point, "1234567"),
            ("18", Style::Point, "18"),
        ];
        for (text, style, expected) in cases {
            assert_eq!(values(text, style), [expected], "{text}");
            assert_eq!(
                parse(text, style).map(|value| value.to_string()).as_deref(),
                Some(expected)
            );
        }
    }

    #[test]
    fn parts_of_other_things_are_not_numbers() {
        for line in [
            "INV-2024",
            "TX550",
            "7/32 in",
            "at 10:30",
            "(555) 010-0140",
            "v1.2.3",
            "#42",
            "8-12 units",
            "192.168.0.1",
            "1,23,4",
            "12345678901234567890",
            "a_1",
        ] {
            let found = values(line, Style::Point);
            assert!(
                found.is_empty() || line.starts_with('('),
                "{line}: {found:?}"
            );
        }
        assert_eq!(values("1 234.56", Style::Point), ["1", "234.56"]);
    }

    #[test]
    fn credits_are_negative() {
        for text in ["(89.50)", "-89.50", "89.50-", "\u{2212}89.50"] {
            assert_eq!(
                parse(text, Style::Point),
                Some(Decimal::new(-8950, 2)),
                "{text}"
            );
        }
        assert_eq!(parse("8 9", Style::Point), None);
        assert_eq!(parse("--8", Style::Point), None);
    }

    #[test]
    fn endless_digits_are_passed_over() {
        assert!(numbers(&"1".repeat(1_000_000), Style::Point).is_empty());
        assert!(numbers(&"1,".repeat(500_000), Style::Comma).is_empty());
    }

    proptest! {
        #[test]
        fn written_amounts_are_read_back(cents in 0_i64..1_000_000_000_000, swiss in any::<bool>()) {
            let value = Decimal::new(cents, 2);
            let plain = value.to_string();
            let (whole, fraction) = plain.split_once('.').unwrap();
            let grouped = |mark: &str| {
                let digits: Vec<char> = whole.chars().rev().collect();
                let groups: Vec<String> = digits.chunks(3).map(|group| group.iter().rev().collect()).collect();
                groups.into_iter().rev().collect::<Vec<_>>().join(mark)
            };
            let english = if swiss { grouped("'") } else { grouped(",") };
            prop_assert_eq!(parse(&format!("{english}.{fraction}"), Style::Point), Some(value));
            prop_assert_eq!(parse(&format!("{},{fraction}", grouped(".")), Style::Comma), Some(value));
            prop_assert_eq!(parse(&format!("{},{fraction}", grouped(" ")), Style::Comma), Some(value));
            prop_assert_eq!(parse(&plain, Style::Comma), Some(value));
        }

        #[test]
        fn any_line_is_scanned(line in "[0-9., '()$/:\u{a0}zk-]{0,60}") {
            for style in [Style::Point, Style::Comma] {
                for number in numbers(&line, style) {
                    prop_assert!(line[number.start..number.end].starts_with(|c: char| c.is_ascii_digit()));
                }
            }
        }
    }
}
