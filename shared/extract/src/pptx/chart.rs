//! The values that a chart shows, which its part keeps beside the workbook they came from.

use quick_xml::events::BytesStart;

use crate::failure::Failure;
use crate::limits::Limits;
use crate::lines::Lines;
use crate::xml::{self, walk};

/// The titles of a chart, then a row of its categories and a row for each series.
pub(super) fn text(part: &[u8], limits: &Limits) -> Result<String, Failure> {
    let mut chart = Chart::default();
    walk(part, super::WHAT, limits, &mut chart)?;
    Ok(chart.lines.take())
}

/// Where the walk is. Source of the element names: ECMA-376, part 1, chapter 21.2.
#[derive(Default)]
struct Chart {
    lines: Lines,
    in_title: bool,
    in_value: bool,
    field: Field,
    series: Option<Series>,
    has_categories: bool,
}

/// What of a series a value belongs to.
#[derive(Clone, Copy, Default)]
enum Field {
    #[default]
    Name,
    Category,
    Value,
}

#[derive(Default)]
struct Series {
    name: Vec<String>,
    categories: Vec<String>,
    values: Vec<String>,
}

impl xml::Walk for Chart {
    fn open(&mut self, name: &str, _: &BytesStart<'_>) {
        match name {
            "ser" => self.series = Some(Series::default()),
            "tx" => self.field = Field::Name,
            "cat" | "xVal" => self.field = Field::Category,
            "val" | "yVal" => self.field = Field::Value,
            "v" => {
                self.in_value = true;
                if let Some(values) = self.values() {
                    values.push(String::new());
                }
            }
            "t" => self.in_title = true,
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "v" => self.in_value = false,
            "t" => self.in_title = false,
            "p" => self.lines.end_line(),
            "ser" => self.end_series(),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_title {
            self.lines.push(text);
        } else if self.in_value
            && let Some(value) = self.values().and_then(|values| values.last_mut())
        {
            value.push_str(text);
        }
    }

    fn lines(&self) -> &Lines {
        &self.lines
    }
}

impl Chart {
    /// The values that the walk is among; those outside of a series are not for reading.
    fn values(&mut self) -> Option<&mut Vec<String>> {
        let series = self.series.as_mut()?;
        Some(match self.field {
            Field::Name => &mut series.name,
            Field::Category => &mut series.categories,
            Field::Value => &mut series.values,
        })
    }

    /// Writes the categories once: the series of a chart share them.
    fn end_series(&mut self) {
        let Some(series) = self.series.take() else {
            return;
        };
        if !self.has_categories && !series.categories.is_empty() {
            self.has_categories = true;
            self.lines.push("\t");
            self.lines.push(&series.categories.join("\t"));
            self.lines.end_line();
        }
        self.lines.push(&series.name.join(" "));
        for value in series.values {
            self.lines.push("\t");
            self.lines.push(&value);
        }
        self.lines.end_line();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_become_rows_under_their_categories() {
        let series = |name: &str, values: [&str; 2]| {
            format!(
                "<c:ser><c:tx><c:strRef><c:f>A</c:f><c:strCache><c:pt><c:v>{name}</c:v></c:pt></c:strCache></c:strRef></c:tx>\
                 <c:cat><c:strCache><c:pt><c:v>May</c:v></c:pt><c:pt><c:v>June</c:v></c:pt></c:strCache></c:cat>\
                 <c:val><c:numCache><c:formatCode>0</c:formatCode><c:pt><c:v>{}</c:v></c:pt><c:pt><c:v>{}</c:v></c:pt>\
                 </c:numCache></c:val></c:ser>",
                values[0], values[1]
            )
        };
        let part = format!(
            "<c:chart><c:title><a:p><a:r><a:t>Costs</a:t></a:r></a:p></c:title>{}{}</c:chart>",
            series("Oil", ["1.5", "2"]),
            series("Tires", ["3", "4"])
        );
        assert_eq!(
            text(part.as_bytes(), &Limits::default()).unwrap(),
            "Costs\n\tMay\tJune\nOil\t1.5\t2\nTires\t3\t4\n"
        );
    }
}
