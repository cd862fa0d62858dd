//! Checks that prose about a dossier quotes computed figures and nothing else.
//!
//! A model may write the words, never the numbers. Every number in its prose has to be one of the
//! computed figures or of the documents' own amounts and quantities; a date of the documents; or a
//! number that is part of a known name, such as the 550 of the tag `lexus-tx-550`. A number marked
//! as money, percent or a unit has to be a figure of just that kind: 850 kWh licenses no $850.
//!
//! Numbers are compared by value, so `1,234.50`, `1.234,5` and `1234.50` are the same, but they are
//! not rounded: 24 % is no quotation of 23.8 %. Digits of every script are read. Of numbers in words
//! only English ones before a percent, a currency or a thousand are looked at (`thirty percent`);
//! prompts ask for digits.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use rust_decimal::Decimal;
use thiserror::Error as ThisError;

use crate::facts::Currency;
use crate::figures::{Entry, Figures, Month, Series};

mod scan;

use scan::{Mark, Sign, Written};

/// A number in prose that is none of the computed figures.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("the text says {number}, which is not among the computed figures")]
pub struct Mismatch {
    /// The number as the text has it, with its mark: `30 %`, `$1,000`.
    pub number: String,
}

/// Checks every number of a text about a dossier.
///
/// `names` are texts whose numbers may be repeated where nothing marks them as money, percent or a
/// unit: names of the documents, type and tags of the dossier.
///
/// # Errors
/// [`Mismatch`] names the first number that is not covered.
pub fn check(
    text: &str,
    figures: &Figures,
    entries: &[Entry],
    names: &[&str],
) -> Result<(), Mismatch> {
    let evidence = Evidence::gather(figures, entries, names);
    let units = evidence.quantities.keys().copied().collect::<Vec<_>>();
    let numbers = scan::numbers(text, &units);
    match numbers.iter().find(|written| !evidence.covers(written)) {
        Some(written) => Err(Mismatch {
            number: written.raw.clone(),
        }),
        None => Ok(()),
    }
}

/// Everything a number may be.
struct Evidence<'a> {
    money: BTreeMap<Currency, Vec<Decimal>>,
    quantities: BTreeMap<&'a str, Vec<Decimal>>,
    percents: Vec<Decimal>,
    scores: Vec<Decimal>,
    counts: BTreeSet<usize>,
    dates: BTreeSet<Date>,
    names: Vec<Vec<char>>,
}

impl<'a> Evidence<'a> {
    fn gather(figures: &'a Figures, entries: &[Entry], names: &[&str]) -> Self {
        let mut evidence = Self {
            money: BTreeMap::new(),
            quantities: BTreeMap::new(),
            percents: Vec::new(),
            scores: Vec::new(),
            counts: BTreeSet::from([figures.count]),
            dates: entries.iter().map(|entry| entry.document_date).collect(),
            names: names.iter().map(|name| scan::fold_lower(name)).collect(),
        };
        for (&currency, series) in &figures.currencies {
            evidence.money.insert(currency, values(series));
            evidence.count(series);
        }
        for (unit, series) in &figures.quantities {
            evidence.quantities.insert(unit, values(series));
            evidence.count(series);
        }
        for entry in entries {
            if let Some(money) = entry.amount {
                let known = evidence.money.entry(money.currency).or_default();
                known.push(money.amount);
            }
            for quantity in &entry.quantities {
                if let Some(known) = evidence.quantities.get_mut(quantity.unit.as_str()) {
                    known.push(quantity.amount);
                }
            }
        }
        evidence.count_time(figures);
        evidence
    }

    fn count(&mut self, series: &Series) {
        let by_year = series.change_by_year.as_ref();
        self.percents.extend(series.change_percent);
        self.percents
            .extend(by_year.and_then(|change| change.percent));
        self.counts
            .extend([series.count, series.by_month.len(), series.by_year.len()]);
        self.counts.extend(series.by_month.iter().map(|p| p.count));
        self.counts
            .extend(series.by_year.iter().map(|year| year.count));
        self.count_findings(series);
    }

    /// Counts anomalies, repeated values and what a rhythm misses.
    fn count_findings(&mut self, series: &Series) {
        let (anomalies, repeated) = (&series.anomalies, &series.repeated);
        self.counts.extend([anomalies.count, repeated.count]);
        let documents = repeated.first.iter().map(|repeat| repeat.documents.count);
        self.counts.extend(documents);
        self.scores
            .extend(anomalies.first.iter().map(|anomaly| anomaly.score));
        if let Some(rhythm) = &series.rhythm {
            let missed = rhythm.missed.iter().map(|missed| missed.count as usize);
            self.counts.extend(missed);
            self.counts.insert(rhythm.missing as usize);
        }
    }

