//! Word documents: paragraphs, tables, headers, footers and notes.

use std::collections::HashSet;

use quick_xml::events::BytesStart;

use crate::container::Container;
use crate::extraction::Extraction;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::lines::Lines;
use crate::office_text::OfficeText;
use crate::source::Source;
use crate::tidy::tidy;
use crate::xml::{self, walk};

const WHAT: &str = "Word document";
const BODY: &str = "word/document.xml";

/// Reads a Word document: headers, then the body, notes and footers.
pub(crate) fn read(source: &Source, limits: &Limits) -> Result<Extraction, Failure> {
    let mut container = Container::open(source, WHAT, limits)?;
    let mut names = container.names();
    names.retain(|name| part_order(name).is_some());
    names.sort_by_key(|name| (part_order(name), name.clone()));
    if !names.iter().any(|name| name == BODY) {
        return Err(Failure::corrupt(WHAT));
    }
    let mut text = String::new();
    let mut seen = HashSet::new();
    for name in names {
        let Some(part) = container.read(&name)? else {
            continue;
        };
        let part = part_text(&part, limits)?;
        // A document repeats one header in several parts, for first, odd and even pages.
        if name == BODY || seen.insert(part.clone()) {
            text.push_str(&part);
            text.push('\n');
        }
        if text.len() as u64 > limits.text_bytes {
            return Err(Failure::too_much_text(limits.text_bytes));
        }
    }
    Ok(Extraction::text(tidy(&text), None))
}

/// Where a member's text goes, or none when it holds no text of the document.
fn part_order(name: &str) -> Option<u8> {
    let part = name.strip_prefix("word/")?.strip_suffix(".xml")?;
    match part.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "header" => Some(0),
        "document" => Some(1),
        "footnotes" => Some(2),
        "endnotes" => Some(3),
        "footer" => Some(4),
        _ => None,
    }
}

fn part_text(part: &[u8], limits: &Limits) -> Result<String, Failure> {
    let mut part_walk = Walk::default();
    walk(part, WHAT, limits, &mut part_walk)?;
    Ok(part_walk.text.lines.take())
}

/// Where the walk is.
#[derive(Default)]
struct Walk {
    text: OfficeText,
}

impl xml::Walk for Walk {
    fn open(&mut self, name: &str, _: &BytesStart<'_>) {
        if !self.text.open(name) {
            return;
        }
        match name {
            "tab" | "ptab" => self.text.lines.tab(),
            "noBreakHyphen" => self.text.lines.push("-"),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        self.text.close(name);
    }

    fn text(&mut self, text: &str) {
        if self.text.is_shown() {
            self.text.lines.push(text);
        }
    }

    fn lines(&self) -> &Lines {
        &self.text.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str) -> String {
        tidy(&part_text(body.as_bytes(), &Limits::default()).unwrap())
    }

    #[test]
    fn runs_paragraphs_and_tables_become_lines_and_tabs() {
        let body = "<w:document><w:p><w:r><w:t>Total</w:t></w:r><w:r><w:tab/><w:t>a &amp; b&#33;</w:t></w:r></w:p>\
            <w:tbl><w:tr><w:tc><w:p><w:r><w:t>Oil</w:t></w:r></w:p><w:p><w:r><w:t>filter</w:t></w:r></w:p></w:tc>\
            <w:tc><w:p><w:r><w:t>$5.00</w:t></w:r></w:p></w:tc></w:tr></w:tbl><w:p/></w:document>";
        assert_eq!(text(body), "Total\ta & b!\nOil filter\t$5.00");
    }

    #[test]
    fn deleted_text_and_fallback_drawings_are_left_out() {
        let body = "<w:document><w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:r><w:t>new</w:t></w:r>\
            <mc:Fallback><w:p><w:r><w:t>again</w:t></w:r></w:p></mc:Fallback></w:p></w:document>";
        assert_eq!(text(body), "new");
    }

    #[test]
    fn part_that_ends_early_is_corrupt() {
        let failure = part_text(b"<w:document><w:p><w:t>half", &Limits::default()).unwrap_err();
        assert_eq!(failure, Failure::corrupt(WHAT));
    }

    #[test]
    fn deep_nesting_and_unknown_entities_are_walked_without_harm() {
        let body = format!(
            "<d>{}<w:t>x&lol;</w:t>{}</d>",
            "<a>".repeat(200_000),
            "</a>".repeat(200_000)
        );
        assert_eq!(text(&body), "x");
    }
}
