//! What Word and `PowerPoint` write alike: runs of text in paragraphs and tables, and drawings twice.

use crate::lines::Lines;

/// Where a walk over a document, a slide or its notes is. Source of the element names: ECMA-376, part 1, chapters 17 and 21;
/// of `Fallback`, part 3.
#[derive(Default)]
pub(crate) struct OfficeText {
    pub(crate) lines: Lines,
    in_text: u64,
    in_fallback: u64,
}

impl OfficeText {
    /// Takes in the start of an element. False within what is the same drawing again, for readers of before 2010.
    pub(crate) fn open(&mut self, name: &str) -> bool {
        match name {
            "Fallback" => self.in_fallback += 1,
            _ if self.in_fallback > 0 => {}
            "t" => self.in_text += 1,
            "tc" => self.lines.open_cell(),
            "br" | "cr" => self.lines.end_line(),
            _ => {}
        }
        self.in_fallback == 0
    }

    /// Takes in the end of an element.
    pub(crate) fn close(&mut self, name: &str) {
        match name {
            "Fallback" => self.in_fallback = self.in_fallback.saturating_sub(1),
            _ if self.in_fallback > 0 => {}
            "t" => self.in_text = self.in_text.saturating_sub(1),
            "p" => self.lines.end_line(),
            "tc" => self.lines.close_cell(),
            "tr" => self.lines.end_row(),
            _ => {}
        }
    }

    /// Says whether what comes is text that a reader of the document sees.
    pub(crate) const fn is_shown(&self) -> bool {
        self.in_text > 0 && self.in_fallback == 0
    }
}
