//! What reading a file gives.

use domain::fact_sheet::FactSheet;
use serde::{Deserialize, Serialize};

use crate::facts::{Table, fact_sheet};
use crate::parts::{Part, PartedText};
use crate::scan::Scan;

/// What a file gave when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extraction {
    /// Its text, or why there is none.
    pub outcome: Outcome,
    /// For spreadsheets and CSV: the columns and their sums over every row, also those that the
    /// text leaves out.
    pub table: Option<Table>,
    /// Its pages, slides, sheets or attachments in the order of the text, which they cover from its
    /// first byte to its last. Empty when the format has none, and when there is no text.
    pub parts: Vec<Part>,
    /// Pictures that may show text and that no one has read.
    pub(crate) scans: Vec<Scan>,
}

/// The text of a file, or why there is none. None of these is a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The text in reading order: lines end with `\n`, cells of a row are apart by tabs.
    Text(String),
    /// A document that was read and has no text, such as scanned pages or a file of 0 bytes.
    NoText,
    /// Not a document that can be read: a photo, an archive, a program.
    Unsupported,
}

impl Extraction {
    /// Wraps tidy text; text without a letter or digit counts as none.
    pub(crate) fn text(text: String, table: Option<Table>) -> Self {
        let outcome = if text.chars().any(char::is_alphanumeric) {
            Outcome::Text(text)
        } else {
            Outcome::NoText
        };
        Self {
            outcome,
            table,
            parts: Vec::new(),
            scans: Vec::new(),
        }
    }

    /// The same for text that has parts. Those of a document without text are kept until it is
    /// [settled](Self::settled) that no one reads its scans.
    pub(crate) fn parted(parted: PartedText, table: Option<Table>) -> Self {
        let (text, mut parts) = parted.finish();
        let extraction = Self::text(text, table);
        if extraction.as_text().is_none() {
            for part in &mut parts {
                part.starts_at = 0;
            }
        }
        Self {
            parts,
            ..extraction
        }
    }

    /// What the caller of the extractor gets: where there is no text, there are no parts of it.
    pub(crate) fn settled(mut self) -> Self {
        if self.as_text().is_none() {
            self.parts.clear();
        }
        self
    }

    /// Returns how many pictures and scanned pages may show text that is not in this one: because
    /// nothing is there to read them, nothing in them is legible, or they are too many.
    pub fn unread_pictures(&self) -> usize {
        self.scans.len()
    }

    /// A file that is not a document.
    pub(crate) fn unsupported() -> Self {
        Self {
            outcome: Outcome::Unsupported,
            table: None,
            parts: Vec::new(),
            scans: Vec::new(),
        }
    }

    /// Finds what the document says about itself, with the page, slide, sheet or attachment of each fact. Nothing without a
    /// text.
    pub fn fact_sheet(&self) -> FactSheet {
        let Some(text) = self.as_text() else {
            return FactSheet::default();
        };
        let mut facts = fact_sheet(text, self.table.as_ref());
        facts.note_parts(|byte| self.part_name(usize::try_from(byte).ok()?));
        facts
    }

    /// Returns the text, if there is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Text(text) => Some(text),
            Outcome::NoText | Outcome::Unsupported => None,
        }
    }
}
