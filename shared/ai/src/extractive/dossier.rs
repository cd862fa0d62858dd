//! Writes about a dossier what its figures say, in English sentences.

use domain::figures::{Gap, Series};
use domain::quotation;
use rust_decimal::Decimal;

use crate::{DossierDocument, DossierInput};

/// Longest list of gaps; of more only their number is told.
const GAPS: usize = 3;

/// Describes a dossier. The text passes [`DossierInput::check`].
pub(super) fn describe(input: &DossierInput) -> String {
    let mut sentences = vec![opening(input)];
    for (currency, series) in &input.figures.currencies {
        let value = |amount: Decimal| format!("{currency} {amount}");
        let name = |amount: Decimal| {
            input.named(|document| {
                let money = document.entry.amount.as_ref();
                money.is_some_and(|m| m.currency == *currency && is_shown_as(m.amount, amount))
            })
        };
        describe_series(&mut sentences, input, series, value, name);
    }
    for (unit, series) in &input.figures.quantities {
        let value = |amount: Decimal| format!("{amount} {unit}");
        let name = |amount: Decimal| {
            input.named(|document| {
                let mut quantities = document.entry.quantities.iter();
                quantities.any(|q| q.unit == *unit && q.amount == amount)
            })
        };
        describe_series(&mut sentences, input, series, value, name);
    }
    sentences.extend(gaps(input));
    sentences.join(" ")
}

fn opening(input: &DossierInput) -> String {
    let count = input.figures.count;
    let noun = if count == 1 { "document" } else { "documents" };
    let dates = || input.documents.iter().map(|d| d.entry.document_date);
    match (dates().min(), dates().max()) {
        (Some(first), Some(last)) if first < last => {
            format!("{count} {noun} from {first} to {last}.")
        }
        (Some(day), _) => format!("{count} {noun} of {day}."),
        _ => format!("{count} {noun}."),
    }
}

fn describe_series(
    sentences: &mut Vec<String>,
    input: &DossierInput,
    series: &Series,
    value: impl Fn(Decimal) -> String,
    name: impl Fn(Decimal) -> String,
) {
    let of = if series.count < input.figures.count {
        format!(" in {} of them", series.count)
    } else {
        String::new()
    };
    if series.count < 2 {
        sentences.push(format!("Amount{of}: {}.", value(series.total)));
        return;
    }
    sentences.push(format!(
        "Total{of}: {}, on average {}.",
        value(series.total),
        value(series.mean)
    ));
    if series.minimum < series.maximum {
        let [highest, lowest] = [series.maximum, series.minimum];
        sentences.push(format!(
            "Highest: {}{}; lowest: {}{}.",
            value(highest),
            name(highest),
            value(lowest),
            name(lowest)
        ));
    }
    if let (Some(change), [.., earlier, last]) = (series.change_percent, &series.by_month[..]) {
        let sign = if change > Decimal::ZERO { "+" } else { "" };
        sentences.push(format!(
            "Change from {} to {}: {sign}{change} %.",
            earlier.month, last.month
        ));
    }
}

fn gaps(input: &DossierInput) -> Option<String> {
    let gaps = &input.figures.gaps;
    let written = |gap: &Gap| match gap.months {
        1 => gap.first.to_string(),
        _ => format!("{} to {}", gap.first, gap.last),
    };
    match gaps.len() {
        0 => None,
        1..=GAPS => {
            let list: Vec<String> = gaps.iter().map(written).collect();
            Some(format!("No documents in {}.", list.join(", ")))
        }
        _ => {
            let months: u32 = gaps.iter().map(|gap| gap.months).sum();
            Some(format!("No documents in {months} months in between."))
        }
    }
}

/// Says whether an amount of a document is what a figure shows rounded.
fn is_shown_as(amount: Decimal, figure: Decimal) -> bool {
    let rounded = amount.round_dp_with_strategy(
        figure.scale(),
        rust_decimal::RoundingStrategy::MidpointAwayFromZero,
    );
    rounded == figure
}

impl DossierInput {
    /// Names the first document that is looked for, in brackets.
    fn named(&self, sought: impl Fn(&DossierDocument) -> bool) -> String {
        let found = self.documents.iter().find(|document| sought(document));
        found.map_or_else(String::new, |document| {
            let date = document.entry.document_date;
            // A name such as `$99 off.pdf` would read like a figure.
            let name = document.name.as_str();
            if quotation::check(name, &self.figures, &[], &[name]).is_ok() {
                format!(" ({name}, {date})")
            } else {
                format!(" ({date})")
            }
        })
    }
}
