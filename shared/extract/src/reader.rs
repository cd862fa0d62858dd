//! Chooses the reader for a media type. Runs in the child process.

use crate::extraction::Extraction;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::scan::{Place, Scan};
use crate::source::Source;
use crate::{csv, docx, email, html, markdown, opendocument, pdf, plain, pptx, sheet};

/// The name of the stream in which Office keeps a document with a password, in UTF-16.
/// Source: MS-OFFCRYPTO 2.3.
const ENCRYPTED_PACKAGE: &str = "EncryptedPackage";

/// Reads a file of the given media type.
pub(crate) fn read(
    source: &Source,
    media_type: &str,
    limits: &Limits,
) -> Result<Extraction, Failure> {
    match media_type {
        media::PDF => pdf::read(source, limits),
        media::DOCX => docx::read(source, limits),
        media::PPTX => pptx::read(source, limits),
        media::ODT => opendocument::read_text(source, limits),
        media::ODP => opendocument::read_presentation(source, limits),
        media::XLSX | media::XLSM | media::XLSB | media::ODS => {
            sheet::read(source, media_type, limits)
        }
        media::XLS | media::DOC | media::PPT | media::OLE => {
            compound_file(source, media_type, limits)
        }
        media::CSV | media::TSV => Ok(csv::read(&source.bytes(limits)?, media_type, limits)),
        media::HTML => html::read(&source.bytes(limits)?, limits),
        media::MARKDOWN => markdown::read(&source.bytes(limits)?, limits),
        media::EMAIL => email::read(source, limits),
        _ if media::is_picture(media_type) => Ok(picture()),
        _ if is_plain_text(media_type) => plain::read(&source.bytes(limits)?, limits),
        _ if source.is_empty()? => Ok(Extraction::text(String::new(), None)),
        _ => Ok(Extraction::unsupported()),
    }
}

/// Office documents of before 2007, and later ones with a password.
fn compound_file(
    source: &Source,
    media_type: &str,
    limits: &Limits,
) -> Result<Extraction, Failure> {
    let name: Vec<u8> = ENCRYPTED_PACKAGE
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let content = source.bytes(limits)?;
    if content.windows(name.len()).any(|window| window == name) {
        return Err(Failure::encrypted());
    }
    if media_type == media::XLS {
        return sheet::read(source, media_type, limits);
    }
    Ok(Extraction::unsupported())
}

/// A picture has no text of its own; it may be recognized.
fn picture() -> Extraction {
    let scan = Scan {
        part: 0,
        place: Place::default(),
    };
    Extraction {
        scans: vec![scan],
        ..Extraction::unsupported()
    }
}

/// Text that is read as it stands: prose, source code, data.
fn is_plain_text(media_type: &str) -> bool {
    const OTHER: &[&str] = &[
        media::JSON,
        media::YAML,
        media::XML,
        "application/x-ndjson",
        "application/toml",
        "application/sql",
        "application/x-bat",
    ];
    media_type.starts_with("text/") || OTHER.contains(&media_type)
}
