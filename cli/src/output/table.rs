//! Tables whose columns line up, whatever the script.

use super::Paint;
use super::text::{clean, width};

/// Space between columns.
const GAP: &str = "  ";

/// Rows under a head, or rows alone.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    indent: &'static str,
}

#[derive(Debug)]
struct Column {
    title: &'static str,
    right: bool,
}

/// What is in a row and a column. Its color doesn't count for its width.
#[derive(Debug)]
pub(crate) struct Cell {
    text: String,
    is_status: bool,
}

impl Cell {
    /// Text, cleaned.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self {
            text: clean(text.as_ref()),
            is_status: false,
        }
    }

    /// The status of something, colored.
    pub(crate) fn status(text: impl AsRef<str>) -> Self {
        Self {
            is_status: true,
            ..Self::new(text)
        }
    }

    /// What prints, or nothing.
    pub(crate) fn optional(value: Option<impl ToString>) -> Self {
        Self::new(value.map(|value| value.to_string()).unwrap_or_default())
    }
}

impl Table {
    /// Begins a table with the titles of its columns; `>` in front aligns one to the right.
    pub(crate) fn new(titles: &[&'static str]) -> Self {
        let column = |title: &'static str| match title.strip_prefix('>') {
            Some(title) => Column { title, right: true },
            None => Column {
                title,
                right: false,
            },
        };
        Self {
            columns: titles.iter().copied().map(column).collect(),
            rows: Vec::new(),
            indent: "",
        }
    }

    /// Moves all of it to the right.
    pub(crate) fn indented(mut self, indent: &'static str) -> Self {
        self.indent = indent;
        self
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Writes the table; nothing when there are no rows.
    pub(crate) fn render(&self, paint: Paint) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|index| self.width_of(index))
            .collect();
        let mut text = String::new();
        if self.columns.iter().any(|column| !column.title.is_empty()) {
            let titles: Vec<Cell> = self
                .columns
                .iter()
                .map(|column| Cell::new(column.title))
                .collect();
            text += &self.line(&titles, &widths, |cell| paint.dim(&cell.text));
        }
        for row in &self.rows {
            text += &self.line(row, &widths, |cell| {
                if cell.is_status {
                    paint.status(&cell.text)
                } else {
                    cell.text.clone()
                }
            });
        }
        text
    }

    fn width_of(&self, index: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(index));
        cells
            .map(|cell| width(&cell.text))
            .chain([width(self.columns[index].title)])
            .max()
            .unwrap_or(0)
    }

    /// Writes one line, without blanks at its end.
    fn line(&self, cells: &[Cell], widths: &[usize], painted: impl Fn(&Cell) -> String) -> String {
        let mut line = String::new();
        let mut blanks = self.indent.to_owned();
        for ((cell, column), &full) in cells.iter().zip(&self.columns).zip(widths) {
            let missing = " ".repeat(full.saturating_sub(width(&cell.text)));
            if column.right {
                blanks += &missing;
            }
            if !cell.text.is_empty() {
                line += &blanks;
                line += &painted(cell);
                blanks.clear();
            }
            if !column.right {
                blanks += &missing;
            }
            blanks += GAP;
        }
        line + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_what_the_eye_sees() {
        let mut table = Table::new(&["NAME", ">SIZE", "STATUS"]);
        table.row(vec![
            Cell::new("請求書.pdf"),
            Cell::new("12 B"),
            Cell::status("completed"),
        ]);
        table.row(vec![Cell::new("a"), Cell::new("1.0 KiB"), Cell::new("")]);
        table.row(vec![
            Cell::new("Größe\u{1b}"),
            Cell::new(""),
            Cell::new("x"),
        ]);

        insta::assert_snapshot!(table.render(Paint::PLAIN), @r"
        NAME           SIZE  STATUS
        請求書.pdf     12 B  completed
        a           1.0 KiB
        Größe�               x
        ");
    }

    #[test]
    fn table_without_rows_is_nothing() {
        assert_eq!(Table::new(&["NAME"]).render(Paint::PLAIN), "");
    }
}
