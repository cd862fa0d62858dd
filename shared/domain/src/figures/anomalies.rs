//! Values that lie far from the others, by a rule that a few such values cannot bend.
//!
//! The rule is the modified z-score of Boris Iglewicz and David Hoaglin, *How to Detect and Handle
//! Outliers* (ASQC, 1993), also in the NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.17:
//! a value `x` is an anomaly when the magnitude of `0.6745 · (x − median) / MAD` exceeds 3.5, where
//! the MAD is the median of all `|x − median|`.
//!
//! When more than half of the values are equal, the MAD is zero. Then the score is
//! `(x − median) / (1.253314 · mean of all |x − median|)`, as in IBM's form of the rule: 1.253314 is
//! the ratio of standard deviation to mean deviation in a normal distribution, as 1 / 0.6745 is that
//! to the MAD. When all values are equal there is no anomaly.
//!
//! Everything is computed in whole numbers. Only the score that is shown is rounded, so one shown
//! as 3.5 did exceed 3.5.

use std::cmp::Reverse;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::exact::{
    Exact, Overflow, Rounding, Value, add, count_of, decimal, divide, multiply, subtract, sum,
};
use super::source::{Excerpt, Source};

/// Fewest values among which one can be an anomaly.
///
/// With four of which three are equal, the fourth would score 4 / 1.253314 = 3.2 however far away
/// it is; with five it scores 3.99. And of three values, two that happen to be close would make an
/// anomaly of the third.
const FEWEST: usize = 5;

/// Most anomalies that are named.
const NAMED: usize = 20;

/// A value that lies far from the others of its series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// The document that has it.
    #[serde(flatten)]
    pub source: Source,
    /// The value.
    pub value: Decimal,
    /// Its modified z-score, to one decimal; negative below the median.
    pub score: Decimal,
    /// On which side of the median it lies.
    pub direction: Direction,
}

/// A side of the median.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Above it.
    High,
    /// Below it.
    Low,
}

/// The score of a value: its deviation times `factor` over `divisor`.
struct Scale {
    factor: i128,
    divisor: i128,
}

/// Finds the anomalies, the most extreme first; of equally extreme ones the earlier first.
pub(super) fn anomalies(exact: &Exact, rounding: Rounding) -> Result<Excerpt<Anomaly>, Overflow> {
    if exact.values.len() < FEWEST {
        return Ok(Excerpt::default());
    }
    let deviations = deviations(exact)?;
    let Some(scale) = Scale::of(&deviations)? else {
        return Ok(Excerpt::default());
    };
    let mut found = Vec::new();
    for (value, deviation) in deviations {
        if scale.exceeds_limit(deviation)? {
            found.push((
                Reverse(deviation.unsigned_abs()),
                value.source,
                deviation,
                value.units,
            ));
        }
    }
    found.sort_unstable();
    let count = found.len();
    found.truncate(NAMED);
    let first = found.into_iter().map(|(_, source, deviation, units)| {
        Ok(Anomaly {
            source,
            value: rounding.whole(units)?,
            score: scale.score(deviation)?,
            direction: if deviation > 0 {
                Direction::High
            } else {
                Direction::Low
            },
        })
    });
    Ok(Excerpt {
        count,
        first: first.collect::<Result<_, _>>()?,
    })
}

/// Twice the distance of each value from the median, so that it is whole.
fn deviations(exact: &Exact) -> Result<Vec<(Value, i128)>, Overflow> {
    let mut sorted: Vec<i128> = exact.values.iter().map(|value| value.units).collect();
    sorted.sort_unstable();
    let median = twice_median(&sorted)?;
    let values = exact.values.iter();
    values
        .map(|&value| Ok((value, subtract(multiply(value.units, 2)?, median)?)))
        .collect()
}

/// Returns twice the median of sorted values, so that it is whole.
pub(super) fn twice_median(sorted: &[i128]) -> Result<i128, Overflow> {
    let upper = sorted.get(sorted.len() / 2).ok_or(Overflow)?;
    let lower = sorted.get((sorted.len() - 1) / 2).ok_or(Overflow)?;
    add(*lower, *upper)
}

impl Scale {
    /// Returns `None` when all values are equal.
    fn of(deviations: &[(Value, i128)]) -> Result<Option<Self>, Overflow> {
        let mut magnitudes = deviations
            .iter()
            .map(|(_, deviation)| deviation.checked_abs().ok_or(Overflow))
            .collect::<Result<Vec<i128>, _>>()?;
        magnitudes.sort_unstable();
        // Deviations are doubled, and the median of them is doubled again.
        let four_mads = twice_median(&magnitudes)?;
        if four_mads > 0 {
            return Ok(Some(Self {
                factor: 2 * 6745,
                divisor: multiply(four_mads, 10_000)?,
            }));
        }
        let total = sum(magnitudes.iter().copied())?;
        if total == 0 {
            return Ok(None);
        }
        Ok(Some(Self {
            factor: multiply(count_of(magnitudes.len())?, 1_000_000)?,
            divisor: multiply(total, 1_253_314)?,
        }))
    }

    fn exceeds_limit(&self, deviation: i128) -> Result<bool, Overflow> {
        let magnitude = deviation.checked_abs().ok_or(Overflow)?;
        let scored = multiply(magnitude, self.factor)?;
        // More than 3.5 of the divisor.
        Ok(multiply(scored, 2)? > multiply(self.divisor, 7)?)
    }

    fn score(&self, deviation: i128) -> Result<Decimal, Overflow> {
        let tenths = multiply(multiply(deviation, self.factor)?, 10)?;
        decimal(divide(tenths, self.divisor)?, 1)
    }
}
