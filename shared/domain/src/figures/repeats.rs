//! Values that several documents of one day share: perhaps the same bill, filed or paid twice.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::exact::{Exact, Overflow, Rounding};
use super::source::Excerpt;
use crate::id::FileId;

/// Most repeated values that are named.
const NAMED: usize = 20;

/// Most documents that are named for one of them.
const DOCUMENTS: usize = 5;

/// A value that two or more documents with the same date have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// The date of the documents.
    pub document_date: Date,
    /// The value.
    pub value: Decimal,
    /// The documents, in order of id; at most five are named.
    pub documents: Excerpt<FileId>,
}

/// Finds the values other than zero that documents of one day share. The largest in magnitude come
/// first; of equally large ones the earlier, and of one day the lower.
pub(super) fn repeats(exact: &Exact, rounding: Rounding) -> Result<Excerpt<Repeat>, Overflow> {
    let mut alike: BTreeMap<(Date, i128), BTreeSet<FileId>> = BTreeMap::new();
    for value in exact.values.iter().filter(|value| value.units != 0) {
        let key = (value.source.document_date, value.units);
        alike.entry(key).or_default().insert(value.source.file);
    }
    let mut found: Vec<_> = alike
        .into_iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|((date, units), files)| (Reverse(units.unsigned_abs()), date, units, files))
        .collect();
    found.sort_unstable();
    let count = found.len();
    found.truncate(NAMED);
    let first = found.into_iter().map(|(_, document_date, units, files)| {
        Ok(Repeat {
            document_date,
            value: rounding.whole(units)?,
            documents: Excerpt::of(files, DOCUMENTS),
        })
    });
    Ok(Excerpt {
        count,
        first: first.collect::<Result<_, _>>()?,
    })
}
