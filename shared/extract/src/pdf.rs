//! PDF: the text of its pages in reading order.

use pdf_oxide::PdfDocument;

use crate::extraction::Extraction;
use crate::failure::{Code, Failure};
use crate::limits::Limits;
use crate::parts::{PartKind, PartedText};
use crate::pictures;
use crate::scan::{Place, Scan};
use crate::source::Source;

const WHAT: &str = "PDF";

/// How far from the end of a file its end mark may stand. Source: ISO 32000-1, implementation note
/// H.3.4.4 says 1024; files with more behind it are common.
const END_REACH: usize = 2048;

/// Reads a PDF. A file that only limits printing or changing opens for everyone and is read; one that
/// asks for a password is not.
pub(crate) fn read(source: &Source, limits: &Limits) -> Result<Extraction, Failure> {
    let document = open(source, limits)?;
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
    pages_text(&document, pages, limits)
}

/// Opens a PDF that is whole and needs no password.
pub(crate) fn open(source: &Source, limits: &Limits) -> Result<PdfDocument, Failure> {
    let bytes = source.bytes(limits)?;
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
    Ok(document)
}

/// One damaged page does not hide the others, but when no page can be read the file is damaged.
fn pages_text(
    document: &PdfDocument,
    pages: usize,
    limits: &Limits,
) -> Result<Extraction, Failure> {
    let mut parted = PartedText::new(limits);
    let (mut scans, mut first_failure) = (Vec::new(), None);
    let mut is_blank = true;
    for page in 0..pages {
        let text = document.extract_text(page).unwrap_or_else(|error| {
            first_failure = first_failure.take().or(Some(failure(&error)));
            String::new()
        });
        is_blank &= text.trim().is_empty();
        let has_words = text.chars().any(char::is_alphanumeric);
        if !has_words && !pictures::of_page(document, page).is_empty() {
            scans.push(Scan {
                part: page,
                place: Place {
                    page,
                    ..Place::default()
                },
            });
        }
        parted.push(PartKind::Page, None, &text)?;
    }
    match first_failure {
        Some(failure) if is_blank => Err(failure),
        // Some ciphers open and give nothing: better to say so than that there is no text.
        None if is_blank && scans.is_empty() && document.is_encrypted() => {
            Err(Failure::encrypted())
        }
        _ => Ok(Extraction {
            scans,
            ..Extraction::parted(parted, None)
        }),
    }
}

fn has_end(bytes: &[u8]) -> bool {
    // Some programs fill a file up with zeros.
    let filled = bytes.iter().rposition(|&byte| byte != 0);
    let bytes = &bytes[..filled.map_or(0, |last| last + 1)];
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
