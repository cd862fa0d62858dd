//! Chooses the reader for a media type. Runs in the child process.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::child::out_of_memory;
use crate::extraction::Extraction;
use crate::failure::{Code, Failure};
use crate::limits::Limits;
use crate::{csv, docx, html, markdown, pdf, plain, sheet};

/// The name of the stream in which Office keeps a document with a password, in UTF-16.
/// Source: MS-OFFCRYPTO 2.3.
const ENCRYPTED_PACKAGE: &str = "EncryptedPackage";

/// Reads a file of the given media type.
pub(crate) fn read(path: &Path, media_type: &str, limits: &Limits) -> Result<Extraction, Failure> {
    match media_type {
        media::PDF => pdf::read(path, limits),
        media::DOCX => docx::read(path, limits),
        media::XLSX | media::XLSM | media::XLSB | media::ODS => {
            sheet::read(path, media_type, limits)
        }
        media::XLS | media::DOC | media::PPT | media::OLE => {
            compound_file(path, media_type, limits)
        }
        media::CSV | media::TSV => Ok(csv::read(&bytes(path, limits)?, media_type, limits)),
        media::HTML => html::read(&bytes(path, limits)?, limits),
        media::MARKDOWN => markdown::read(&bytes(path, limits)?, limits),
        _ if is_plain_text(media_type) => plain::read(&bytes(path, limits)?, limits),
        _ if is_empty(path)? => Ok(Extraction::text(String::new(), None)),
        _ => Ok(Extraction::unsupported()),
    }
}

/// Office documents of before 2007, and later ones with a password.
fn compound_file(path: &Path, media_type: &str, limits: &Limits) -> Result<Extraction, Failure> {
    let name: Vec<u8> = ENCRYPTED_PACKAGE
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let content = bytes(path, limits)?;
    if content.windows(name.len()).any(|window| window == name) {
        return Err(Failure::encrypted());
    }
    if media_type == media::XLS {
        return sheet::read(path, media_type, limits);
    }
    Ok(Extraction::unsupported())
}

/// Text that is read as it stands: prose, source code, data.
fn is_plain_text(media_type: &str) -> bool {
    const OTHER: &[&str] = &[
        media::JSON,
        media::YAML,
        media::XML,
        media::EMAIL,
        "application/x-ndjson",
        "application/toml",
        "application/sql",
        "application/x-bat",
    ];
    media_type.starts_with("text/") || OTHER.contains(&media_type)
}

/// The whole file, for the readers that need all of it at once.
pub(crate) fn bytes(path: &Path, limits: &Limits) -> Result<Vec<u8>, Failure> {
    let most = limits.file_bytes;
    let mut content = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let read = file
        .take(most.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|error| unreadable(&error))?;
    if read as u64 > most {
        let detail =
            format!("The file is larger than the {most} bytes that can be read. Split it.");
        return Err(Failure::new(Code::TooLargeInside, detail));
    }
    Ok(content)
}

fn is_empty(path: &Path) -> Result<bool, Failure> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    Ok(metadata.len() == 0)
}

/// Memory ran out, or the copy that the reader was given is gone: its own fault, not the file's.
fn unreadable(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::OutOfMemory {
        return out_of_memory();
    }
    Failure::new(
        Code::Unavailable,
        "The file could not be opened for reading. It will be tried again.",
    )
}
