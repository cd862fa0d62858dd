//! Figures in little room, for a reader who cannot read on: a prompt, a message.

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
