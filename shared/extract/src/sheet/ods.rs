//! The sheets of an `OpenDocument` spreadsheet.
//!
//! `calamine` takes white space between cells for damage, so this one is read here.

use std::collections::HashSet;

use quick_xml::events::BytesStart;

use super::{Book, Format, MOST_COLUMNS, SheetText};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::lines::Lines;
use crate::opendocument;
use crate::source::Source;
use crate::xml::{self, attribute, walk};

/// Rows that a sheet has: what repeats up to its end is blank. Source: `LibreOffice`'s limit.
const MOST_ROWS: usize = 1_048_576;

/// Adds the sheets to the book.
pub(super) fn read(source: &Source, limits: &Limits, book: &mut Book) -> Result<(), Failure> {
    let content = opendocument::content_of(source, limits)?;
    let mut sheets = Sheets {
        limits: *limits,
        lines: Lines::default(),
        hidden: HashSet::new(),
        style: String::new(),
        found: Vec::new(),
        sheet: None,
        row: Row::default(),
        cell: None,
        in_hidden: 0,
    };
    walk(&content, super::WHAT, limits, &mut sheets)?;
    for (name, sheet) in sheets.found {
        book.take(&name, sheet)?;
    }
    Ok(())
}

/// Where the walk is. Source of the element names: `OpenDocument` 1.3, part 3, chapters 9 and 19.
struct Sheets {
    limits: Limits,
    lines: Lines,
    /// The styles of sheets that nobody sees.
    hidden: HashSet<String>,
    style: String,
    found: Vec<(String, SheetText)>,
    sheet: Option<(String, SheetText)>,
    row: Row,
    cell: Option<Cell>,
    /// In a comment or a drawing.
    in_hidden: u64,
}

#[derive(Default)]
struct Row {
    cells: Vec<String>,
    /// Columns passed, also those without text.
    columns: usize,
    repeated: usize,
}

struct Cell {
    value: Option<String>,
    text: String,
    repeated: usize,
}

impl xml::Walk for Sheets {
    fn open(&mut self, name: &str, tag: &BytesStart<'_>) {
        match name {
            "annotation" | "shapes" | "frame" => self.in_hidden += 1,
            _ if self.in_hidden > 0 => {}
            "style" => self.style = attribute(tag, "name").unwrap_or_default(),
            "table-properties"
                if attribute(tag, "display").is_some_and(|shown| shown == "false") =>
            {
                self.hidden.insert(std::mem::take(&mut self.style));
            }
            "table" if self.sheet.is_none() => {
                let is_shown =
                    attribute(tag, "style-name").is_none_or(|style| !self.hidden.contains(&style));
                self.sheet = is_shown.then(|| {
                    let name = attribute(tag, "name").unwrap_or_default();
                    (name, SheetText::new(&self.limits))
                });
            }
            "table-row" => {
                self.row = Row {
                    repeated: repeated(tag, "number-rows-repeated").min(MOST_ROWS),
                    ..Row::default()
                };
            }
            "table-cell" | "covered-table-cell" => {
                self.cell = Some(Cell {
                    value: value(tag),
                    text: String::new(),
                    repeated: repeated(tag, "number-columns-repeated"),
                });
            }
            "s" | "line-break" | "tab" => self.text(" "),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "annotation" | "shapes" | "frame" => self.in_hidden = self.in_hidden.saturating_sub(1),
            _ if self.in_hidden > 0 => {}
            "p" => self.text(" "),
            "table-cell" | "covered-table-cell" => {
                if let Some(cell) = self.cell.take() {
                    self.row.push(cell);
                }
            }
            "table-row" => self.end_row(),
            "table" => self.found.extend(self.sheet.take()),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(cell) = &mut self.cell
            && self.in_hidden == 0
        {
            cell.text.push_str(text);
        }
    }

    fn lines(&self) -> &Lines {
        &self.lines
    }
}

impl Sheets {
    fn end_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        if row.cells.is_empty() {
            return;
        }
        if let Some((_, sheet)) = &mut self.sheet {
            for _ in 0..row.repeated {
                sheet.row(&row.cells);
            }
        }
    }
}

impl Row {
    /// Blank cells count as soon as another follows: sheets end in thousands of them.
    fn push(&mut self, cell: Cell) {
        let most = usize::try_from(MOST_COLUMNS).unwrap_or(usize::MAX);
        let text = cell.value.unwrap_or_else(|| cell.text.trim().to_owned());
        let start = self.columns.min(most);
        self.columns = self.columns.saturating_add(cell.repeated).min(most);
        if !text.is_empty() && start < most {
            self.cells.resize(start, String::new());
            self.cells.resize(self.columns, text);
        }
    }
}

