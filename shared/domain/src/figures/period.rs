//! Months and years, and the change from one to the next.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::exact::{Exact, Overflow, Rounding, add, count_of, percent, subtract};
use super::month::Month;

/// The values of one month. They come from the documents of the dossier that have a value in this
/// currency or unit and are dated in the month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The month.
    pub month: Month,
    /// Number of values in it.
    pub count: usize,
    /// Their sum.
    pub total: Decimal,
    /// Their arithmetic mean. `None` only in figures that were kept before there was one.
    #[serde(default)]
    pub mean: Option<Decimal>,
}

/// The values of one year. They come from the documents of the dossier that have a value in this
/// currency or unit and are dated in the year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Year {
    /// The year.
    pub year: i16,
    /// Number of values in it.
    pub count: usize,
    /// Their sum.
    pub total: Decimal,
    /// Their arithmetic mean.
    pub mean: Decimal,
}

/// By how much the total of a period differs from that of an earlier one. It comes from the
/// documents dated in either.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change<P> {
    /// The earlier period.
    pub from: P,
    /// The later one.
    pub to: P,
    /// The total of the earlier one.
    pub from_total: Decimal,
    /// The total of the later one.
    pub to_total: Decimal,
    /// What the later one has more; negative when it has less. Subtracted exactly and then rounded.
    pub difference: Decimal,
    /// The difference in percent of the magnitude of the earlier total, to one decimal, so that it
    /// is positive exactly when the total rose. `None` when the earlier total is zero.
    pub percent: Option<Decimal>,
}

/// The number and the sum of some values.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) count: usize,
    pub(crate) units: i128,
}

impl Tally {
    pub(crate) fn mean(self, rounding: Rounding) -> Result<Decimal, Overflow> {
        rounding.quotient(self.units, count_of(self.count)?)
    }
}

/// Adds values up by the period that their date is in.
pub(crate) fn tallies<P: Ord>(
    exact: &Exact,
    period_of: impl Fn(Date) -> P,
) -> Result<BTreeMap<P, Tally>, Overflow> {
    let mut tallies: BTreeMap<P, Tally> = BTreeMap::new();
    for value in &exact.values {
        let tally = tallies
            .entry(period_of(value.source.document_date))
            .or_default();
        tally.count += 1;
        tally.units = add(tally.units, value.units)?;
    }
    Ok(tallies)
}

pub(super) fn months(
    tallies: &BTreeMap<Month, Tally>,
    rounding: Rounding,
) -> Result<Vec<Period>, Overflow> {
    let months = tallies.iter().map(|(&month, tally)| {
        Ok(Period {
            month,
            count: tally.count,
            total: rounding.whole(tally.units)?,
            mean: Some(tally.mean(rounding)?),
        })
    });
    months.collect()
}

pub(super) fn years(
    tallies: &BTreeMap<i16, Tally>,
    rounding: Rounding,
) -> Result<Vec<Year>, Overflow> {
    let years = tallies.iter().map(|(&year, tally)| {
        Ok(Year {
            year,
            count: tally.count,
            total: rounding.whole(tally.units)?,
            mean: tally.mean(rounding)?,
        })
    });
    years.collect()
}

/// Compares the last period that has a value with the one that has a value before it.
pub(super) fn change<P: Copy + Ord>(
    tallies: &BTreeMap<P, Tally>,
    rounding: Rounding,
) -> Result<Option<Change<P>>, Overflow> {
    let mut latest = tallies.iter().rev();
    let (Some((&to, later)), Some((&from, earlier))) = (latest.next(), latest.next()) else {
        return Ok(None);
    };
    let difference = subtract(later.units, earlier.units)?;
    Ok(Some(Change {
        from,
        to,
        from_total: rounding.whole(earlier.units)?,
        to_total: rounding.whole(later.units)?,
        difference: rounding.whole(difference)?,
        percent: percent(difference, earlier.units)?,
    }))
}
