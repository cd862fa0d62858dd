//! PDF: the text of its pages in reading order.

use std::path::Path;

use pdf_oxide::PdfDocument;

use crate::extraction::Extraction;
use crate::failure::{Code, Failure};
use crate::limits::Limits;
use crate::reader;
use crate::tidy::tidy;

const WHAT: &str = "PDF";

/// How far from the end of a file its end mark may stand. Source: ISO 32000-1, implementation note
/// H.3.4.4 says 1024; files with more behind it are common.
const END_REACH: usize = 2048;

/// Reads a PDF. A file that only limits printing or changing opens for everyone and is read; one that
/// asks for a password is not.
pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Extraction, Failure> {
    let bytes = reader::bytes(path, limits)?;
    let is_whole = has_end(&bytes);
    let document = PdfDocument::from_bytes(bytes).map_err(|error| failure(&error))?;
    // The reader gives empty text for a locked file, so that has to be asked first.
    if document.is_encrypted() && !matches!(document.authenticate(b""), Ok(true)) {
        return Err(Failure::encrypted());
    }
    // What was cut off may be any part of it: better no text than half of it.
    if !is_whole {
        return Err(Failure::corrupt(WHAT));
    }
    let pages = document.page_count().map_err(|error| failure(&error))?;
    if pages == 0 {
        return Err(Failure::corrupt(WHAT));
    }
    if pages > limits.pages {
        let detail = format!(
            "The PDF has {pages} pages; {} can be read. Split it into smaller files.",
            limits.pages
        );
        return Err(Failure::new(Code::TooLargeInside, detail));
    }
    let text = pages_text(&document, pages, limits)?;
    Ok(Extraction::text(tidy(&text), None))
}

/// One damaged page does not hide the others, but when no page can be read the file is damaged.
fn pages_text(document: &PdfDocument, pages: usize, limits: &Limits) -> Result<String, Failure> {
    let mut text = String::new();
    let mut first_failure = None;
    for page in 0..pages {
        match document.extract_text(page) {
            Ok(page) => {
                text.push_str(&page);
                text.push_str("\n\n");
            }
            Err(error) => first_failure = first_failure.or(Some(failure(&error))),
        }
        if text.len() as u64 > limits.text_bytes {
            return Err(Failure::too_much_text(limits.text_bytes));
        }
    }
    match first_failure {
        Some(failure) if text.trim().is_empty() => Err(failure),
        _ => Ok(text),
    }
}

fn has_end(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(END_REACH)..];
    let has = |mark: &[u8]| tail.windows(mark.len()).any(|window| window == mark);
    has(b"%%EOF") || has(b"startxref")
}

fn failure(error: &pdf_oxide::Error) -> Failure {
    match error {
        pdf_oxide::Error::EncryptedPdf => Failure::encrypted(),
        _ => Failure::corrupt(WHAT),
    }
}
