//! The figures of a dossier: totals, averages, extremes, trend and gaps of its documents, computed
//! in decimal arithmetic by code and never by a model.
//!
//! Every value is summed and divided exactly, as integers, and rounded once at the end: half up,
//! away from zero, so −0.005 becomes −0.01 as 0.005 becomes 0.01. Money is rounded to the minor
//! unit of its currency. The order in which documents are given makes no difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::dossier::Member;
use crate::error::Error;
use crate::facts::{Currency, Money, Quantity};

/// What one document of a dossier brings to its figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The date the document is about.
    pub document_date: Date,
    /// Its amount, where it has one.
    pub amount: Option<Money>,
    /// What it measures.
    pub quantities: Vec<Quantity>,
}

/// The figures of a dossier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Number of documents, with or without an amount.
    pub count: usize,
    /// The amounts, by currency. Currencies are never added to each other.
    pub currencies: BTreeMap<Currency, Series>,
    /// The measured quantities, by unit.
    pub quantities: BTreeMap<String, Series>,
    /// Runs of months without any document between the first and the last, in order.
    #[serde(default)]
    pub gaps: Vec<Gap>,
}

/// The figures of all values in one currency or one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Number of values.
    pub count: usize,
    /// Their sum.
    pub total: Decimal,
    /// Their arithmetic mean.
    pub mean: Decimal,
    /// The middle one, or the mean of the two in the middle.
    pub median: Decimal,
    /// The smallest.
    pub minimum: Decimal,
    /// The largest.
    pub maximum: Decimal,
    /// By how many percent the total of the last month that has a value differs from that of the
    /// month with a value before it, to one decimal. Measured against the magnitude of the earlier
    /// one, so that it is positive exactly when the total rose. `None` when there is no earlier
    /// month or its total is zero.
    pub change_percent: Option<Decimal>,
    /// Every month that has a value, in order.
    pub by_month: Vec<Period>,
}

/// The values of one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The month.
    pub month: Month,
    /// Number of values in it.
    pub count: usize,
    /// Their sum.
    pub total: Decimal,
}

/// A run of months without a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first month without a document.
    pub first: Month,
    /// The last one.
    pub last: Month,
    /// How many there are, both included.
    pub months: u32,
}

/// A month of a year, written `2024-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    year: i16,
    month: i8,
}

impl From<&Member> for Entry {
    fn from(member: &Member) -> Self {
        Self {
            document_date: member.document_date,
            amount: member.amount,
            quantities: member.quantities.clone(),
        }
    }
}

impl Figures {
    /// Computes the figures of some documents.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the values of a currency or a unit are so large, or so finely
    /// divided, that their figures don't fit a decimal of 28 digits.
    pub fn compute(entries: &[Entry]) -> Result<Self, Error> {
        let mut money: BTreeMap<Currency, Vec<(Month, Decimal)>> = BTreeMap::new();
        let mut measures: BTreeMap<&str, Vec<(Month, Decimal)>> = BTreeMap::new();
        let mut months = BTreeSet::new();
        for entry in entries {
            let month = Month::of(entry.document_date);
            months.insert(month);
            if let Some(Money { amount, currency }) = entry.amount {
                money.entry(currency).or_default().push((month, amount));
            }
            for quantity in &entry.quantities {
                measures
                    .entry(&quantity.unit)
                    .or_default()
                    .push((month, quantity.amount));
            }
        }
        let currencies = money.into_iter().map(|(currency, values)| {
            let series = Series::of_money(&values, currency.minor_digits());
            Ok((currency, series.ok_or_else(|| too_large(currency.code()))?))
        });
        let quantities = measures.into_iter().map(|(unit, values)| {
            let series = Series::of_measures(&values).ok_or_else(|| too_large(unit))?;
            Ok((unit.to_owned(), series))
        });
        Ok(Self {
            count: entries.len(),
            currencies: currencies.collect::<Result<_, Error>>()?,
            quantities: quantities.collect::<Result<_, Error>>()?,
            gaps: gaps(&months),
        })
    }
}

fn too_large(unit: &str) -> Error {
    Error::invalid(
        "/figures",
        format!("the values in {unit} are too large or too finely divided to be added exactly"),
    )
}

fn gaps(months: &BTreeSet<Month>) -> Vec<Gap> {
    let pairs = months.iter().zip(months.iter().skip(1));
    pairs
        .filter_map(|(before, after)| {
            let missing = after.index() - before.index() - 1;
            let months = u32::try_from(missing).ok().filter(|&months| months > 0)?;
            Some(Gap {
                first: before.next(),
                last: after.previous(),
                months,
            })
        })
        .collect()
}

impl Series {
    fn of_money(values: &[(Month, Decimal)], digits: u32) -> Option<Self> {
        Self::compute(&Exact::of(values)?, digits)
    }

    /// Quantities keep the decimals they are written with; their averages have at least two.
    fn of_measures(values: &[(Month, Decimal)]) -> Option<Self> {
        let exact = Exact::of(values)?;
        let mut series = Self::compute(&exact, exact.scale.max(2))?;
        let shown = [
            &mut series.total,
            &mut series.mean,
            &mut series.median,
            &mut series.minimum,
            &mut series.maximum,
        ];
        for value in shown {
            *value = value.normalize();
        }
        for period in &mut series.by_month {
            period.total = period.total.normalize();
        }
        Some(series)
    }

