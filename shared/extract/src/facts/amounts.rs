//! Amounts of money in a line: a number with its sign and, when it has one, its currency mark.

use std::ops::Range;

use rust_decimal::Decimal;

use super::currencies::{Mark, mark_after, mark_before};
use super::numbers::{Number, Style, numbers};

/// An amount in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amount {
    /// Byte where it begins, with its mark and sign.
    pub(super) start: usize,
    /// Byte after its end.
    pub(super) end: usize,
    /// Negative for a credit.
    pub(super) value: Decimal,
    /// Its currency mark, if it has one.
    pub(super) mark: Option<Mark>,
    /// Whether it has exactly two decimals, as bare amounts do and bare counts do not.
    pub(super) has_cents: bool,
    /// The number is a price per unit, as in `$0.31/kWh`.
    pub(super) per_unit: bool,
}

/// The amounts of a line, marked and bare, without percentages, measurements and what is masked:
/// the dates.
pub(super) fn amounts(line: &str, style: Style, masked: &[Range<usize>]) -> Vec<Amount> {
    let found = numbers(line, style);
    let mut amounts: Vec<Amount> = Vec::with_capacity(found.len());
    for number in found {
        if !number.is_within(masked)
            && let Some(amount) = amount(line, &number, amounts.last())
        {
            amounts.push(amount);
        }
    }
    amounts
}

fn amount(line: &str, number: &Number, previous: Option<&Amount>) -> Option<Amount> {
    let taken = previous.map_or(0, |amount| amount.end);
    let before =
        mark_before(line, unsigned_start(line, number.start)).filter(|(_, start)| *start >= taken);
    let (value, number_end) = magnitude(line, number)?;
    let after = mark_after(line, number_end);
    let mut start = before.map_or(unsigned_start(line, number.start), |(_, start)| start);
    let mut end = if before.is_some() {
        number_end
    } else {
        after.map_or(number_end, |(_, end)| end)
    };
    let mark = before.or(after).map(|(mark, _)| mark);

    let rest = &line[end..];
    if rest
        .trim_start_matches([' ', '\u{a0}'])
        .starts_with(['%', '‰', '°'])
        || touches_a_word(line, number_end, end)
    {
        return None;
    }
    let mut negative = line[start..number.start].contains(['-', '\u{2212}']);
    if let Some(dash) = minus_before(line, start) {
        (start, negative) = (dash, true);
    }
    if let Some(outer) = parentheses(line, start, end) {
        (start, end, negative) = (outer.start, outer.end, true);
    } else if let Some(length) = credit_after(rest) {
        (end, negative) = (end + length, true);
    }
    Some(Amount {
        start,
        end,
        value: if negative { -value } else { value },
        mark,
        has_cents: number.decimals == 2,
        per_unit: is_per_unit(&line[end..]),
    })
}

/// Where the number begins with the minus that touches it, as in `$-5.84` and `USD -5.84`.
fn unsigned_start(line: &str, start: usize) -> usize {
    minus_before(line, start).unwrap_or(start)
}

/// The minus that touches what begins at `start`, unless it is a hyphen or a dash between words.
fn minus_before(line: &str, start: usize) -> Option<usize> {
    let head = &line[..start];
    let rest = head.strip_suffix(['-', '\u{2212}'])?;
    (!rest.ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == ')')).then_some(rest.len())
}

/// Follows a number by `million`, `k` and the like. None when letters touch it that are neither.
fn magnitude(line: &str, number: &Number) -> Option<(Decimal, usize)> {
    const WORDS: &[(&str, u32)] = &[
        ("thousand", 3),
        ("million", 6),
        ("billion", 9),
        ("mln", 6),
        ("mld", 9),
        ("tys.", 3),
        ("bn", 9),
        ("mn", 6),
        ("k", 3),
        ("K", 3),
        ("M", 6),
        ("B", 9),
    ];
    let tail = &line[number.end..];
    let spaced = tail.strip_prefix([' ', '\u{a0}']).unwrap_or(tail);
    let word = WORDS.iter().find(|(word, _)| {
        // A letter stands for a magnitude only where it touches: `$5k`, not `$5 k`.
        let at = if word.len() == 1 { tail } else { spaced };
        at.strip_prefix(word)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
    });
    let Some((word, zeros)) = word else {
        return Some((number.value, number.end));
    };
    let factor = Decimal::from(10_u64.pow(*zeros));
    let end = if word.len() == 1 {
        number.end
    } else {
        line.len() - spaced.len()
    } + word.len();
    Some((number.value.checked_mul(factor)?, end))
}

