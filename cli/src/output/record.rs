//! One thing, field by field.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::human;
use super::table::{Cell, Table};

/// A table of names and values; fields without a value are left out.
#[derive(Debug)]
pub(crate) struct Record(Table);

impl Record {
    pub(crate) fn new() -> Self {
        Self(Table::new(&["", ""]).indented("  "))
    }

    /// Adds a field, if it has a value.
    pub(crate) fn field(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value.map(|value| value.to_string())
            && !value.is_empty()
        {
            self.0.row(vec![Cell::new(name), Cell::new(value)]);
        }
        self
    }

    /// Adds a status, in its color.
    pub(crate) fn status(mut self, name: &str, value: &str) -> Self {
        self.0.row(vec![Cell::new(name), Cell::status(value)]);
        self
    }

    /// Adds every field of an object of which only the names are known to the server.
    pub(crate) fn object(mut self, object: &Map<String, Value>, zone: &TimeZone) -> Self {
        for (name, value) in object {
            self = self.field(&name.replace('_', " "), plain(value, zone));
        }
        self
    }

    pub(crate) fn into_table(self) -> Table {
        self.0
    }
}

/// Writes a JSON value without its quotes; times where the reader is.
pub(crate) fn plain(value: &Value, zone: &TimeZone) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(match text.parse::<Timestamp>() {
            Ok(at) => human::time(at, zone),
            Err(_) => text.clone(),
        }),
        Value::Array(values) => {
            let separator = if values.iter().any(Value::is_object) {
                "; "
            } else {
                ", "
            };
            let values: Vec<String> = values.iter().filter_map(|one| plain(one, zone)).collect();
            Some(values.join(separator))
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                Some(format!(
                    "{} {}",
                    name.replace('_', " "),
                    plain(value, zone)?
                ))
            };
            Some(
                fields
                    .iter()
                    .filter_map(field)
                    .collect::<Vec<_>>()
                    .join(", "),
            )
        }
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::Paint;

    #[test]
    fn fields_of_an_object_read_as_words() {
        let object = json!({
            "receipt_id": "0199", "made_at": "2025-10-29T12:00:00Z", "blobs": 2,
            "nothing": null, "names": ["a", "b"],
            "versions": [{"version": 1, "size_bytes": 5}, {"version": 2, "size_bytes": 7}],
        });

        let record = Record::new().object(object.as_object().unwrap(), &TimeZone::UTC);

        insta::assert_snapshot!(record.into_table().render(Paint::PLAIN), @r"
          receipt id  0199
          made at     2025-10-29 12:00
          blobs       2
          names       a, b
          versions    version 1, size bytes 5; version 2, size bytes 7
        ");
    }
}
