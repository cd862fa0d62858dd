//! Figures in little room, for a reader who cannot read on: a prompt, a message.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Excerpt, Figures, Series};

impl Figures {
    /// Keeps of each list of months, of years and of gaps only the last `periods`, and of each list
    /// of anomalies and of repeated values only the first `findings`. Documents that have an extreme
    /// or share a value are counted and not named. Nothing else changes: every total is still that
    /// of all documents, and every list of findings says how many there are.
    #[must_use]
    pub fn abridged(mut self, periods: usize, findings: usize) -> Self {
        keep_last(&mut self.gaps, periods);
        let series = self.currencies.values_mut();
        for series in series.chain(self.quantities.values_mut()) {
            series.abridge(periods, findings);
        }
        self
    }
}

/// Of how many units figures are kept where room is little: those that most documents have.
const MOST_UNITS: usize = 40;

impl Figures {
    /// Keeps all where that fits into a number of bytes of JSON, else less and less: of fewer periods, and of the units that
    /// most documents have.
    #[must_use]
    pub fn fitting(self, most_bytes: usize) -> Self {
        if self.fits(most_bytes) {
            return self;
        }
        let shorter = [240, 60, 24].map(|periods| (periods, usize::MAX));
        for (periods, units) in shorter.into_iter().chain([(24, MOST_UNITS)]) {
            let mut shown = self.clone().abridged(periods, 5);
            shown.keep_units(units);
            if shown.fits(most_bytes) {
                return shown;
            }
        }
        let mut least = self.abridged(12, 0);
        least.keep_units(MOST_UNITS / 4);
        least
    }

    fn fits(&self, most_bytes: usize) -> bool {
        serde_json::to_vec(self).is_ok_and(|json| json.len() <= most_bytes)
    }

    fn keep_units(&mut self, most: usize) {
        keep_most(&mut self.currencies, most);
        keep_most(&mut self.quantities, most);
    }
}

fn keep_most<K: Ord + Clone>(series: &mut BTreeMap<K, Series>, most: usize) {
    let mut units: Vec<(Reverse<usize>, K)> = series
        .iter()
        .map(|(unit, series)| (Reverse(series.count), unit.clone()))
        .collect();
    units.sort();
    for (_, unit) in units.into_iter().skip(most) {
        series.remove(&unit);
    }
}

impl Series {
    fn abridge(&mut self, periods: usize, findings: usize) {
        keep_last(&mut self.by_month, periods);
        keep_last(&mut self.by_year, periods);
        if let Some(rhythm) = &mut self.rhythm {
            keep_last(&mut rhythm.missed, periods);
        }
        keep_first(&mut self.minimum_of, 0);
        keep_first(&mut self.maximum_of, 0);
        keep_first(&mut self.anomalies, findings);
        keep_first(&mut self.repeated, findings);
        for repeat in &mut self.repeated.first {
            keep_first(&mut repeat.documents, 0);
        }
    }
}

fn keep_last<T>(list: &mut Vec<T>, most: usize) {
    let older = list.len().saturating_sub(most);
    list.drain(..older);
}

fn keep_first<T>(excerpt: &mut Excerpt<T>, most: usize) {
    excerpt.first.truncate(most);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Quantity;
    use crate::figures::Entry;
    use crate::id::FileId;

    fn of(units: usize) -> Figures {
        let entries: Vec<Entry> = (0..units)
            .map(|unit| Entry {
                file: FileId::new(uuid::Uuid::nil()),
                document_date: "2024-01-15".parse().unwrap(),
                amount: None,
                quantities: vec![
                    Quantity {
                        amount: 1.into(),
                        unit: format!("unit {unit}"),
                    },
                    Quantity {
                        amount: 2.into(),
                        unit: "kWh".to_owned(),
                    },
                ],
            })
            .collect();
        Figures::compute(&entries).unwrap()
    }

    #[test]
    fn figures_that_fit_stay_and_others_come_to_fit() {
        let few = of(3);
        assert_eq!(few.clone().fitting(200 * 1024), few);
        let many = of(2_000).fitting(200 * 1024);
        assert!(many.fits(200 * 1024));
        assert_eq!(many.quantities["kWh"].count, 2_000);
        assert_eq!(many.count, 2_000);
    }
}
