//! The rhythm in which values come, and where it was missed.
//!
//! Looked at are the months that have a value, and the intervals from each to the next, in months.
//! A series has the rhythm of a step, which is 1 month, 3 or 12, when it has at least three
//! intervals and at least two thirds of them are exactly that step. An interval that is longer
//! misses as many values as the step goes into it, rounded half up, less one: a quarterly bill that
//! comes a month late misses none, and one that comes six months later misses one. The first of
//! them was expected one step after the month before the interval, and the others follow by steps.
//!
//! What should have come after the last value is not said: that is a matter of today's date.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::month::Month;

/// Fewest intervals that make a rhythm.
const FEWEST: usize = 3;

/// A regular rhythm of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rhythm {
    /// How often a value comes.
    pub every: Step,
    /// How many values are missing in all.
    pub missing: u32,
    /// Where they are missing, in order.
    pub missed: Vec<Missed>,
}

/// The time from one value to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// One month.
    Month,
    /// Three months.
    Quarter,
    /// Twelve months.
    Year,
}

/// Values missing in a row. They are missing between the documents dated in the last month with a
/// value before and the next month with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The month in which the first was expected.
    pub first: Month,
    /// The month in which the last was.
    pub last: Month,
    /// How many are missing.
    pub count: u32,
}

impl Step {
    const ALL: [Self; 3] = [Self::Month, Self::Quarter, Self::Year];

    /// Returns its length in months.
    pub const fn months(self) -> u32 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        }
    }
}

/// Finds the rhythm of the months that have a value.
pub(super) fn rhythm<T>(months: &BTreeMap<Month, T>) -> Option<Rhythm> {
    let pairs = months.keys().zip(months.keys().skip(1));
    let intervals: Vec<(Month, u32)> = pairs
        .map(|(&before, &after)| (before, before.months_until(after)))
        .collect();
    let is_regular = |step: &Step| {
        let regular = intervals
            .iter()
            .filter(|(_, months)| *months == step.months());
        regular.count() * 3 >= intervals.len() * 2
    };
    if intervals.len() < FEWEST {
        return None;
    }
    let every = Step::ALL.into_iter().find(is_regular)?;
    let missed: Vec<Missed> = intervals
        .iter()
        .filter_map(|&(before, months)| missed(before, months, every.months()))
        .collect();
    Some(Rhythm {
        every,
        missing: missed.iter().map(|missed| missed.count).sum(),
        missed,
    })
}

/// Says what an interval that begins with a month misses.
fn missed(before: Month, months: u32, step: u32) -> Option<Missed> {
    let steps = (2 * months + step) / (2 * step);
    let count = steps.checked_sub(1).filter(|&count| count > 0)?;
    Some(Missed {
        first: before.plus(step),
        last: before.plus(step * count),
        count,
    })
}
