//! What digits with separators may mean: numbers and dates in the spellings of several countries.

use jiff::civil::Date;
use rust_decimal::Decimal;

/// Reads a number with separators in every way that is in use somewhere.
pub(super) fn values(number: &[char]) -> Vec<Decimal> {
    let plain: String = number.iter().filter(|c| **c != '\'').collect();
    let mut readings: Vec<Decimal> = Vec::new();
    for (group, point) in [(',', '.'), ('.', ',')] {
        let (whole, fraction) = match plain.split_once(point) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (plain.as_str(), None),
        };
        let mut groups = whole.split(group).skip(1).peekable();
        let grouped = groups.peek().is_none()
            || (groups.all(|digits| matches!(digits.len(), 2 | 3))
                && whole
                    .rsplit(group)
                    .next()
                    .is_some_and(|last| last.len() == 3));
        if !grouped || fraction.is_some_and(|digits| !digits.bytes().all(|b| b.is_ascii_digit())) {
            continue;
        }
        let number = match fraction {
            Some(fraction) => format!("{}.{fraction}", whole.replace(group, "")),
            None => whole.replace(group, ""),
        };
        readings.extend(Decimal::from_str_exact(&number));
    }
    readings
}

/// Reads three numbers, each with how many digits it has, as a date.
pub(super) fn dates(
    first: (usize, i16),
    second: (usize, i16),
    third: (usize, i16),
) -> Option<Vec<Date>> {
    let orders = match (first, second, third) {
        ((4, year), (1 | 2, month), (1 | 2, day)) => vec![(year, month, day)],
        ((1 | 2, a), (1 | 2, b), (4, year)) => vec![(year, a, b), (year, b, a)],
        ((1 | 2, a), (1 | 2, b), (2, year)) => {
            let year = 2000 + year;
            vec![(year, a, b), (year, b, a)]
        }
        _ => return None,
    };
    let dates = orders.into_iter().filter_map(|(year, month, day)| {
        let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        Date::new(year, month, day).ok()
    });
    Some(dates.collect())
}
