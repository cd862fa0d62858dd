//! Says what a file is from its first bytes; its name and declared type are only hints.
//!
//! Bytes decide between families (a ZIP container, text, a photo). A hint only ever chooses within a
//! family: a name ending in `.csv` makes text a CSV, but never makes a program a CSV.

#![warn(missing_docs)]

mod accept;
mod container;
mod names;
mod text;

pub use accept::{accept, accept_declared};
pub use names::{
    BMP, CSV, DOC, DOCX, EMAIL, GIF, HTML, JPEG, JSON, MARKDOWN, OCTET_STREAM, ODP, ODS, ODT, OLE,
    PDF, PNG, PPT, PPTX, RTF, TEXT, TIFF, TSV, WEBP, XLS, XLSB, XLSM, XLSX, XML, YAML, ZIP,
};
pub use text::is_utf16_without_mark;

/// How many first bytes [`sniff`] wants to see; fewer will do, more change nothing.
pub const HEAD_BYTES: usize = 8 * 1024;

/// How far into a file a PDF header may stand. Source: ISO 32000-1, implementation note H.3.4.1.
const PDF_HEADER_REACH: usize = 1024;

/// Media types of programs: what a machine or a shell would run when a person opens the file.
const EXECUTABLE: &[&str] = &[
    "application/java",
    "application/java-archive",
    "application/vnd.android.dex",
    "application/vnd.android.dey",
    "application/vnd.android.package-archive",
    "application/vnd.microsoft.portable-executable",
    "application/wasm",
    "application/x-bat",
    "application/x-executable",
    "application/x-llvm",
    "application/x-mach-binary",
    "application/x-ms-shortcut",
    "application/x-msi",
    "text/vbscript",
    "text/x-powershell",
    "text/x-shellscript",
];

/// Returns the media type of a file from its first bytes, the name it is given and the Content-Type
/// that came with it. `head` is the first [`HEAD_BYTES`], or the whole file when that is shorter.
///
/// A file of 0 bytes is what its name says, when its name says a kind of text, and otherwise
/// `application/octet-stream`.
pub fn sniff(head: &[u8], name: &str, declared: Option<&str>) -> String {
    let head = &head[..head.len().min(HEAD_BYTES)];
    let hint = Hint::new(name, declared);
    binary_by_magic(head, &hint)
        .or_else(|| text::sniff(head, &hint))
        .or_else(|| infer::get(head).map(|kind| kind.mime_type()))
        .unwrap_or(OCTET_STREAM)
        .to_owned()
}

/// Whether a file of this media type is a program, which uploads refuse unless a workspace allows
/// it. Scripts count when a shell runs them; the source code of other languages does not.
pub fn is_executable(media_type: &str) -> bool {
    EXECUTABLE.contains(&essence(media_type).as_str())
}

/// Whether files of this media type are pictures whose text can be recognized.
pub fn is_picture(media_type: &str) -> bool {
    [PNG, JPEG, TIFF, WEBP, BMP, GIF].contains(&essence(media_type).as_str())
}

/// The media type without parameters, in lower case: `Text/HTML; charset=x` is `text/html`.
pub fn essence(media_type: &str) -> String {
    let end = media_type.find(';').unwrap_or(media_type.len());
    media_type[..end].trim().to_ascii_lowercase()
}

/// What the uploader says the file is.
struct Hint {
    extension: String,
    declared: Option<String>,
}

impl Hint {
    fn new(name: &str, declared: Option<&str>) -> Self {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        Self {
            extension: extension.to_lowercase(),
            declared: declared.map(essence),
        }
    }

    /// The hinted type among those a family allows: the extension's, else the declared one.
    fn among(&self, family: impl Fn(&str) -> bool) -> Option<&'static str> {
        let by_extension = names::by_extension(&self.extension);
        let by_declared = || names::known(self.declared.as_deref()?);
        by_extension
            .filter(|media_type| family(media_type))
            .or_else(|| by_declared().filter(|media_type| family(media_type)))
    }
}

/// Formats whose first bytes are certain, before anything is guessed.
fn binary_by_magic(head: &[u8], hint: &Hint) -> Option<&'static str> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(container::zip(head, hint));
    }
    if head.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
        return Some(container::ole(hint));
    }
    if head.starts_with(b"{\\rtf") {
        return Some(RTF);
    }
    // The shell link header. Source: MS-SHLLINK 2.1.
    if head.starts_with(b"\x4C\x00\x00\x00\x01\x14\x02\x00") {
        return Some("application/x-ms-shortcut");
    }
    if head.starts_with(b"\x7fELF") {
        return Some("application/x-executable");
    }
    let reach = &head[..head.len().min(PDF_HEADER_REACH)];
    let pdf = reach.windows(5).position(|window| window == b"%PDF-")?;
    // Prose may mention the header; a real one behind other bytes has binary around it.
    (pdf == 0 || !text::is_text(head)).then_some(PDF)
}

#[cfg(test)]
mod tests;
