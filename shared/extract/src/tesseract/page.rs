//! Makes text of the table of words that Tesseract gives, if the words are worth it.

use std::str::FromStr;

/// The level of a row that holds a word. Rows of pages, blocks, paragraphs and lines hold no text.
const WORD: &str = "5";

/// Least mean confidence of a page, from 0 to 100, over its letters and digits.
const LEAST_CONFIDENCE: f64 = 60.0;

/// Least letters and digits of a page: a photo of a street has a few that are sure by chance.
const LEAST_CHARACTERS: f64 = 12.0;

/// The text of each page, blank where nothing is legible.
///
/// Source of the columns: `TessBaseAPI::GetTSVText`.
pub(super) fn legible_pages(table: &str) -> Vec<String> {
    let mut pages: Vec<Page> = Vec::new();
    for row in table.lines() {
        let columns: Vec<&str> = row.splitn(12, '\t').collect();
        let [
            level,
            page,
            block,
            paragraph,
            line,
            _,
            _,
            _,
            _,
            _,
            confidence,
            text,
        ] = columns[..]
        else {
            continue;
        };
        let Ok(number) = usize::from_str(page) else {
            // The heading.
            continue;
        };
        // Pages are numbered from 1 and come in order; a blank one has a row of its own.
        if pages.last().is_none_or(|last| last.number != number) {
            pages.push(Page {
                number,
                ..Page::default()
            });
        }
        if let Some(page) = pages.last_mut()
            && level == WORD
        {
            let confidence = f64::from_str(confidence).unwrap_or_default();
            page.word([block, paragraph, line], text.trim(), confidence);
        }
    }
    pages.into_iter().map(Page::legible).collect()
}

#[derive(Default)]
struct Page {
    number: usize,
    text: String,
    at: [String; 3],
    characters: f64,
    confidence: f64,
}

impl Page {
    fn word(&mut self, at: [&str; 3], word: &str, confidence: f64) {
        if word.is_empty() {
            return;
        }
        let is_same = |columns: usize| self.at[..columns] == at[..columns];
        let space = if self.text.is_empty() {
            ""
        } else if is_same(3) {
            " "
        } else if is_same(2) {
            "\n"
        } else {
            "\n\n"
        };
        self.text.push_str(space);
        self.text.push_str(word);
        self.at = at.map(str::to_owned);
        let characters = word.chars().filter(|c| c.is_alphanumeric());
        let weight = characters.fold(0.0, |sum, _| sum + 1.0);
        self.characters += weight;
        self.confidence += weight * confidence;
    }

    fn legible(self) -> String {
        let is_legible = self.characters >= LEAST_CHARACTERS
            && self.confidence >= LEAST_CONFIDENCE * self.characters;
        if is_legible { self.text } else { String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext";

    fn word(at: &str, confidence: &str, text: &str) -> String {
        format!("5\t{at}\t1\t0\t0\t10\t10\t{confidence}\t{text}\n")
    }

    fn pages(rows: &[String]) -> Vec<String> {
        legible_pages(&format!("{HEADING}\n{}", rows.concat()))
    }

    #[test]
    fn words_become_lines_and_paragraphs_of_pages() {
        let rows = [
            "1\t1\t0\t0\t0\t0\t0\t0\t640\t480\t-1\t\n".to_owned(),
            word("1\t1\t1\t1", "96.5", "Invoice"),
            word("1\t1\t1\t1", "95", "42"),
            word("1\t1\t1\t2", "91", "Hauptstraße"),
            word("1\t1\t2\t1", "90", "Total"),
            word("1\t2\t2\t1", "-1", " "),
            "1\t2\t0\t0\t0\t0\t0\t0\t640\t480\t-1\t\n".to_owned(),
            word("3\t1\t1\t1", "90", "Page"),
            word("3\t1\t1\t1", "90", "three"),
            word("3\t1\t1\t1", "90", "follows"),
        ];
        assert_eq!(
            pages(&rows),
            ["Invoice 42\nHauptstraße\n\nTotal", "", "Page three follows"]
        );
    }

    #[test]
    fn unsure_and_very_short_pages_are_blank() {
        let unsure = word("1\t1\t1\t1", "59", "leavesandbricks");
        assert_eq!(pages(&[unsure]), [""]);
        let short = word("1\t1\t1\t1", "99", "STOP");
        assert_eq!(pages(&[short]), [""]);
        assert_eq!(pages(&[]), Vec::<String>::new());
        assert_eq!(legible_pages("no table\n\t\t\n"), Vec::<String>::new());
    }
}
