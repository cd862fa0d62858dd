//! Spreadsheets: every visible sheet's rows as text, and sums of the first sheet with amounts.

mod ods;

use std::io::BufReader;

use calamine::{
    Data, DataRef, ExcelDateTime, Reader, SheetVisible, Xls, XlsError, Xlsb, XlsbError, Xlsx,
    XlsxError,
};
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::container::Container;
use crate::csv::Sample;
use crate::extraction::Extraction;
use crate::facts::{Style, Table, TableBuilder};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::parts::{PartKind, PartedText};
use crate::source::{Source, Stream};

const WHAT: &str = "spreadsheet";

/// Columns of a sheet that are read.
const MOST_COLUMNS: u32 = 1024;

/// Reads a spreadsheet.
pub(crate) fn read(
    source: &Source,
    media_type: &str,
    limits: &Limits,
) -> Result<Extraction, Failure> {
    let mut book = Book::new(limits);
    if media_type == media::ODS {
        ods::read(source, limits, &mut book)?;
        return Ok(book.finish());
    }
    if media_type != media::XLS {
        Container::open(source, WHAT, limits)?.check()?;
    }
    let file = source.stream()?;
    match media_type {
        media::XLS => {
            let mut sheets: Xls<_> = open(file)?;
            book.dense_sheets(&mut sheets)?;
        }
        media::XLSB => {
            let mut sheets: Xlsb<_> = open(file)?;
            book.dense_sheets(&mut sheets)?;
        }
        _ => {
            let mut sheets: Xlsx<_> = open(file)?;
            book.sparse_sheets(&mut sheets)?;
        }
    }
    Ok(book.finish())
}

fn open<R>(file: BufReader<Stream>) -> Result<R, Failure>
where
    R: Reader<BufReader<Stream>>,
    R::Error: NeedsPassword,
{
    R::new(file).map_err(|error| failure(&error))
}

fn failure(error: &impl NeedsPassword) -> Failure {
    if error.needs_password() {
        Failure::encrypted()
    } else {
        Failure::corrupt(WHAT)
    }
}

/// Tells a locked workbook from a broken one.
trait NeedsPassword {
    fn needs_password(&self) -> bool;
}

macro_rules! needs_password {
    ($($error:ident),*) => {
        $(impl NeedsPassword for $error {
            fn needs_password(&self) -> bool {
                matches!(self, Self::Password)
            }
        })*
    };
}
needs_password!(XlsxError, XlsError, XlsbError);

/// A workbook being read.
struct Book {
    limits: Limits,
    text: PartedText,
    tables: Vec<Table>,
}

impl Book {
    fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            text: PartedText::new(limits),
            tables: Vec::new(),
        }
    }

    /// Reads sheets whose reader gives all cells at once.
    fn dense_sheets<R>(&mut self, sheets: &mut R) -> Result<(), Failure>
    where
        R: Reader<BufReader<Stream>>,
        R::Error: NeedsPassword,
    {
        for name in visible(sheets) {
            let range = sheets
                .worksheet_range(&name)
                .map_err(|error| failure(&error))?;
            let mut sheet = SheetText::new(&self.limits);
            for row in range.rows() {
                let cells: Vec<String> = row.iter().map(data_text).collect();
                sheet.row(&cells);
            }
            self.take(&name, sheet)?;
        }
        Ok(())
    }

    /// Reads sheets cell by cell, so that two cells far apart do not make a sheet of millions.
    fn sparse_sheets(&mut self, sheets: &mut Xlsx<BufReader<Stream>>) -> Result<(), Failure> {
        for name in visible(sheets) {
            let mut sheet = SheetText::new(&self.limits);
            let mut cells = match sheets.worksheet_cells_reader(&name) {
                Ok(cells) => cells,
                // Chart sheets have no cells.
                Err(XlsxError::NotAWorksheet(_)) => continue,
                Err(error) => return Err(failure(&error)),
            };
            let formats: Vec<Format> = cells
                .styles()
                .iter()
                .map(|style| {
                    style
                        .number_format
                        .as_ref()
                        .map(|format| Format::of(&format.format_code))
                        .unwrap_or_default()
                })
                .collect();
            let (mut row, mut number) = (Vec::<String>::new(), 0);
            while let Some((cell, style)) = cells
                .next_cell_with_style_id()
                .map_err(|error| failure(&error))?
            {
                let (at_row, at_column) = cell.get_position();
                if at_row != number {
                    sheet.row(&row);
                    (row, number) = (Vec::new(), at_row);
                }
                let column = usize::try_from(at_column.min(MOST_COLUMNS)).unwrap_or_default();
                if at_column < MOST_COLUMNS && column >= row.len() {
                    row.resize(column, String::new());
                    row.push(cell_text(cell.get_value(), formats.get(style)));
                }
            }
            sheet.row(&row);
            drop(cells);
            self.take(&name, sheet)?;
        }
        Ok(())
    }

    fn take(&mut self, name: &str, sheet: SheetText) -> Result<(), Failure> {
        let text = sheet.sample.finish();
        if text.is_empty() {
            return Ok(());
        }
        let shown = format!("{name}\n{text}");
        self.text.push(PartKind::Sheet, Some(name), &shown)?;
        self.tables.push(sheet.table.finish(&text));
        Ok(())
    }

    /// The workbook's table is that of the first sheet with an amount, else of the first sheet.
    fn finish(mut self) -> Extraction {
        let with_amount = self
            .tables
            .iter()
            .position(Table::has_amount)
            .unwrap_or_default();
        let table = (!self.tables.is_empty()).then(|| self.tables.swap_remove(with_amount));
        Extraction::parted(self.text, table)
    }
}

