//! CSV in any dialect: columns, sample rows and sums.

use std::fmt::Write;

use csv::{ReaderBuilder, StringRecord};

use crate::extraction::Extraction;
use crate::facts::{TableBuilder, number_style};
use crate::limits::Limits;
use crate::plain::decode;
use crate::tidy::tidy;

/// Records that the dialect is learned from.
const SNIFFED_RECORDS: usize = 50;

/// Reads comma, semicolon, tab or pipe separated values. The text shows the first rows, the table
/// sums up all of them.
pub(crate) fn read(bytes: &[u8], media_type: &str, limits: &Limits) -> Extraction {
    let source = decode(bytes);
    let (delimiter, source) = dialect(&source, media_type);
    let style = {
        let records = records(source, delimiter).take(limits.sample_rows);
        let cells: Vec<String> = records
            .flat_map(|record| record.iter().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        number_style(cells.iter().map(String::as_str))
    };
    let mut table = TableBuilder::new(style);
    let mut sample = Sample::new(limits);
    for record in records(source, delimiter) {
        let cells: Vec<&str> = record.iter().collect();
        table.row(&cells);
        sample.row(&cells);
    }
    let text = tidy(&sample.finish());
    let table = table.finish(&text);
    Extraction::text(text, Some(table))
}

/// The records that can be read. Decoded text has no invalid UTF-8, and ragged rows are allowed, so
/// that none are lost.
fn records(source: &str, delimiter: u8) -> impl Iterator<Item = StringRecord> {
    let reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(source.as_bytes());
    reader.into_records().map_while(Result::ok)
}

/// The delimiter, and the source without the line that states it.
fn dialect<'a>(source: &'a str, media_type: &str) -> (u8, &'a str) {
    // Excel writes the delimiter in a first line of its own.
    if let Some(rest) = source.strip_prefix("sep=")
        && let Some((stated, after)) = rest.split_once('\n')
        && let [delimiter] = stated.trim_end_matches('\r').as_bytes()
    {
        return (*delimiter, after);
    }
    if media_type == media::TSV {
        return (b'\t', source);
    }
    let best = [b',', b';', b'\t', b'|']
        .into_iter()
        .max_by_key(|&delimiter| {
            // On a tie the first wins; `max_by_key` keeps the last.
            (evenness(source, delimiter), delimiter == b',')
        });
    (best.unwrap_or(b','), source)
}

/// How many of the first records have the most common number of fields, when that is more than one,
/// and that number.
fn evenness(source: &str, delimiter: u8) -> (usize, usize) {
    let counts: Vec<usize> = records(source, delimiter)
        .take(SNIFFED_RECORDS)
        .map(|record| record.len())
        .collect();
    let with = |count: usize| counts.iter().filter(|&&other| other == count).count();
    let several = counts.iter().copied().filter(|&count| count > 1);
    several
        .map(|count| (with(count), count))
        .max()
        .unwrap_or_default()
}

/// The rows of a table that its text shows.
pub(crate) struct Sample {
    text: String,
    shown: usize,
    rows: usize,
    limits: Limits,
}

impl Sample {
    /// Most bytes of one table that its text shows, so that wide rows do not fill it.
    const MOST_BYTES: usize = 512 * 1024;

    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            text: String::new(),
            shown: 0,
            rows: 0,
            limits: *limits,
        }
    }

    /// Takes in the next row; blank ones do not count.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        let filled = cells
            .iter()
            .rposition(|cell| !cell.as_ref().trim().is_empty());
        let Some(last) = filled else {
            return;
        };
        self.rows += 1;
        if self.shown >= self.limits.sample_rows || self.text.len() >= Self::MOST_BYTES {
            return;
        }
        self.shown += 1;
        for (index, cell) in cells[..=last].iter().enumerate() {
            if index > 0 {
                self.text.push('\t');
            }
            // One row is one line, also where a cell has several.
            let words = cell
                .as_ref()
                .split(['\n', '\r', '\t'])
                .map(str::trim)
                .filter(|part| !part.is_empty());
            for (part, word) in words.enumerate() {
                if part > 0 {
                    self.text.push(' ');
                }
                self.text.push_str(word);
            }
        }
        self.text.push('\n');
    }

    /// The text, which says how many rows it leaves out.
    pub(crate) fn finish(mut self) -> String {
        let left_out = self.rows - self.shown;
        if left_out > 0 {
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "… and {left_out} more rows");
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;
    use crate::extraction::Outcome;

    fn sums(source: &[u8]) -> Vec<Option<String>> {
        let extraction = read(source, media::CSV, &Limits::default());
        let columns = extraction.table.unwrap().columns;
        columns
            .iter()
            .map(|column| column.sum.map(|sum| sum.to_string()))
            .collect()
    }

    #[test]
    fn dialects_are_recognized() {
        let ten = |value: &str| vec![None, Some(value.to_owned())];
        assert_eq!(sums(b"a,b\nx,1.5\n\"y, z\",8.5\n"), ten("10.0"));
        assert_eq!(sums(b"a;b\nx;1,5\ny;8,5\n"), ten("10.0"));
        assert_eq!(sums(b"a;b\nx;1.234,50\ny;8,50\n"), ten("1243.00"));
        assert_eq!(sums(b"a\tb\r\nx\t1\r\ny\t9\r\n"), ten("10"));
        assert_eq!(sums(b"a|b\nx|1\ny|9\n"), ten("10"));
        assert_eq!(sums(b"sep=;\r\na;b\r\nx;1,5\r\ny;8,5\r\n"), ten("10.0"));
        assert_eq!(sums(b"\xEF\xBB\xBFa,b\nx,1\ny,9"), ten("10"));
    }

    #[test]
    fn text_shows_first_rows_and_sums_cover_all() {
        let mut source = String::from("name,amount\n");
        for number in 0..1000 {
            let _ = write!(source, "\"row\n{number}\",1.00\n");
        }
        let extraction = read(source.as_bytes(), media::CSV, &Limits::default());
        let Outcome::Text(text) = extraction.outcome else {
            panic!("no text")
        };
        assert!(text.starts_with("name\tamount\nrow 0\t1.00\n"));
        assert!(text.ends_with("… and 501 more rows"));
        let table = extraction.table.unwrap();
        assert_eq!(
            (table.row_count, table.columns[1].sum),
            (1000, Some(Decimal::new(100_000, 2)))
        );
    }

    #[test]
    fn ragged_and_broken_rows_are_kept() {
        let extraction = read(b"a,b\n1\n2,3,4\n\"open,5\n", media::CSV, &Limits::default());
        assert_eq!(
            extraction.outcome,
            Outcome::Text("a\tb\n1\n2\t3\t4\nopen,5".to_owned())
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(&bytes, media::CSV, &Limits::default());
        }
    }
}
