//! The figures of all values in one currency or one unit.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::anomalies::{Anomaly, anomalies, twice_median};
use super::exact::{Exact, Overflow, Rounding, Value, Written, count_of};
use super::month::Month;
use super::period::{Change, Period, Year, change, months, tallies, years};
use super::repeats::{Repeat, repeats};
use super::rhythm::{Rhythm, rhythm};
use super::source::{Excerpt, Source};

/// Most documents that are named for an extreme.
const NAMED: usize = 5;

/// The figures of all values in one currency or one unit.
///
/// Count, total, mean and median come from all documents of the dossier that have a value in it.
/// The others say which documents they come from. What is new since the first version is empty in
/// figures that were kept before.
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
    /// The documents that have the smallest value, in order; at most five are named.
    #[serde(default)]
    pub minimum_of: Excerpt<Source>,
    /// The documents that have the largest value, in order; at most five are named.
    #[serde(default)]
    pub maximum_of: Excerpt<Source>,
    /// Every year that has a value, in order.
    #[serde(default)]
    pub by_year: Vec<Year>,
    /// The change from the month before the last to the last, of those that have a value.
    #[serde(default)]
    pub change: Option<Change<Month>>,
    /// The change from the year before the last to the last, of those that have a value. The last
    /// year may not be over.
    #[serde(default)]
    pub change_by_year: Option<Change<i16>>,
    /// The values that lie far from the others, the most extreme first; at most 20 are named.
    #[serde(default)]
    pub anomalies: Excerpt<Anomaly>,
    /// The values that several documents of one day share, the largest first; at most 20 are named.
    #[serde(default)]
    pub repeated: Excerpt<Repeat>,
    /// The rhythm in which values come, where they have one, and where it was missed.
    #[serde(default)]
    pub rhythm: Option<Rhythm>,
}

impl Series {
    pub(crate) fn of_money(values: &[Written], minor_digits: u32) -> Result<Self, Overflow> {
        let exact = Exact::of(values)?;
        Self::compute(&exact, Rounding::of_money(exact.scale, minor_digits))
    }

    pub(crate) fn of_measures(values: &[Written]) -> Result<Self, Overflow> {
        let exact = Exact::of(values)?;
        Self::compute(&exact, Rounding::of_measures(exact.scale, exact.scale))
    }

    /// Computes the figures of at least one value.
    fn compute(exact: &Exact, rounding: Rounding) -> Result<Self, Overflow> {
        let mut sorted: Vec<i128> = exact.values.iter().map(|value| value.units).collect();
        sorted.sort_unstable();
        let (&minimum, &maximum) = sorted.first().zip(sorted.last()).ok_or(Overflow)?;
        let total = exact.total()?;
        let by_month = tallies(exact, Month::of)?;
        let by_year = tallies(exact, jiff::civil::Date::year)?;
        let change_by_month = change(&by_month, rounding)?;
        Ok(Self {
            count: sorted.len(),
            total: rounding.whole(total)?,
            mean: rounding.quotient(total, count_of(sorted.len())?)?,
            median: rounding.quotient(twice_median(&sorted)?, 2)?,
            minimum: rounding.whole(minimum)?,
            maximum: rounding.whole(maximum)?,
            change_percent: change_by_month.as_ref().and_then(|change| change.percent),
            by_month: months(&by_month, rounding)?,
            minimum_of: having(exact, minimum),
            maximum_of: having(exact, maximum),
            by_year: years(&by_year, rounding)?,
            change: change_by_month,
            change_by_year: change(&by_year, rounding)?,
            anomalies: anomalies(exact, rounding)?,
            repeated: repeats(exact, rounding)?,
            rhythm: rhythm(&by_month),
        })
    }
}

/// Lists the documents that have a value.
fn having(exact: &Exact, units: i128) -> Excerpt<Source> {
    let has = |value: &&Value| value.units == units;
    let mut sources: Vec<Source> = exact.values.iter().filter(has).map(|v| v.source).collect();
    sources.sort_unstable();
    sources.dedup();
    Excerpt::of(sources, NAMED)
}