fn repeated(tag: &BytesStart<'_>, name: &str) -> usize {
    let count = attribute(tag, name).and_then(|count| count.parse().ok());
    count.unwrap_or(1)
}

/// The value of a cell as its text shows it, or none when what it displays is its value.
fn value(tag: &BytesStart<'_>) -> Option<String> {
    match attribute(tag, "value-type")?.as_str() {
        "float" | "percentage" => Some(number(&attribute(tag, "value")?, None)),
        "currency" => {
            let currency = attribute(tag, "currency");
            Some(number(&attribute(tag, "value")?, currency))
        }
        "date" => Some(time(&attribute(tag, "date-value")?)),
        "boolean" => attribute(tag, "boolean-value"),
        _ => None,
    }
}

/// A number with 15 digits at most, as spreadsheets show them; an amount with its cents.
fn number(written: &str, currency: Option<String>) -> String {
    let Ok(binary) = written.parse::<f64>() else {
        return written.to_owned();
    };
    let has_cents = written.contains('.');
    let format = currency.map(|sign| Format {
        sign,
        decimals: has_cents.then_some(2),
    });
    super::number_text(binary, format.as_ref())
}

/// `2024-10-30T00:00:00` is a date, and any other time of a day has hours and minutes.
fn time(written: &str) -> String {
    match written.split_once('T') {
        Some((date, time)) if time.starts_with("00:00:00") => date.to_owned(),
        Some((date, time)) => format!("{date} {}", time.get(..5).unwrap_or(time)),
        None => written.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::tests::archive;
    use crate::extraction::Extraction;
    use crate::parts::PartKind;

    fn book(body: &str) -> Extraction {
        let content = format!("<office:document-content>{body}</office:document-content>");
        let archive = archive(&[("content.xml", content.as_bytes())]);
        let source = Source::Bytes(archive.into());
        super::super::read(&source, media::ODS, &Limits::default()).unwrap()
    }

    fn text(rows: &str) -> String {
        let whole = book(&format!("<table:table table:name='S'>{rows}</table:table>"));
        whole.as_text().unwrap_or_default().to_owned()
    }

    #[test]
    fn cells_show_their_values_whatever_stands_between_them() {
        let rows = "\n <table:table-row>\n <table:table-cell office:value-type='string'><text:p>Oil</text:p>\n\
            <text:p>filter</text:p></table:table-cell>\n <table:table-cell office:value-type='float' \
            office:value='0.30000000000000004'><text:p>0,3</text:p></table:table-cell>\n\
            <table:table-cell office:value-type='currency' office:currency='EUR' office:value='198.4'>\
            <text:p>198,40 €</text:p></table:table-cell><table:table-cell office:value-type='date' \
            office:date-value='2024-10-30T00:00:00'><text:p>30.10.24</text:p></table:table-cell>\n</table:table-row>";
        assert_eq!(text(rows), "S\nOil filter\t0.3\tEUR 198.40\t2024-10-30");
    }

    #[test]
    fn repeated_cells_and_rows_count_and_blank_ones_do_not() {
        let cell = "<table:table-cell table:number-columns-repeated='2' office:value-type='float' office:value='7'/>";
        let blank = "<table:table-cell table:number-columns-repeated='16000'/>";
        let rows = format!(
            "<table:table-row table:number-rows-repeated='2'><table:table-cell/>{cell}{blank}</table:table-row>\
             <table:table-row table:number-rows-repeated='1048000'>{blank}</table:table-row>"
        );
        assert_eq!(text(&rows), "S\n\t7\t7\n\t7\t7");
    }

    #[test]
    fn hidden_sheets_and_comments_are_left_out_and_sheets_are_parts() {
        let row = |text: &str| {
            format!(
                "<table:table-row><table:table-cell><office:annotation><text:p>no</text:p></office:annotation>\
                 <text:p>{text}</text:p></table:table-cell></table:table-row>"
            )
        };
        let whole = book(&format!(
            "<style:style style:name='t2'><style:table-properties table:display='false'/></style:style>\
             <table:table table:name='A' table:style-name='t1'>{}</table:table>\
             <table:table table:name='B' table:style-name='t2'>{}</table:table>\
             <table:table table:name='C'>{}</table:table>",
            row("one"),
            row("two"),
            row("three")
        ));
        assert_eq!(whole.as_text(), Some("A\none\n\nC\nthree"));
        let labels: Vec<_> = whole
            .parts
            .iter()
            .map(|part| (part.kind, part.label.as_deref(), part.starts_at))
            .collect();
        assert_eq!(
            labels,
            [
                (PartKind::Sheet, Some("A"), 0),
                (PartKind::Sheet, Some("C"), 7)
            ]
        );
    }
}