    /// Returns `None` when there is no value, or when a step does not fit.
    fn compute(exact: &Exact, digits: u32) -> Option<Self> {
        let mut sorted: Vec<i128> = exact.values.iter().map(|&(_, units)| units).collect();
        sorted.sort_unstable();
        let (&minimum, &maximum) = (sorted.first()?, sorted.last()?);
        let total = sum(sorted.iter().copied())?;
        let middle = &sorted[(sorted.len() - 1) / 2..=sorted.len() / 2];
        let by_month = exact.by_month()?;
        let round = |units, divisor: usize| exact.rounded(units, divisor, digits);
        Some(Self {
            count: sorted.len(),
            total: round(total, 1)?,
            mean: round(total, sorted.len())?,
            median: round(sum(middle.iter().copied())?, middle.len())?,
            minimum: round(minimum, 1)?,
            maximum: round(maximum, 1)?,
            change_percent: change(&by_month)?,
            by_month: by_month
                .iter()
                .map(|(&month, &(count, units))| {
                    let total = round(units, 1)?;
                    Some(Period {
                        month,
                        count,
                        total,
                    })
                })
                .collect::<Option<_>>()?,
        })
    }
}

/// Values as whole numbers of one unit, 10 to the power of −`scale`.
struct Exact {
    scale: u32,
    values: Vec<(Month, i128)>,
}

impl Exact {
    fn of(values: &[(Month, Decimal)]) -> Option<Self> {
        let normal = values.iter().map(|(_, value)| value.normalize());
        let scale = normal.clone().map(|value| value.scale()).max()?;
        let units = normal.map(|value| {
            let factor = 10i128.checked_pow(scale - value.scale())?;
            value.mantissa().checked_mul(factor)
        });
        let months = values.iter().map(|&(month, _)| month);
        let values = months
            .zip(units)
            .map(|(month, units)| Some((month, units?)))
            .collect::<Option<_>>()?;
        Some(Self { scale, values })
    }

    fn by_month(&self) -> Option<BTreeMap<Month, (usize, i128)>> {
        let mut months: BTreeMap<Month, (usize, i128)> = BTreeMap::new();
        for &(month, units) in &self.values {
            let (count, total) = months.entry(month).or_default();
            *count += 1;
            *total = total.checked_add(units)?;
        }
        Some(months)
    }

    /// Divides units by a number of values and rounds the result to some decimals.
    fn rounded(&self, units: i128, divisor: usize, digits: u32) -> Option<Decimal> {
        let divisor = i128::try_from(divisor).ok()?;
        let (numerator, denominator) = if digits >= self.scale {
            let factor = 10i128.checked_pow(digits - self.scale)?;
            (units.checked_mul(factor)?, divisor)
        } else {
            let factor = 10i128.checked_pow(self.scale - digits)?;
            (units, divisor.checked_mul(factor)?)
        };
        let quotient = divide(numerator, denominator)?;
        Decimal::try_from_i128_with_scale(quotient, digits).ok()
    }
}

/// The change from the last month but one to the last, in percent. The outer `None` is overflow.
#[expect(
    clippy::option_option,
    reason = "no change to show and overflow are different answers"
)]
fn change(by_month: &BTreeMap<Month, (usize, i128)>) -> Option<Option<Decimal>> {
    let mut totals = by_month.values().rev().map(|&(_, units)| units);
    let (Some(last), Some(earlier)) = (totals.next(), totals.next()) else {
        return Some(None);
    };
    if earlier == 0 {
        return Some(None);
    }
    let tenths = divide(
        last.checked_sub(earlier)?.checked_mul(1000)?,
        earlier.checked_abs()?,
    )?;
    Decimal::try_from_i128_with_scale(tenths, 1).ok().map(Some)
}

fn sum(mut values: impl Iterator<Item = i128>) -> Option<i128> {
    values.try_fold(0i128, i128::checked_add)
}

/// Divides and rounds half away from zero.
fn divide(numerator: i128, denominator: i128) -> Option<i128> {
    let quotient = numerator.checked_div(denominator)?;
    let remainder = numerator.checked_rem(denominator)?.unsigned_abs();
    if remainder < denominator.unsigned_abs() - remainder {
        return Some(quotient);
    }
    quotient.checked_add(numerator.signum() * denominator.signum())
}

impl Month {
    /// Returns the month of a date.
    pub fn of(date: Date) -> Self {
        Self {
            year: date.year(),
            month: date.month(),
        }
    }

    /// Returns the year.
    pub const fn year(self) -> i16 {
        self.year
    }

    /// Months since January of the year 0; negative before it.
    pub fn index(self) -> i32 {
        i32::from(self.year) * 12 + i32::from(self.month) - 1
    }

    const fn next(self) -> Self {
        match self.month {
            12 => Self {
                year: self.year.saturating_add(1),
                month: 1,
            },
            month => Self {
                year: self.year,
                month: month + 1,
            },
        }
    }

    const fn previous(self) -> Self {
        match self.month {
            1 => Self {
                year: self.year.saturating_sub(1),
                month: 12,
            },
            month => Self {
                year: self.year,
                month: month - 1,
            },
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.year < 0 { "-" } else { "" };
        write!(f, "{sign}{:04}-{:02}", self.year.unsigned_abs(), self.month)
    }
}

impl FromStr for Month {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (year, month) = text.rsplit_once('-').unwrap_or_default();
        match (year.parse(), month.parse()) {
            (Ok(year), Ok(month @ 1..=12)) => Ok(Self { year, month }),
            _ => Err(Error::invalid(
                "/month",
                "a month is a year and a number from 01 to 12, such as 2024-11",
            )),
        }
    }
}

impl TryFrom<String> for Month {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

#[cfg(test)]
mod tests;
