//! Facts of a document: a table of them with where each comes from, and what was said of them.

use std::fmt::Write as _;

use super::table::{Cell, Table};
use super::text::clean;
use super::{Output, Paint, human};
use crate::commands::facts::{Correction, Fact, Facts, Known, Quantity};
use crate::views::Money;

/// Writes what is known of a document, then what else was read in it.
pub(crate) fn show(facts: &Facts, paint: Paint) -> String {
    let mut table = Table::new(&["FACT", "VALUE", "FROM", "WHERE"]);
    let read = &facts.read;
    let is_given = |name: &str| facts.corrected.iter().any(|corrected| corrected == name);
    let known = &facts.known;
    known_row(
        &mut table,
        "date",
        known.document_date.clone(),
        is_given("document_date"),
        read.document_date.as_ref(),
    );
    known_row(
        &mut table,
        "amount",
        known.amount.as_ref().map(money),
        is_given("amount"),
        read.amount.as_ref(),
    );
    if is_given("quantities") {
        let given = known.quantities.iter().map(quantity).collect::<Vec<_>>();
        let given = (!given.is_empty()).then(|| given.join(", "));
        known_row::<String>(&mut table, "quantities", given, true, None);
    } else {
        for fact in &read.quantities {
            row(&mut table, "quantity", quantity(&fact.value), fact);
        }
    }
    known_row(
        &mut table,
        "language",
        known.language.clone(),
        is_given("language"),
        read.language.as_ref(),
    );
    for fact in &read.parties {
        row(&mut table, &fact.value.role, fact.value.name.clone(), fact);
    }
    for fact in &read.references {
        let name = format!("{} number", fact.value.kind);
        row(&mut table, &name, fact.value.number.clone(), fact);
    }
    let mut text = table.render(paint);
    if !read.amounts.is_empty() {
        let _ = writeln!(text, "\n{}", paint.bold("Amounts"));
        let mut table = Table::new(&[">AMOUNT", "FOR", "WHERE"]).indented("  ");
        for fact in &read.amounts {
            table.row(vec![
                Cell::new(money(&fact.value)),
                Cell::optional(fact.label.as_deref()),
                Cell::new(place(fact)),
            ]);
        }
        text += &table.render(paint);
    }
    text
}

/// Writes what was said of a document, the newest first.
pub(crate) fn history(corrections: &[Correction], output: &Output) -> String {
    let mut table = Table::new(&["AT", ">VERSION", "BY", "FACT", "BEFORE", "AFTER"]);
    for correction in corrections {
        for (name, before, after) in changes(&correction.before, &correction.after) {
            table.row(vec![
                Cell::new(human::time(correction.at, &output.zone)),
                Cell::new(correction.version.to_string()),
                Cell::new(&correction.by),
                Cell::new(name),
                Cell::optional(before),
                Cell::optional(after),
            ]);
        }
    }
    table.render(output.paint)
}

type Change = (&'static str, Option<String>, Option<String>);

/// The facts that differ.
fn changes(before: &Known, after: &Known) -> Vec<Change> {
    let told = |known: &Known| {
        let quantities: Vec<String> = known.quantities.iter().map(quantity).collect();
        [
            ("date", known.document_date.clone()),
            ("amount", known.amount.as_ref().map(money)),
            (
                "quantities",
                (!quantities.is_empty()).then(|| quantities.join(", ")),
            ),
            ("language", known.language.clone()),
        ]
    };
    let pairs = told(before).into_iter().zip(told(after));
    pairs
        .filter(|((_, before), (_, after))| before != after)
        .map(|((name, before), (_, after))| (name, before, after))
        .collect()
}

/// A fact that dossiers count: what a person said of it, else what was read.
fn known_row<T>(
    table: &mut Table,
    name: &str,
    value: Option<String>,
    is_given: bool,
    read: Option<&Fact<T>>,
) {
    match (value, is_given, read) {
        (value, true, _) => table.row(vec![
            Cell::new(name),
            Cell::new(value.as_deref().unwrap_or("none")),
            Cell::new("a person"),
            Cell::new(""),
        ]),
        (Some(value), false, Some(fact)) => row(table, name, value, fact),
        (Some(value), false, None) => table.row(vec![
            Cell::new(name),
            Cell::new(value),
            Cell::new(""),
            Cell::new(""),
        ]),
        (None, false, _) => {}
    }
}

fn row<T>(table: &mut Table, name: &str, value: String, fact: &Fact<T>) {
    table.row(vec![
        Cell::new(name),
        Cell::new(value),
        Cell::new(source(fact)),
        Cell::new(place(fact)),
    ]);
}

/// Why it was chosen.
fn source<T>(fact: &Fact<T>) -> String {
    let label = fact.label.as_deref().map(clean).unwrap_or_default();
    match fact.rule.as_str() {
        "labelled" => format!("“{label}”"),
        "first" => "the first in the text".to_owned(),
        "largest" => "the largest amount".to_owned(),
        "stated" => "the text".to_owned(),
        "table_total" => "the total of the table".to_owned(),
        "table_sum" => format!("the sum of column “{label}”"),
        "table_column" => format!("the first of column “{label}”"),
        "statistics" => "its words".to_owned(),
        other => other.to_owned(),
    }
}

/// Where in the text it stands.
fn place<T>(fact: &Fact<T>) -> String {
    let byte = fact.start.map(|start| format!("byte {start}"));
    let part = fact.part.clone();
    let both: Vec<String> = part.into_iter().chain(byte).collect();
    both.join(", ")
}

fn money(money: &Money) -> String {
    format!("{} {}", money.amount, money.currency)
}

fn quantity(quantity: &Quantity) -> String {
    format!("{} {}", quantity.amount, quantity.unit)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known(amount: Option<&str>) -> serde_json::Value {
        let amount = amount.map(|amount| json!({"amount": amount, "currency": "USD"}));
        json!({"document_date": "2024-11-15", "amount": amount, "quantities": [], "language": null})
    }

    #[test]
    fn each_fact_is_told_with_where_it_comes_from() {
        let mut facts = known(Some("20.00"));
        facts["corrected"] = json!(["amount"]);
        facts["read"] = json!({
            "document_date": {"value": "2024-11-15", "rule": "labelled", "label": "Invoice date", "start": 31, "end": 41,
                "part": "page 2"},
            "amount": {"value": {"amount": "12.50", "currency": "USD"}, "rule": "largest", "start": 60, "end": 66},
            "amounts": [{"value": {"amount": "12.50", "currency": "USD"}, "rule": "stated", "label": "Oil", "start": 60}],
            "parties": [{"value": {"name": "Acme, Inc.", "role": "issuer"}, "rule": "first", "start": 0}],
            "references": [{"value": {"kind": "account", "number": "A-7"}, "rule": "labelled", "label": "Account no."}],
            "quantities": [{"value": {"amount": "5", "unit": "L"}, "rule": "first", "start": 70}],
        });
        let facts: Facts = serde_json::from_value(facts).unwrap();
        insta::assert_snapshot!(show(&facts, Paint::PLAIN));
    }

    #[test]
    fn history_tells_what_changed_and_no_more() {
        let correction: Correction = serde_json::from_value(json!({
            "version": 1, "at": "2026-01-02T03:04:05Z", "by": "user-1", "before": known(Some("12.50")), "after": known(None),
        }))
        .unwrap();
        insta::assert_snapshot!(history(
            &[correction],
            &crate::output::tests::plain_output()
        ));
    }
}
