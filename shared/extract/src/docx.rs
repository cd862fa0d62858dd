//! Word documents: paragraphs, tables, headers, footers and notes.

use std::collections::HashSet;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::Event;

use crate::container::Container;
use crate::extraction::Extraction;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::tidy::tidy;

const WHAT: &str = "Word document";
const BODY: &str = "word/document.xml";

/// Reads a Word document: headers, then the body, notes and footers.
pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Extraction, Failure> {
    let mut container = Container::open(path, WHAT, limits)?;
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

/// Walks one part. The walk keeps counters and no stack, so nesting costs nothing.
fn part_text(part: &[u8], limits: &Limits) -> Result<String, Failure> {
    let mut reader = Reader::from_reader(part);
    reader.config_mut().check_end_names = false;
    let mut walk = Walk::default();
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = reader
            .read_event_into(&mut buffer)
            .map_err(|_| Failure::corrupt(WHAT))?;
        match event {
            Event::Start(tag) => walk.open(tag.local_name().as_ref()),
            Event::Empty(tag) => walk.empty(tag.local_name().as_ref()),
            Event::End(tag) => walk.close(tag.local_name().as_ref()),
            Event::Text(text) => walk.text(&text.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(text) => walk.text(&text.xml_content(XmlVersion::Implicit1_0)),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) => walk.text(character.encode_utf8(&mut [0; 4])),
                _ => walk.text(resolve_xml_entity(&reference).unwrap_or_default()),
            },
            Event::Eof if walk.depth == 0 => return Ok(walk.out),
            Event::Eof => return Err(Failure::corrupt(WHAT)),
            _ => {}
        }
        if walk.out.len() as u64 > limits.text_bytes {
            return Err(Failure::too_much_text(limits.text_bytes));
        }
    }
}

/// Where the walk is. Source of the element names: ECMA-376, part 1, chapter 17.
#[derive(Default)]
struct Walk {
    out: String,
    depth: u64,
    in_text: u64,
    in_cell: u64,
    in_fallback: u64,
}

impl Walk {
    fn open(&mut self, name: &str) {
        self.depth += 1;
        match name {
            "t" => self.in_text += 1,
            "tc" => self.in_cell += 1,
            // The same drawing again, for readers of before 2010.
            "Fallback" => self.in_fallback += 1,
            _ => self.mark(name),
        }
    }

    fn empty(&mut self, name: &str) {
        self.mark(name);
        if name == "p" {
            self.end_paragraph();
        }
    }

    fn close(&mut self, name: &str) {
        self.depth = self.depth.saturating_sub(1);
        match name {
            "t" => self.in_text = self.in_text.saturating_sub(1),
            "Fallback" => self.in_fallback = self.in_fallback.saturating_sub(1),
            "p" => self.end_paragraph(),
            "tc" => {
                self.in_cell = self.in_cell.saturating_sub(1);
                self.trim_spaces();
                self.out.push('\t');
            }
            "tr" => {
                self.out
                    .truncate(self.out.trim_end_matches(['\t', ' ']).len());
                self.push_break(if self.in_cell > 0 { ' ' } else { '\n' });
            }
            _ => {}
        }
    }

    /// Elements that stand for a character.
    fn mark(&mut self, name: &str) {
        match name {
            "tab" | "ptab" if self.in_cell == 0 => self.out.push('\t'),
            "br" | "cr" => self.push_break(if self.in_cell > 0 { ' ' } else { '\n' }),
            "noBreakHyphen" => self.out.push('-'),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_text > 0 && self.in_fallback == 0 {
            self.out.push_str(text);
        }
    }

    /// Paragraphs of one cell stay on its line.
    fn end_paragraph(&mut self) {
        self.push_break(if self.in_cell > 0 { ' ' } else { '\n' });
    }

    fn push_break(&mut self, with: char) {
        if self.in_fallback == 0 {
            self.out.push(with);
        }
    }

    fn trim_spaces(&mut self) {
        self.out.truncate(self.out.trim_end_matches(' ').len());
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
