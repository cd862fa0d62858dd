//! Rows and columns: what CSV is made of and what the other formats show as a table.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Bound, RenderError};
use crate::limits::exceeded;

/// Column names and rows of cells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Table {
    /// What the table is, where it says.
    #[serde(default)]
    pub(crate) caption: Option<String>,
    /// The name of each column.
    pub(crate) columns: Vec<String>,
    /// Cells by row; a row may be shorter than the columns.
    pub(crate) rows: Vec<Vec<Value>>,
}

/// A column of records: the field it shows and the name it goes by.
pub(crate) struct Column {
    pub(crate) field: String,
    pub(crate) label: String,
}

impl From<&str> for Column {
    fn from(field: &str) -> Self {
        Self {
            field: field.to_owned(),
            label: field.to_owned(),
        }
    }
}

impl Table {
    /// Lays out records as rows. Without columns every field is one, in order of first appearance.
    pub(crate) fn of_records(
        records: &[Value],
        columns: Option<Vec<Column>>,
        cells_allowed: usize,
    ) -> Result<Self, RenderError> {
        let columns = columns.unwrap_or_else(|| fields_of(records));
        if columns.len().saturating_mul(records.len()) > cells_allowed {
            return Err(exceeded(Bound::TableCells, cells_allowed));
        }
        let row = |record: &Value| -> Vec<Value> {
            let cell = |c: &Column| record.get(&c.field).cloned().unwrap_or_default();
            columns.iter().map(cell).collect()
        };
        let rows = records.iter().map(row).collect();
        let columns = columns.into_iter().map(|column| column.label).collect();
        Ok(Self {
            caption: None,
            columns,
            rows,
        })
    }

    /// Makes every row as long as the longest, naming added columns with nothing, so that no cell
    /// is lost in a format that cuts rows to their header.
    pub(crate) fn squared(mut self, cells_allowed: usize) -> Result<Self, RenderError> {
        let longest = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = longest.max(self.columns.len());
        if width.saturating_mul(self.rows.len()) > cells_allowed {
            return Err(exceeded(Bound::TableCells, cells_allowed));
        }
        self.columns.resize(width, String::new());
        for row in &mut self.rows {
            row.resize(width, Value::Null);
        }
        Ok(self)
    }

    /// Says for each column whether it holds numbers only, and at least one.
    pub(crate) fn numeric_columns(&self) -> Vec<bool> {
        let is_numeric = |index: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(index));
            let texts: Vec<_> = cells
                .map(cell_text)
                .filter(|text| !text.is_empty())
                .collect();
            !texts.is_empty() && texts.iter().all(|text| is_decimal(text))
        };
        (0..self.columns.len()).map(is_numeric).collect()
    }
}

/// Keeps of each record only the chosen fields, in their order.
pub(crate) fn project(records: &[Value], fields: &[String]) -> Value {
    let keep = |record: &Value| -> Value {
        let field = |name: &String| Some((name.clone(), record.get(name)?.clone()));
        fields
            .iter()
            .filter_map(field)
            .collect::<Map<_, _>>()
            .into()
    };
    records.iter().map(keep).collect()
}

/// Writes one cell: nothing for null, text as it is, lists and objects as compact JSON.
pub(crate) fn cell_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Cow::Owned(value.to_string())
        }
    }
}

/// Whether text is a decimal number as a whole: digits, at most one point, perhaps a minus before.
pub(crate) fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, fraction]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// Every field of the records, in order of first appearance.
fn fields_of(records: &[Value]) -> Vec<Column> {
    let mut seen = HashSet::new();
    let names = records
        .iter()
        .filter_map(Value::as_object)
        .flat_map(Map::keys);
    names
        .filter(|name| seen.insert(name.as_str()))
        .map(|name| Column::from(name.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_the_fields_in_order_of_first_appearance() {
        let records = [json!({"b": 1, "a": 2}), json!({"c": 3, "a": 4})];

        let table = Table::of_records(&records, None, 100).unwrap();

        assert_eq!(table.columns, ["b", "a", "c"]);
        assert_eq!(table.rows[1], [json!(null), json!(4), json!(3)]);
    }

    #[test]
    fn records_that_each_bring_a_column_are_refused_before_they_multiply() {
        let records: Vec<_> = (0..1000).map(|n| json!({ n.to_string(): n })).collect();

        let refused = Table::of_records(&records, None, 500_000).unwrap_err();

        assert_eq!(refused, exceeded(Bound::TableCells, 500_000));
    }

    #[test]
    fn ragged_rows_are_squared_without_losing_a_cell() {
        let table = Table {
            columns: vec!["a".into()],
            rows: vec![vec![json!(1), json!(2)], vec![]],
            ..Table::default()
        };

        let squared = table.squared(100).unwrap();

        assert_eq!(squared.columns, ["a", ""]);
        assert_eq!(squared.rows[1], [json!(null), json!(null)]);
    }

    #[test]
    fn decimals_are_told_from_text() {
        for text in ["0", "-5.00", "198.43"] {
            assert!(is_decimal(text), "{text}");
        }
        for text in ["", "-", "+1", "1.", ".5", "1e3", "1,000", "-1+2", "٣"] {
            assert!(!is_decimal(text), "{text}");
        }
    }
}
