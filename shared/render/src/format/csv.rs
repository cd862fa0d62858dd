//! CSV: a header and rows, UTF-8 without byte order mark, LF line ends, quotes where needed.
//!
//! **Formulas.** Spreadsheets run a cell that begins like a formula. A text cell (or column name)
//! that begins with `=`, `+`, `-`, `@`, one of their full-width forms, a tab, CR or LF gets a `'`
//! before it. Numbers stay as they are, and so does text that is a decimal number as a whole, such
//! as the amount `-5.00`. Source: OWASP, CSV Injection.

use std::borrow::Cow;
use std::io;

use ::csv::{Terminator, WriterBuilder};

use super::{Syntax, Writing};
use crate::limits::Output;
use crate::table::{Table, cell_text, is_decimal};

pub(super) const SYNTAX: Syntax = Syntax {
    name: "csv",
    aliases: &[],
    media_type: "text/csv; charset=utf-8",
    writing: Writing::Table(write),
};

/// What makes a spreadsheet take a cell for a formula when it comes first.
const FORMULA_STARTS: [char; 11] = [
    '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\t', '\r', '\n',
];

fn write(table: &Table, output: &mut Output) -> io::Result<()> {
    if table.columns.is_empty() {
        return Ok(());
    }
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::Any(b'\n'))
        .from_writer(output);
    let header = table.columns.iter().map(|name| guarded(name.into()));
    write_record(header, &mut writer)?;
    for row in &table.rows {
        let cells = row.iter().map(|cell| {
            let text = cell_text(cell);
            if cell.is_number() {
                text
            } else {
                guarded(text)
            }
        });
        write_record(cells, &mut writer)?;
    }
    writer.flush()
}

fn write_record<'a>(
    cells: impl Iterator<Item = Cow<'a, str>>,
    writer: &mut ::csv::Writer<&mut Output>,
) -> io::Result<()> {
    for cell in cells {
        writer.write_field(cell.as_bytes())?;
    }
    writer.write_record(None::<&[u8]>)?;
    Ok(())
}

/// Puts a `'` before text that a spreadsheet would run.
fn guarded(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with(FORMULA_STARTS) && !is_decimal(&text) {
        Cow::Owned(format!("'{text}"))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_disarmed_and_numbers_kept() {
        for formula in ["=1+1", "+1", "-1+cmd", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            assert_eq!(guarded(formula.into()), format!("'{formula}"));
        }
        for harmless in ["-5.00", "12", "a=b", "", "'=1"] {
            assert_eq!(guarded(harmless.into()), harmless);
        }
    }
}
