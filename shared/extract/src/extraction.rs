//! What reading a file gives.

use serde::{Deserialize, Serialize};

use crate::facts::Table;

/// What a file gave when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extraction {
    /// Its text, or why there is none.
    pub outcome: Outcome,
    /// For spreadsheets and CSV: the columns and their sums over every row, also those that the
    /// text leaves out.
    pub table: Option<Table>,
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
        Self { outcome, table }
    }

    /// A file that is not a document.
    pub(crate) fn unsupported() -> Self {
        Self {
            outcome: Outcome::Unsupported,
            table: None,
        }
    }
}
