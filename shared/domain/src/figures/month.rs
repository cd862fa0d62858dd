//! A month of a year.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A month of a year, written `2024-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    year: i16,
    month: i8,
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

    /// Counts the months from this one to a later one; none to an earlier one.
    pub(super) fn months_until(self, later: Self) -> u32 {
        u32::try_from(later.index() - self.index()).unwrap_or_default()
    }

    /// Returns the month so many months later, at most December of the last year of the calendar.
    pub(super) fn plus(self, months: u32) -> Self {
        let index = i64::from(self.index()) + i64::from(months);
        match (
            i16::try_from(index.div_euclid(12)),
            i8::try_from(index.rem_euclid(12)),
        ) {
            (Ok(year), Ok(month)) => Self {
                year,
                month: month + 1,
            },
            _ => Self {
                year: i16::MAX,
                month: 12,
            },
        }
    }

    /// Returns the month after it.
    pub(super) const fn next(self) -> Self {
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

    /// Returns the month before it.
    pub(super) const fn previous(self) -> Self {
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
