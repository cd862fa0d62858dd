//! Two dossiers side by side.

use std::fmt::Write as _;

use super::table::{Cell, Table};
use super::text::clean;
use super::{Paint, human};
use crate::views::{Comparison, Only, Pair};

/// Writes totals and means of both, with the difference of the second against the first.
pub(crate) fn show(comparison: &Comparison, paint: Paint) -> String {
    let documents = |count| human::count(count, "document", "documents");
    let mut text = format!(
        "{} and {}\n",
        documents(comparison.count.first),
        documents(comparison.count.second)
    );
    let mut table = Table::new(&["", "", ">FIRST", ">SECOND", ">DIFFERENCE", ">CHANGE"]);
    let units = comparison.currencies.iter().chain(&comparison.quantities);
    for (unit, sides) in units {
        row(&mut table, unit, "total", &sides.total);
        row(&mut table, unit, "mean", &sides.mean);
    }
    let table = table.render(paint);
    if !table.is_empty() {
        let _ = write!(text, "\n{table}");
    }
    for (which, only) in [
        ("first", &comparison.only_first),
        ("second", &comparison.only_second),
    ] {
        if let Some(units) = list(only) {
            let _ = writeln!(text, "only the {which} has {units}");
        }
    }
    text
}

fn row(table: &mut Table, unit: &str, what: &str, pair: &Pair) {
    table.row(vec![
        Cell::new(unit),
        Cell::new(what),
        Cell::optional(pair.first),
        Cell::optional(pair.second),
        Cell::optional(pair.difference.map(|value| format!("{value:+}"))),
        Cell::optional(pair.percent.map(|percent| format!("{percent:+} %"))),
    ]);
}

fn list(only: &Only) -> Option<String> {
    let units: Vec<String> = only
        .currencies
        .iter()
        .chain(&only.units)
        .map(|unit| clean(unit))
        .collect();
    (!units.is_empty()).then(|| units.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_sides_stand_beside_each_other() {
        let pair =
            json!({"first": "30.00", "second": "60.00", "difference": "30.00", "percent": "100.0"});
        let comparison: Comparison = serde_json::from_value(json!({
            "count": {"first": 1, "second": 2, "difference": 1, "percent": "100.0"},
            "currencies": {"USD": {"total": pair, "mean": pair}},
            "quantities": {},
            "only_first": {"currencies": [], "units": ["kWh"]},
            "only_second": {"currencies": [], "units": []},
        }))
        .unwrap();
        insta::assert_snapshot!(show(&comparison, Paint::PLAIN));
    }
}
