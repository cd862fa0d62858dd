//! Tells apart the formats that live in a ZIP archive or an OLE compound file.

use super::Hint;
use super::names::{DOC, DOCX, ODP, ODS, ODT, OLE, PPT, PPTX, XLS, XLSB, XLSM, XLSX, ZIP};

/// Length of a ZIP local file header before the name. Source: PKWARE APPNOTE 4.3.7.
const LOCAL_HEADER_BYTES: usize = 30;

/// The types a ZIP archive may turn out to be when its first members do not tell.
const OFFICE_OPEN: &[&str] = &[DOCX, XLSX, XLSM, XLSB, PPTX];
const IN_ZIP: &[&str] = &[
    "application/java-archive",
    "application/vnd.android.package-archive",
];

/// The type of a ZIP archive, from the names of its first members.
pub(super) fn zip(head: &[u8], hint: &Hint) -> &'static str {
    if let Some(declared) = mimetype_member(head) {
        return declared;
    }
    let mut office_open = false;
    for name in member_names(head) {
        match name {
            _ if name.starts_with(b"word/") => return DOCX,
            _ if name.starts_with(b"xl/") => {
                let family = |kind: &str| [XLSX, XLSM, XLSB].contains(&kind);
                return hint.among(family).unwrap_or(XLSX);
            }
            _ if name.starts_with(b"ppt/") => return PPTX,
            b"[Content_Types].xml" | b"_rels/.rels" => office_open = true,
            b"AndroidManifest.xml" | b"classes.dex" => {
                return "application/vnd.android.package-archive";
            }
            // A Java archive opens with its manifest; other archives may hold one anywhere.
            b"META-INF/" | b"META-INF/MANIFEST.MF" => return "application/java-archive",
            _ => {}
        }
    }
    let family = if office_open { OFFICE_OPEN } else { IN_ZIP };
    hint.among(|kind| family.contains(&kind)).unwrap_or(ZIP)
}

/// The type of an OLE compound file. Its directory is anywhere in the file, so the hint decides.
pub(super) fn ole(hint: &Hint) -> &'static str {
    let family = |kind: &str| [DOC, XLS, PPT, "application/x-msi"].contains(&kind);
    hint.among(family).unwrap_or(OLE)
}

/// `OpenDocument` and EPUB archives begin with a stored member that says what they are.
fn mimetype_member(head: &[u8]) -> Option<&'static str> {
    if member_names(head).next()? != b"mimetype" {
        return None;
    }
    let content = head.get(LOCAL_HEADER_BYTES + b"mimetype".len()..)?;
    // The longest first: the type of a text begins that of its template.
    [ODS, ODP, ODT, "application/epub+zip"]
        .into_iter()
        .find(|known| {
            let reach = &content[..content.len().min(known.len() + 64)];
            reach
                .windows(known.len())
                .any(|window| window == known.as_bytes())
        })
}

/// The names in the local headers that the head shows, in order.
fn member_names(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = head;
    std::iter::from_fn(move || {
        let start = rest.windows(4).position(|window| window == b"PK\x03\x04")?;
        let header = &rest[start..];
        let length = header.get(26..28)?;
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        let name = header.get(LOCAL_HEADER_BYTES..LOCAL_HEADER_BYTES + length)?;
        rest = &header[LOCAL_HEADER_BYTES + length..];
        Some(name)
    })
}