/// The names of the sheets that a person sees.
fn visible<R: Reader<BufReader<Stream>>>(sheets: &R) -> Vec<String> {
    let shown = sheets
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.visible == SheetVisible::Visible);
    shown.map(|sheet| sheet.name.clone()).collect()
}

struct SheetText {
    sample: Sample,
    table: TableBuilder,
}

impl SheetText {
    fn new(limits: &Limits) -> Self {
        Self {
            sample: Sample::new(limits),
            table: TableBuilder::new(Style::Point),
        }
    }

    fn row(&mut self, cells: &[String]) {
        self.table.row(cells);
        self.sample.row(cells);
    }
}

/// What a cell's number format adds to its number: `"$"#,##0.00` adds the sign and the cents.
#[derive(Clone, Default)]
struct Format {
    sign: String,
    decimals: Option<u32>,
}

impl Format {
    /// Reads the first section of a format code, that of positive numbers. Source: ECMA-376, 18.8.31.
    fn of(code: &str) -> Self {
        let section = code.split(';').next().unwrap_or_default();
        let places = section
            .split_once("0.")
            .map(|(_, after)| after.bytes().take_while(|&byte| byte == b'0').count());
        Self {
            sign: Self::sign(section),
            decimals: places
                .and_then(|places| u32::try_from(places).ok())
                .filter(|places| (1..=4).contains(places)),
        }
    }

    /// `[$€-407]` and `[$USD]` name a currency in brackets; else one stands in quotes or bare.
    fn sign(section: &str) -> String {
        if let Some((_, bracket)) = section.split_once("[$") {
            let end = bracket.find(['-', ']']).unwrap_or(bracket.len());
            return bracket[..end].trim().to_owned();
        }
        let signs = ["$", "€", "£", "¥", "zł", "₹", "kr", "CHF"];
        let sign = signs.iter().find(|sign| section.contains(*sign));
        sign.map(|sign| (*sign).to_owned()).unwrap_or_default()
    }

    fn write(&self, number: Decimal) -> String {
        let number = match self.decimals {
            Some(decimals) if !self.sign.is_empty() => {
                let mut rounded = number.round_dp(decimals);
                rounded.rescale(decimals);
                rounded
            }
            _ => number,
        };
        let minus = if number.is_sign_negative() && !number.is_zero() {
            "-"
        } else {
            ""
        };
        let space = if self.sign.ends_with(char::is_alphabetic) {
            " "
        } else {
            ""
        };
        format!("{minus}{}{space}{}", self.sign, number.abs())
    }
}

fn cell_text(value: &DataRef<'_>, format: Option<&Format>) -> String {
    match value {
        DataRef::Float(number) => number_text(*number, format),
        DataRef::Int(number) => format.map_or_else(
            || number.to_string(),
            |format| format.write((*number).into()),
        ),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.clone()
        }
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(truth) => truth.to_string(),
        DataRef::DateTime(time) => time_text(time),
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}

fn data_text(value: &Data) -> String {
    match value {
        Data::Float(number) => number_text(*number, None),
        Data::Int(number) => number.to_string(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Bool(truth) => truth.to_string(),
        Data::DateTime(time) => time_text(time),
        Data::Error(_) | Data::Empty => String::new(),
    }
}

/// Files keep numbers as binary floating point. Their shortest decimal form is what was typed, and 15
/// digits are what spreadsheets show, which hides the dust that formulas leave.
fn number_text(number: f64, format: Option<&Format>) -> String {
    let shortest = number.to_string();
    let typed: Option<Decimal> = shortest.parse().ok();
    let Some(shown) = typed.and_then(|typed| typed.round_sf(15)) else {
        return shortest;
    };
    let shown = shown.normalize();
    format.map_or_else(|| shown.to_string(), |format| format.write(shown))
}

fn time_text(time: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    if time.is_duration() {
        return number_text(time.as_f64(), None);
    }
    let field = |number: u8| i8::try_from(number).unwrap_or_default();
    let Ok(date) = Date::new(
        i16::try_from(year).unwrap_or_default(),
        field(month),
        field(day),
    ) else {
        return String::new();
    };
    if (hour, minute, second) == (0, 0, 0) {
        date.to_string()
    } else {
        format!("{date} {hour:02}:{minute:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_add_sign_and_cents() {
        let text = |number: f64, code: &str| number_text(number, Some(&Format::of(code)));
        assert_eq!(text(198.4, "\"$\"#,##0.00"), "$198.40");
        assert_eq!(text(-5.0, "[$€-407]#,##0.00;-#,##0.00"), "-€5.00");
        assert_eq!(text(7.5, "[$USD] #,##0.00"), "USD 7.50");
        assert_eq!(text(850.0, "#,##0"), "850");
        assert_eq!(text(0.25, "General"), "0.25");
    }

    #[test]
    fn dust_of_binary_numbers_is_not_shown() {
        assert_eq!(number_text(0.1 + 0.2, None), "0.3");
        assert_eq!(number_text(312.89, None), "312.89");
        assert_eq!(number_text(1e300, None), 1e300.to_string());
        assert_eq!(number_text(f64::NAN, None), "NaN");
    }
}
