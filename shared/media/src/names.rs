//! The media types this crate tells apart by name, and the extensions that stand for them.

/// Comma-separated values.
pub const CSV: &str = "text/csv";
/// Tab-separated values.
pub const TSV: &str = "text/tab-separated-values";
/// HTML.
pub const HTML: &str = "text/html";
/// Markdown.
pub const MARKDOWN: &str = "text/markdown";
/// Text of no other known kind.
pub const TEXT: &str = "text/plain";
/// JSON.
pub const JSON: &str = "application/json";
/// YAML.
pub const YAML: &str = "application/yaml";
/// XML.
pub const XML: &str = "application/xml";
/// An e-mail message.
pub const EMAIL: &str = "message/rfc822";
/// PDF.
pub const PDF: &str = "application/pdf";
/// A Word document.
pub const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
/// An Excel workbook.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// An Excel workbook with macros.
pub const XLSM: &str = "application/vnd.ms-excel.sheet.macroenabled.12";
/// An Excel workbook in binary form.
pub const XLSB: &str = "application/vnd.ms-excel.sheet.binary.macroenabled.12";
/// A presentation.
pub const PPTX: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";
/// An `OpenDocument` text.
pub const ODT: &str = "application/vnd.oasis.opendocument.text";
/// An `OpenDocument` spreadsheet.
pub const ODS: &str = "application/vnd.oasis.opendocument.spreadsheet";
/// An `OpenDocument` presentation.
pub const ODP: &str = "application/vnd.oasis.opendocument.presentation";
/// A Word document of before 2007.
pub const DOC: &str = "application/msword";
/// An Excel workbook of before 2007.
pub const XLS: &str = "application/vnd.ms-excel";
/// A presentation of before 2007.
pub const PPT: &str = "application/vnd.ms-powerpoint";
/// A compound file of no other known kind, among them Office documents with a password.
pub const OLE: &str = "application/x-ole-storage";
/// A ZIP archive.
pub const ZIP: &str = "application/zip";
/// Bytes.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// Extensions in lower case and the type each stands for, within its family.
const EXTENSIONS: &[(&str, &str)] = &[
    ("apk", "application/vnd.android.package-archive"),
    ("bash", "text/x-shellscript"),
    ("bat", "application/x-bat"),
    ("c", "text/x-c"),
    ("cmd", "application/x-bat"),
    ("cpp", "text/x-c++"),
    ("css", "text/css"),
    ("csv", CSV),
    ("doc", DOC),
    ("docx", DOCX),
    ("eml", EMAIL),
    ("epub", "application/epub+zip"),
    ("go", "text/x-go"),
    ("h", "text/x-c"),
    ("htm", HTML),
    ("html", HTML),
    ("ics", "text/calendar"),
    ("jar", "application/java-archive"),
    ("java", "text/x-java"),
    ("js", "text/javascript"),
    ("json", JSON),
    ("jsonl", "application/x-ndjson"),
    ("markdown", MARKDOWN),
    ("md", MARKDOWN),
    ("mjs", "text/javascript"),
    ("msi", "application/x-msi"),
    ("ndjson", "application/x-ndjson"),
    ("odp", ODP),
    ("ods", ODS),
    ("odt", ODT),
    ("ppt", PPT),
    ("pptx", PPTX),
    ("ps1", "text/x-powershell"),
    ("py", "text/x-python"),
    ("rb", "text/x-ruby"),
    ("rs", "text/x-rust"),
    ("sh", "text/x-shellscript"),
    ("sql", "application/sql"),
    ("svg", "image/svg+xml"),
    ("tab", TSV),
    ("toml", "application/toml"),
    ("ts", "text/x-typescript"),
    ("tsv", TSV),
    ("txt", TEXT),
    ("vbs", "text/vbscript"),
    ("vcf", "text/vcard"),
    ("xhtml", HTML),
    ("xls", XLS),
    ("xlsb", XLSB),
    ("xlsm", XLSM),
    ("xlsx", XLSX),
    ("xml", XML),
    ("yaml", YAML),
    ("yml", YAML),
    ("zsh", "text/x-shellscript"),
];

/// The type an extension stands for.
pub(super) fn by_extension(extension: &str) -> Option<&'static str> {
    let index = EXTENSIONS.binary_search_by_key(&extension, |&(known, _)| known);
    index.ok().map(|index| EXTENSIONS[index].1)
}

/// The same type as this crate spells it, when it knows it.
pub(super) fn known(media_type: &str) -> Option<&'static str> {
    let mut types = EXTENSIONS.iter().map(|&(_, media_type)| media_type);
    types.find(|known| *known == media_type)
}

#[cfg(test)]
mod tests {
    use super::EXTENSIONS;

    #[test]
    fn extensions_are_sorted_for_binary_search() {
        assert!(EXTENSIONS.is_sorted_by_key(|&(extension, _)| extension));
    }
}
