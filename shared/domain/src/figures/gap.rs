//! Months without any document.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::month::Month;

/// A run of months without a document. It lies between the documents dated in the month before it
/// and those dated in the month after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first month without a document.
    pub first: Month,
    /// The last one.
    pub last: Month,
    /// How many there are, both included.
    pub months: u32,
}

pub(super) fn gaps(months: &BTreeSet<Month>) -> Vec<Gap> {
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
