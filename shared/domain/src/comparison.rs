//! Two dossiers side by side.
//!
//! Each side's own figures are those of [`crate::figures`]. Differences and percents are of the
//! second against the first, computed from the exact values and rounded once at the end as figures
//! are; so the difference of two means may differ by one in the last digit from that of the means
//! as they are shown. Differences of quantities have the decimals of the more finely written side.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::facts::Currency;
use crate::figures::exact::{
    Exact, Overflow, Rounding, Written, count_of, multiply, percent, scale_of, subtract,
};
use crate::figures::period::{Tally, tallies};
use crate::figures::{Entry, Month, Values, too_large};

/// Two dossiers side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// How many documents each has.
    pub count: Counts,
    /// The dates of the first and the last document of the first dossier.
    pub first_period: Option<Dates>,
    /// The same of the second.
    pub second_period: Option<Dates>,
    /// The currencies that both have.
    pub currencies: BTreeMap<Currency, Compared>,
    /// The units that both have.
    pub quantities: BTreeMap<String, Compared>,
    /// What only the first has.
    pub only_first: Only,
    /// What only the second has.
    pub only_second: Only,
}

/// The dates of the first and the last document of a dossier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dates {
    /// Of the first.
    pub first: Date,
    /// Of the last.
    pub last: Date,
}

/// What the other dossier has nothing of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Only {
    /// Currencies, in order.
    pub currencies: Vec<Currency>,
    /// Units, in order.
    pub units: Vec<String>,
}

/// Two numbers of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// In the first dossier.
    pub first: usize,
    /// In the second.
    pub second: usize,
    /// How many more in the second; negative when fewer.
    pub difference: i64,
    /// The difference in percent of the first, to one decimal. `None` when the first has none.
    pub percent: Option<Decimal>,
}

/// Two values of the same kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// That of the first dossier.
    pub first: Decimal,
    /// That of the second.
    pub second: Decimal,
    /// By how much the second is larger; negative when it is smaller.
    pub difference: Decimal,
    /// The difference in percent of the magnitude of the first, to one decimal, so that it is
    /// positive exactly when the second is larger. `None` when the first is zero.
    pub percent: Option<Decimal>,
}

/// The figures of two dossiers in one currency or one unit. They come from the documents of each
/// that have a value in it, those of a month from the ones dated in the month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// The numbers of values.
    pub count: Counts,
    /// Their sums.
    pub total: Pair,
    /// Their arithmetic means.
    pub mean: Pair,
    /// The totals of each month in which both have a value, in order.
    pub by_month: Vec<MonthPair>,
    /// The months in which only the first has a value, in order.
    pub only_first: Vec<Month>,
    /// The months in which only the second has one, in order.
    pub only_second: Vec<Month>,
}

/// The totals of one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthPair {
    /// The month.
    pub month: Month,
    /// The totals of both dossiers.
    #[serde(flatten)]
    pub total: Pair,
}

impl Comparison {
    /// Compares the documents of two dossiers.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the values of a currency or a unit are so large, or so finely
    /// divided, that what is compared doesn't fit a decimal of 28 digits.
    pub fn of(first: &[Entry], second: &[Entry]) -> Result<Self, Error> {
        let count = Counts::of(first.len(), second.len()).map_err(|_| too_large("documents"))?;
        let periods = [first, second].map(Dates::of);
        let [first, second] = [first, second].map(Values::of);
        let currencies = in_both(&first.money, &second.money).map(|(currency, values)| {
            let compared = compare_money(values, currency.minor_digits());
            Ok((currency, compared.map_err(|_| too_large(currency.code()))?))
        });
        let quantities = in_both(&first.measures, &second.measures).map(|(unit, values)| {
            let compared = compare_measures(values).map_err(|_| too_large(unit))?;
            Ok((unit.to_owned(), compared))
        });
        Ok(Self {
            count,
            first_period: periods[0],
            second_period: periods[1],
            currencies: currencies.collect::<Result<_, Error>>()?,
            quantities: quantities.collect::<Result<_, Error>>()?,
            only_first: Only::of(&first, &second),
            only_second: Only::of(&second, &first),
        })
    }
}

impl Dates {
    fn of(entries: &[Entry]) -> Option<Self> {
        let dates = entries.iter().map(|entry| entry.document_date);
        Some(Self {
            first: dates.clone().min()?,
            last: dates.max()?,
        })
    }
}

