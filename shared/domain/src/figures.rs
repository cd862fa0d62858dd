//! The figures of a dossier: totals, averages, extremes, periods, trend, gaps and anomalies of its
//! documents, computed in decimal arithmetic by code and never by a model.
//!
//! Every value is summed and divided exactly, as integers, and rounded once at the end: half up,
//! away from zero, so −0.005 becomes −0.01 as 0.005 becomes 0.01. Money is rounded to the minor
//! unit of its currency. The order in which documents are given makes no difference.
//!
//! Values are compared before they are rounded: of 0.001 and 0.002 dollars the first is the smallest,
//! though both are shown as 0.00.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::dossier::Member;
use crate::error::Error;
use crate::facts::{Currency, Money, Quantity};
use crate::id::FileId;

mod abridged;
mod anomalies;
pub(crate) mod exact;
mod gap;
mod month;
pub(crate) mod period;
mod repeats;
mod rhythm;
mod series;
mod source;

use exact::Written;

pub use anomalies::{Anomaly, Direction};
pub use gap::Gap;
pub use month::Month;
pub use period::{Change, Period, Year};
pub use repeats::Repeat;
pub use rhythm::{Missed, Rhythm, Step};
pub use series::Series;
pub use source::{Excerpt, Source};

/// What one document of a dossier brings to its figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file, so that figures can say where they come from.
    pub file: FileId,
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

impl From<&Member> for Entry {
    fn from(member: &Member) -> Self {
        Self {
            file: member.file,
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
        let values = Values::of(entries);
        let currencies = values.money.into_iter().map(|(currency, values)| {
            let series = Series::of_money(&values, currency.minor_digits());
            Ok((currency, series.map_err(|_| too_large(currency.code()))?))
        });
        let quantities = values.measures.into_iter().map(|(unit, values)| {
            let series = Series::of_measures(&values).map_err(|_| too_large(unit))?;
            Ok((unit.to_owned(), series))
        });
        let months = entries.iter().map(|entry| Month::of(entry.document_date));
        Ok(Self {
            count: entries.len(),
            currencies: currencies.collect::<Result<_, Error>>()?,
            quantities: quantities.collect::<Result<_, Error>>()?,
            gaps: gap::gaps(&months.collect::<BTreeSet<Month>>()),
        })
    }
}

/// The values of some documents, each kind by itself.
#[derive(Debug, Default)]
pub(crate) struct Values<'a> {
    pub(crate) money: BTreeMap<Currency, Vec<Written>>,
    pub(crate) measures: BTreeMap<&'a str, Vec<Written>>,
}

impl<'a> Values<'a> {
    pub(crate) fn of(entries: &'a [Entry]) -> Self {
        let mut values = Self::default();
        for entry in entries {
            let source = Source {
                document_date: entry.document_date,
                file: entry.file,
            };
            if let Some(Money { amount, currency }) = entry.amount {
                let money = values.money.entry(currency).or_default();
                money.push(Written {
                    source,
                    value: amount,
                });
            }
            for quantity in &entry.quantities {
                let measures = values.measures.entry(&quantity.unit).or_default();
                measures.push(Written {
                    source,
                    value: quantity.amount,
                });
            }
        }
        values
    }
}

pub(crate) fn too_large(unit: &str) -> Error {
    Error::invalid(
        "/figures",
        format!("the values in {unit} are too large or too finely divided to be added exactly"),
    )
}

#[cfg(test)]
mod tests;