/// Whether letters touch the number that are no currency mark: `850kWh`, `3rd`, `30k`.
fn touches_a_word(line: &str, number_end: usize, end: usize) -> bool {
    let rest = &line[end..];
    end == number_end && rest.starts_with(char::is_alphabetic) && credit_after(rest).is_none()
}

/// The parentheses around an amount that make it a credit: those of a cell of their own. In prose,
/// `brake service ($450)`, they only set it apart.
fn parentheses(line: &str, start: usize, end: usize) -> Option<Range<usize>> {
    let before = line[..start].strip_suffix('(')?;
    let after = line[end..].strip_prefix(')')?;
    let alone = before.is_empty()
        || before.ends_with('\t')
        || before.ends_with("  ")
        || before.ends_with(": ");
    alone.then(|| before.len()..line.len() - after.len())
}

/// The mark of a credit after an amount: `89.50-` or `89.50 CR`.
fn credit_after(rest: &str) -> Option<usize> {
    let ends = |text: &str| !text.starts_with(char::is_alphanumeric);
    if let Some(after) = rest.strip_prefix('-') {
        let stands_last =
            after.is_empty() || after.starts_with(['\t', '\n']) || after.starts_with("  ");
        return stands_last.then_some(1);
    }
    let credit = rest.trim_start_matches(' ');
    let after = credit.strip_prefix("CR")?;
    ends(after).then(|| rest.len() - after.len())
}

/// Whether what follows an amount makes it a price of something else.
fn is_per_unit(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.starts_with('/')
        || rest.starts_with("per ")
        || rest.starts_with("each")
        || rest.starts_with("a month")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<(String, bool)> {
        let found = amounts(line, Style::Point, &[]);
        found
            .iter()
            .map(|amount| (amount.value.to_string(), amount.mark.is_some()))
            .collect()
    }

    fn one(line: &str) -> (String, Mark) {
        let found = amounts(line, Style::Point, &[]);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        (found[0].value.to_string(), found[0].mark.unwrap())
    }

    #[test]
    fn marks_before_and_after_are_read() {
        assert_eq!(one("$89.50"), ("89.50".into(), Mark::Dollar));
        assert_eq!(one("USD 1,234.56"), ("1234.56".into(), Mark::Code("USD")));
        assert_eq!(one("USD100"), ("100".into(), Mark::Code("USD")));
        assert_eq!(one("1.234,56 €"), ("1234.56".into(), Mark::Code("EUR")));
        assert_eq!(one("45,00 zł"), ("45.00".into(), Mark::Code("PLN")));
        assert_eq!(one("45,00zł."), ("45.00".into(), Mark::Code("PLN")));
        assert_eq!(one("CA$20"), ("20".into(), Mark::Code("CAD")));
        assert_eq!(one("SERVICES$20"), ("20".into(), Mark::Dollar));
        assert_eq!(one("¥1,200"), ("1200".into(), Mark::Yen));
        assert_eq!(one("$1.5 million"), ("1500000.0".into(), Mark::Dollar));
        assert_eq!(one("$30k"), ("30000".into(), Mark::Dollar));
    }

    #[test]
    fn mark_between_two_numbers_belongs_to_the_first() {
        let found = amounts("5 EUR 3 USD", Style::Point, &[]);
        let marks: Vec<_> = found.iter().filter_map(|amount| amount.mark).collect();
        assert_eq!(marks, [Mark::Code("EUR"), Mark::Code("USD")]);
    }

    #[test]
    fn credits_are_negative_and_hyphens_are_not() {
        for line in [
            "-$5.84",
            "$-5.84",
            "USD -5.84",
            "\u{2212}$5.84",
            "($5.84)",
            "\t(5.84)",
            "5.84-",
            "$5.84 CR",
            "€5.84CR",
        ] {
            assert_eq!(read(line)[0].0, "-5.84", "{line}");
        }
        for line in [
            "Service - $5.84",
            "Brake service ($5.84)",
            "$5.84 - paid",
            "Fee (5.84)",
        ] {
            assert_eq!(read(line)[0].0, "5.84", "{line}");
        }
    }

    #[test]
    fn percentages_words_and_masks_are_passed_over() {
        assert!(read("7.5% 12 % 850kWh 3rd 30k-mile").is_empty());
        assert!(amounts("15.01 02.02", Style::Point, &[0..5, 6..11]).is_empty());
    }

    #[test]
    fn price_of_a_unit_is_known() {
        assert!(amounts("$0.31/kWh", Style::Point, &[])[0].per_unit);
        assert!(amounts("$0.31 per kWh", Style::Point, &[])[0].per_unit);
        assert!(!amounts("$0.31 perhaps", Style::Point, &[])[0].per_unit);
    }
}