impl Only {
    fn of(here: &Values<'_>, there: &Values<'_>) -> Self {
        let units = only(&here.measures, &there.measures);
        Self {
            currencies: only(&here.money, &there.money),
            units: units.into_iter().map(str::to_owned).collect(),
        }
    }
}

fn only<K: Copy + Ord, V>(here: &BTreeMap<K, V>, there: &BTreeMap<K, V>) -> Vec<K> {
    let keys = here.keys().copied();
    keys.filter(|key| !there.contains_key(key)).collect()
}

fn in_both<'a, K: Copy + Ord, V>(
    first: &'a BTreeMap<K, V>,
    second: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (K, [&'a V; 2])> {
    first
        .iter()
        .filter_map(|(&key, value)| Some((key, [value, second.get(&key)?])))
}

impl Counts {
    fn of(first: usize, second: usize) -> Result<Self, Overflow> {
        let difference = subtract(count_of(second)?, count_of(first)?)?;
        Ok(Self {
            first,
            second,
            difference: i64::try_from(difference).map_err(|_| Overflow)?,
            percent: percent(difference, count_of(first)?)?,
        })
    }
}

/// How each side of a comparison is shown, and how their difference is.
struct Roundings {
    sides: [Rounding; 2],
    difference: Rounding,
}

fn compare_money(values: [&Vec<Written>; 2], minor_digits: u32) -> Result<Compared, Overflow> {
    let scale = values.map(|values| scale_of(values)).into_iter().max();
    let scale = scale.unwrap_or_default();
    let rounding = Rounding::of_money(scale, minor_digits);
    let roundings = Roundings {
        sides: [rounding; 2],
        difference: rounding,
    };
    compare(values, scale, &roundings)
}

fn compare_measures(values: [&Vec<Written>; 2]) -> Result<Compared, Overflow> {
    let written = values.map(|values| scale_of(values));
    let scale = written.into_iter().max().unwrap_or_default();
    let roundings = Roundings {
        sides: written.map(|written| Rounding::of_measures(scale, written)),
        difference: Rounding::of_measures(scale, scale),
    };
    compare(values, scale, &roundings)
}

/// Compares the values of both sides, taken in units of one scale.
fn compare(
    values: [&Vec<Written>; 2],
    scale: u32,
    roundings: &Roundings,
) -> Result<Compared, Overflow> {
    let first = Exact::at_scale(values[0], scale)?;
    let second = Exact::at_scale(values[1], scale)?;
    let sides = [tally(&first)?, tally(&second)?];
    let months = [tallies(&first, Month::of)?, tallies(&second, Month::of)?];
    let by_month = in_both(&months[0], &months[1]).map(|(month, [first, second])| {
        let total = roundings.totals([*first, *second])?;
        Ok(MonthPair { month, total })
    });
    Ok(Compared {
        count: Counts::of(sides[0].count, sides[1].count)?,
        total: roundings.totals(sides)?,
        mean: roundings.means(sides)?,
        by_month: by_month.collect::<Result<_, _>>()?,
        only_first: only(&months[0], &months[1]),
        only_second: only(&months[1], &months[0]),
    })
}

fn tally(exact: &Exact) -> Result<Tally, Overflow> {
    Ok(Tally {
        count: exact.values.len(),
        units: exact.total()?,
    })
}

impl Roundings {
    fn totals(&self, [first, second]: [Tally; 2]) -> Result<Pair, Overflow> {
        let difference = subtract(second.units, first.units)?;
        Ok(Pair {
            first: self.sides[0].whole(first.units)?,
            second: self.sides[1].whole(second.units)?,
            difference: self.difference.whole(difference)?,
            percent: percent(difference, first.units)?,
        })
    }

    fn means(&self, [first, second]: [Tally; 2]) -> Result<Pair, Overflow> {
        // Both means over one denominator, the product of the counts.
        let counts = [count_of(first.count)?, count_of(second.count)?];
        let of_first = multiply(first.units, counts[1])?;
        let difference = subtract(multiply(second.units, counts[0])?, of_first)?;
        let denominator = multiply(counts[0], counts[1])?;
        Ok(Pair {
            first: first.mean(self.sides[0])?,
            second: second.mean(self.sides[1])?,
            difference: self.difference.quotient(difference, denominator)?,
            percent: percent(difference, of_first)?,
        })
    }
}

#[cfg(test)]
mod tests;
