//! What a document says about itself, found by rules: date, amounts, quantities, parties, references, language; each
//! with the rule that chose it, the words that label it and where it stands in the text.
//!
//! The rules, in short:
//! - **Amount**: the labelled total (`Amount due` before `Total` before `Total labor`; the last among
//!   equals; never a subtotal, a tax or a previous balance), else the largest amount with a currency
//!   mark. Of a table: its labelled total, else the sum of its amount column.
//! - **Currency**: the mark at the amount, else the one most amounts have, else the one that the
//!   document names by code. `$` is the US dollar unless the document names another dollar.
//! - **Date**: one labelled as the document's own (`Invoice date` before `Date`), else the first in
//!   the text; never a due date, the end of a period or what comes next. A month alone is its first
//!   day. `02/01/2024` is read as the document's clear dates are, else month first when its amounts
//!   are in US dollars, else day first.
//! - **Quantities**: one per unit, labelled usage first.
//! - **Parties**: who is labelled as seller or buyer, sender or recipient; else, as issuer, the letterhead that names the
//!   legal form of a company.
//! - **References**: what is labelled as a number of something and looks like one.
//!
//! Everything is two passes over lines of bounded length, of a long text only over its beginning and
//! its end: the time is bounded, whatever the text.

mod amounts;
mod currencies;
mod dates;
mod document_date;
mod labels;
mod language;
mod lines;
mod months;
mod numbers;
mod parties;
mod purpose;
mod quantities;
mod references;
mod table;
mod total;
mod votes;

use std::collections::HashMap;
use std::ops::Range;

use domain::fact_sheet::{Fact, FactSheet, Rule};
use domain::facts::Currency;

pub(crate) use self::numbers::Style;
pub(crate) use self::table::TableBuilder;
pub use self::table::{Column, Table};

use self::amounts::amounts;
use self::currencies::{Mark, Signs, code};
use self::dates::{Found, Order, dates};
use self::document_date::DocumentDate;
use self::lines::{ends, lines, searched_lines};
use self::numbers::{numbers, style_of};
use self::parties::Parties;
use self::quantities::{Quantities, unit_of_header};
use self::references::References;
use self::total::Totals;
use self::votes::Votes;

/// Finds the facts of a document in its text and, for spreadsheets and CSV, its table.
pub fn fact_sheet(text: &str, table: Option<&Table>) -> FactSheet {
    let manner = Manner::of(text);
    let (mut totals, mut date, mut quantities) = (
        Totals::default(),
        DocumentDate::default(),
        Quantities::default(),
    );
    let (mut parties, mut references) = (Parties::default(), References::default());
    let is_measured_by_table = table.is_some_and(has_unit_column);
    for line in searched_lines(text) {
        let mut dates = dates(line.text);
        let masked = masks(&dates);
        let no_dates = references.line(line, &masked);
        totals.line(line, &amounts(line.text, manner.style, &masked));
        dates.retain(|date| {
            !no_dates
                .iter()
                .any(|number| number.start <= date.start && date.end <= number.end)
        });
        date.line(line, &dates);
        parties.line(line, &masked);
        if !is_measured_by_table {
            quantities.line(line, manner.style, &masked);
        }
    }
    for column in table.iter().flat_map(|table| &table.columns) {
        if let Some(first) = column.first_date {
            date.column(&column.name, first);
        }
        if let Some(sum) = column.sum {
            quantities.column(&column.name, sum);
        }
    }
    let of_table = table.and_then(|table| table.money(manner.currency));
    let (of_text, amounts) = totals.into_money(manner.signs, manner.currency);
    FactSheet {
        document_date: date.into_date(manner.order),
        amount: of_table.or(of_text),
        amounts,
        parties: parties.into_vec(),
        references: references.into_vec(),
        quantities: quantities.into_vec(),
        language: language::language(text)
            .map(|language| Fact::new(language, Rule::Statistics, None, None)),
    }
}

/// The style of the numbers in some cells or lines.
pub(crate) fn number_style<'a>(texts: impl Iterator<Item = &'a str>) -> Style {
    let mut votes = Votes::default();
    for line in texts.flat_map(lines) {
        let masked = masks(&dates(line.text));
        vote_on_style(line.text, &masked, &mut votes);
    }
    votes.number_style()
}

/// How a document writes, learned from all of it before any of it is read.
struct Manner {
    style: Style,
    order: Order,
    signs: Signs,
    /// The currency that most of its amounts are in.
    currency: Option<Currency>,
}

impl Manner {
    fn of(text: &str) -> Self {
        let mut votes = Votes::default();
        let mut marks: HashMap<Mark, (u64, std::cmp::Reverse<usize>)> = HashMap::new();
        let mut named = None;
        for line in searched_lines(text).map(|line| line.text) {
            let found = dates(line);
            let masked = masks(&found);
            for date in &found {
                votes.date(date.value);
            }
            vote_on_style(line, &masked, &mut votes);
            for mark in amounts(line, Style::Point, &masked)
                .iter()
                .filter_map(|amount| amount.mark)
            {
                // The earlier wins among equally frequent ones.
                let order = std::cmp::Reverse(marks.len());
                marks.entry(mark).or_insert((0, order)).0 += 1;
            }
            named = named.or_else(|| line.split(|c: char| !c.is_alphanumeric()).find_map(code));
        }
        let signs = Signs::stated_in(ends(text).0);
        let most = marks
            .into_iter()
            .max_by_key(|(_, rank)| *rank)
            .map(|(mark, _)| mark);
        let currency = most.or(named).and_then(|mark| signs.resolve(mark));
        Self {
            style: votes.number_style(),
            order: votes.order(currency),
            signs,
            currency,
        }
    }
}

fn vote_on_style(line: &str, masked: &[Range<usize>], votes: &mut Votes) {
    for number in numbers(line, Style::Point) {
        if !number.is_within(masked)
            && let Some(style) = style_of(line, &number)
        {
            votes.style(style);
        }
    }
}

fn masks(dates: &[Found]) -> Vec<Range<usize>> {
    dates.iter().map(|date| date.start..date.end).collect()
}

/// Whether a column sums a quantity, so that single cells of it say nothing.
fn has_unit_column(table: &Table) -> bool {
    let mut summed = table.columns.iter().filter(|column| column.sum.is_some());
    summed.any(|column| unit_of_header(&column.name).is_some())
}

#[cfg(test)]
mod tests;