    /// Counts of months: without documents, with documents, and from first to last.
    fn count_time(&mut self, figures: &Figures) {
        let gaps = figures.gaps.iter().map(|gap| gap.months as usize);
        self.counts.extend(gaps.clone());
        self.counts.extend([figures.gaps.len(), gaps.sum()]);
        let months: BTreeSet<Month> = self.dates.iter().copied().map(Month::of).collect();
        if let (Some(first), Some(last)) = (months.first(), months.last()) {
            let span = last.index() - first.index() + 1;
            self.counts.insert(months.len());
            self.counts.extend(usize::try_from(span));
        }
    }

    fn covers(&self, written: &Written) -> bool {
        match &written.mark {
            _ if written.is_identifier() && self.named(&written.word) => true,
            Mark::Date(readings) => readings.iter().any(|date| self.dates.contains(date)),
            Mark::Month(month) => self.spans(*month),
            Mark::Quarter(quarter) => self
                .dates
                .iter()
                .any(|date| (date.month() - 1) / 3 + 1 == *quarter),
            Mark::Percent => {
                // A dossier may measure in percent, too.
                let measured = self.quantities.get("%").into_iter().flatten();
                let mut percents = self.percents.iter().chain(measured);
                percents.any(|value| written.is(*value))
            }
            Mark::Money(codes) => self
                .money
                .iter()
                .filter(|(currency, _)| codes.is_empty() || codes.contains(&currency.code()))
                .any(|(_, values)| values.iter().any(|value| written.is(*value))),
            Mark::Unit(unit) => self
                .quantities
                .get(unit.as_str())
                .is_some_and(|values| values.iter().any(|value| written.is(*value))),
            Mark::Plain => self.covers_plain(written),
            Mark::Unreadable => false,
        }
    }

    fn covers_plain(&self, written: &Written) -> bool {
        let computed = self.money.values().chain(self.quantities.values());
        computed
            .flatten()
            .chain(&self.percents)
            .chain(&self.scores)
            .any(|value| written.is(*value))
            || self.counts.iter().any(|&count| written.is(count.into()))
            || self.dates(written)
            || (written.sign != Sign::Minus && self.named(&written.number))
    }

    /// Says whether a plain number is the year, month or day of a document's date.
    fn dates(&self, written: &Written) -> bool {
        let Some(number) = written.whole() else {
            return false;
        };
        self.dates.iter().any(|date| {
            let day = i16::from(date.day()) == number;
            let month = i16::from(date.month()) == number;
            date.year() == number
                || ((day || month) && written.years_nearby.contains(&date.year()))
                || (day && written.months_nearby.contains(&date.month()))
        })
    }

    fn spans(&self, month: Month) -> bool {
        let (first, last) = (self.dates.first(), self.dates.last());
        first.is_some_and(|&date| Month::of(date) <= month)
            && last.is_some_and(|&date| month <= Month::of(date))
    }

    /// Says whether a name has this word, neither preceded nor followed by more of the same.
    fn named(&self, word: &[char]) -> bool {
        let numeric = !word.iter().any(|c| c.is_alphabetic());
        let continues = |c: Option<&char>| {
            c.is_some_and(|c| c.is_ascii_digit() || (!numeric && c.is_alphanumeric()))
        };
        self.names.iter().any(|name| {
            name.windows(word.len().max(1))
                .enumerate()
                .any(|(at, window)| {
                    window == word
                        && !continues(at.checked_sub(1).and_then(|before| name.get(before)))
                        && !continues(name.get(at + word.len()))
                })
        })
    }
}

fn values(series: &Series) -> Vec<Decimal> {
    let mut values = vec![
        series.total,
        series.mean,
        series.median,
        series.minimum,
        series.maximum,
    ];
    for period in &series.by_month {
        values.push(period.total);
        values.extend(period.mean);
    }
    for year in &series.by_year {
        values.extend([year.total, year.mean]);
    }
    values.extend(series.change.as_ref().map(|change| change.difference));
    values.extend(
        series
            .change_by_year
            .as_ref()
            .map(|change| change.difference),
    );
    values.extend(series.anomalies.first.iter().map(|anomaly| anomaly.value));
    values.extend(series.repeated.first.iter().map(|repeat| repeat.value));
    values
}

#[cfg(test)]
mod tests;
