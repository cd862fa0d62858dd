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
/// A PNG picture.
pub const PNG: &str = "image/png";
/// A JPEG picture.
pub const JPEG: &str = "image/jpeg";
/// A TIFF picture, which may have several pages.
pub const TIFF: &str = "image/tiff";
/// A WebP picture.
pub const WEBP: &str = "image/webp";
/// A Windows bitmap.
pub const BMP: &str = "image/bmp";
/// A GIF picture.
pub const GIF: &str = "image/gif";
/// Rich Text Format.
pub const RTF: &str = "application/rtf";
/// A ZIP archive.
pub const ZIP: &str = "application/zip";
/// Bytes.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// Extensions in lower case and the type each stands for, within its family.
const EXTENSIONS: &[(&str, &str)] = &[
    ("adoc", TEXT),
    ("apk", "application/vnd.android.package-archive"),
    ("asciidoc", TEXT),
    ("asm", "text/x-asm"),
    ("bash", "text/x-shellscript"),
    ("bat", "application/x-bat"),
    ("c", "text/x-c"),
    ("cc", "text/x-c++"),
    ("cfg", TEXT),
    ("clj", "text/x-clojure"),
    ("cmake", "text/x-cmake"),
    ("cmd", "application/x-bat"),
    ("conf", TEXT),
    ("cpp", "text/x-c++"),
    ("cs", "text/x-csharp"),
    ("css", "text/css"),
    ("csv", CSV),
    ("cxx", "text/x-c++"),
    ("dart", "text/x-dart"),
    ("diff", "text/x-diff"),
    ("doc", DOC),
    ("docm", DOCX),
    ("docx", DOCX),
    ("dotx", DOCX),
    ("eml", EMAIL),
    ("env", TEXT),
    ("epub", "application/epub+zip"),
    ("erl", "text/x-erlang"),
    ("ex", "text/x-elixir"),
    ("exs", "text/x-elixir"),
    ("f90", "text/x-fortran"),
    ("go", "text/x-go"),
    ("gradle", "text/x-groovy"),
    ("groovy", "text/x-groovy"),
    ("h", "text/x-c"),
    ("hcl", "text/x-hcl"),
    ("hpp", "text/x-c++"),
    ("hs", "text/x-haskell"),
    ("htm", HTML),
    ("html", HTML),
    ("ics", "text/calendar"),
    ("ini", TEXT),
    ("jar", "application/java-archive"),
    ("java", "text/x-java"),
    ("jl", "text/x-julia"),
    ("js", "text/javascript"),
    ("json", JSON),
    ("jsonl", "application/x-ndjson"),
    ("jsx", "text/javascript"),
    ("kt", "text/x-kotlin"),
    ("kts", "text/x-kotlin"),
    ("less", "text/x-less"),
    ("lisp", "text/x-lisp"),
    ("log", TEXT),
    ("lua", "text/x-lua"),
    ("m", "text/x-objective-c"),
    ("markdown", MARKDOWN),
    ("md", MARKDOWN),
    ("mjs", "text/javascript"),
    ("mm", "text/x-objective-c++"),
    ("msi", "application/x-msi"),
    ("ndjson", "application/x-ndjson"),
    ("odp", ODP),
    ("ods", ODS),
    ("odt", ODT),
    ("patch", "text/x-diff"),
    ("php", "text/x-php"),
    ("pl", "text/x-perl"),
    ("pm", "text/x-perl"),
    ("potx", PPTX),
    ("ppsx", PPTX),
    ("ppt", PPT),
    ("pptm", PPTX),
    ("pptx", PPTX),
    ("properties", TEXT),
    ("proto", "text/x-protobuf"),
    ("ps1", "text/x-powershell"),
    ("py", "text/x-python"),
    ("pyi", "text/x-python"),
    ("r", "text/x-r"),
    ("rb", "text/x-ruby"),
    ("rs", "text/x-rust"),
    ("rst", "text/x-rst"),
    ("sass", "text/x-sass"),
    ("scala", "text/x-scala"),
    ("scss", "text/x-scss"),
    ("sh", "text/x-shellscript"),
    ("sql", "application/sql"),
    ("svg", "image/svg+xml"),
    ("swift", "text/x-swift"),
    ("tab", TSV),
    ("tex", "text/x-tex"),
    ("text", TEXT),
    ("tf", "text/x-hcl"),
    ("toml", "application/toml"),
    ("ts", "text/x-typescript"),
    ("tsv", TSV),
    ("tsx", "text/x-typescript"),
    ("txt", TEXT),
    ("vbs", "text/vbscript"),
    ("vcf", "text/vcard"),
    ("vtt", "text/vtt"),
    ("vue", "text/x-vue"),
    ("xhtml", HTML),
    ("xls", XLS),
    ("xlsb", XLSB),
    ("xlsm", XLSM),
    ("xlsx", XLSX),
    ("xltx", XLSX),
    ("xml", XML),
    ("yaml", YAML),
    ("yml", YAML),
    ("zig", "text/x-zig"),
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
