//! `OpenDocument` texts and presentations.

use quick_xml::events::BytesStart;

use crate::container::Container;
use crate::extraction::Extraction;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::lines::Lines;
use crate::parts::{PartKind, PartedText};
use crate::source::Source;
use crate::tidy::tidy;
use crate::xml::{self, attribute, walk};

const WHAT: &str = "OpenDocument file";
const CONTENT: &str = "content.xml";
const STYLES: &str = "styles.xml";
const MANIFEST: &str = "META-INF/manifest.xml";

/// What the manifest has for a member that needs a password. Source: `OpenDocument` 1.3, part 2, 4.8.
const ENCRYPTION: &[u8] = b"encryption-data";

/// Most spaces that one element stands for.
const MOST_SPACES: usize = 64;

/// Reads a text: page headers, then the body with its notes, and page footers.
pub(crate) fn read_text(source: &Source, limits: &Limits) -> Result<Extraction, Failure> {
    let mut container = open(source, limits)?;
    let body = content(&mut container, limits)?.lines.take();
    let margins = match container.read(STYLES)? {
        Some(styles) => margins(&styles, limits)?,
        None => Margins::default(),
    };
    let text = format!("{}\n{body}\n{}", margins.headers, margins.footers);
    if text.len() as u64 > limits.text_bytes {
        return Err(Failure::too_much_text(limits.text_bytes));
    }
    Ok(Extraction::text(tidy(&text), None))
}

/// Reads a presentation: each page with its notes.
pub(crate) fn read_presentation(source: &Source, limits: &Limits) -> Result<Extraction, Failure> {
    let mut container = open(source, limits)?;
    let mut text = PartedText::new(limits);
    for slide in content(&mut container, limits)?.slides {
        text.push(PartKind::Slide, None, &slide)?;
    }
    Ok(Extraction::parted(text, None))
}

/// The content of any `OpenDocument` file that needs no password.
pub(crate) fn content_of(source: &Source, limits: &Limits) -> Result<Vec<u8>, Failure> {
    let content = open(source, limits)?.read(CONTENT)?;
    content.ok_or_else(|| Failure::corrupt(WHAT))
}

fn open(source: &Source, limits: &Limits) -> Result<Container, Failure> {
    let mut container = Container::open(source, WHAT, limits)?;
    let manifest = container.read(MANIFEST)?.unwrap_or_default();
    let is_encrypted = manifest
        .windows(ENCRYPTION.len())
        .any(|window| window == ENCRYPTION);
    if is_encrypted {
        return Err(Failure::encrypted());
    }
    Ok(container)
}

fn content(container: &mut Container, limits: &Limits) -> Result<Body, Failure> {
    let Some(content) = container.read(CONTENT)? else {
        return Err(Failure::corrupt(WHAT));
    };
    let mut body = Body::default();
    walk(&content, WHAT, limits, &mut body)?;
    Ok(body)
}

/// What stands at the top and the bottom of pages.
#[derive(Default)]
struct Margins {
    headers: String,
    footers: String,
}

/// Reads the margins of every page style once.
fn margins(styles: &[u8], limits: &Limits) -> Result<Margins, Failure> {
    let mut body = Body {
        is_outside: true,
        ..Body::default()
    };
    walk(styles, WHAT, limits, &mut body)?;
    let mut margins = Margins::default();
    let mut seen: Vec<&String> = Vec::new();
    for (is_header, text) in &body.margins {
        // A document repeats one header for first, left and right pages.
        if seen.contains(&text) {
            continue;
        }
        seen.push(text);
        let to = if *is_header {
            &mut margins.headers
        } else {
            &mut margins.footers
        };
        to.push_str(text);
        to.push('\n');
    }
    Ok(margins)
}

/// Where the walk is. Source of the element names: `OpenDocument` 1.3, part 3.
#[derive(Default)]
struct Body {
    lines: Lines,
    slides: Vec<String>,
    margins: Vec<(bool, String)>,
    /// Outside of what is read: in the styles of a document, until a margin begins.
    is_outside: bool,
    in_paragraph: u64,
    in_hidden: u64,
    /// The line that a note interrupts, and how many lines of notes wait for its end.
    in_note: u64,
    note: Lines,
    notes: String,
}

impl xml::Walk for Body {
    fn open(&mut self, name: &str, tag: &BytesStart<'_>) {
        if self.in_hidden > 0 || is_hidden(tag) {
            self.in_hidden += u64::from(is_hidden(tag));
            return;
        }
        match name {
            "p" | "h" => self.in_paragraph += 1,
            "s" => {
                let count = attribute(tag, "c").and_then(|count| count.parse().ok());
                let count: usize = count.unwrap_or(1);
                self.writing().push(&" ".repeat(count.min(MOST_SPACES)));
            }
            "tab" => self.writing().tab(),
            "line-break" => self.writing().end_line(),
            "table-cell" | "covered-table-cell" => self.writing().open_cell(),
            "note-body" => {
                self.in_note += 1;
                self.note.push(" ");
            }
            "header" | "header-left" | "header-first" | "footer" | "footer-left"
            | "footer-first"
                if self.is_outside =>
            {
                self.is_outside = false;
                self.lines.take();
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        if self.in_hidden > 0 {
            self.in_hidden -= u64::from(HIDDEN.contains(&name));
            return;
        }
        match name {
            "p" | "h" => {
                self.in_paragraph = self.in_paragraph.saturating_sub(1);
                self.writing().end_line();
                if self.in_paragraph == 0 {
                    let notes = std::mem::take(&mut self.notes);
                    self.lines.push(&notes);
                }
            }
            "table-cell" | "covered-table-cell" => self.writing().close_cell(),
            "table-row" => self.writing().end_row(),
            "note-body" => {
                self.in_note = self.in_note.saturating_sub(1);
                if self.in_note == 0 {
                    self.notes.push_str(&self.note.take());
                }
            }
            "page" => {
                let slide = self.lines.take();
                self.slides.push(slide);
            }
            "header" | "header-left" | "header-first" => self.end_margin(true),
            "footer" | "footer-left" | "footer-first" => self.end_margin(false),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_paragraph > 0 && self.in_hidden == 0 && !self.is_outside {
            self.writing().push_folded(text);
        }
    }

    fn lines(&self) -> &Lines {
        &self.lines
    }
}

/// Elements that nobody sees, or that are no text of the document: what was deleted, comments, what a
/// picture shows for those who cannot see it, the number of a page.
const HIDDEN: &[&str] = &[
    "tracked-changes",
    "annotation",
    "desc",
    "page-number",
    "page-count",
    "page-thumbnail",
    "table-of-content-source",
    "alphabetical-index-source",
    "bibliography-source",
    "illustration-index-source",
    "object-index-source",
    "table-index-source",
    "user-index-source",
    "ruby-text",
    "forms",
];

fn is_hidden(tag: &BytesStart<'_>) -> bool {
    HIDDEN.contains(&tag.local_name().as_ref())
}

impl Body {
    fn writing(&mut self) -> &mut Lines {
        if self.in_note > 0 {
            &mut self.note
        } else {
            &mut self.lines
        }
    }

    fn end_margin(&mut self, is_header: bool) {
        if !self.is_outside {
            let text = self.lines.take();
            self.margins.push((is_header, text));
            self.is_outside = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::tests::archive;

    fn source(members: &[(&str, &str)]) -> Source {
        let members: Vec<(&str, &[u8])> = members
            .iter()
            .map(|(name, content)| (*name, content.as_bytes()))
            .collect();
        Source::Bytes(archive(&members).into())
    }

    fn text(body: &str) -> String {
        let content = format!("<office:document-content>{body}</office:document-content>");
        let source = source(&[(CONTENT, &content)]);
        let extraction = read_text(&source, &Limits::default()).unwrap();
        extraction.as_text().unwrap_or_default().to_owned()
    }

    #[test]
    fn paragraphs_spaces_tabs_and_lists_become_lines() {
        let body = "<text:h>Title</text:h>\n <text:p>  a\n b<text:s text:c='2'/>c<text:tab/>d<text:line-break/>e &amp;\
            <text:span>f</text:span></text:p><text:list><text:list-item><text:p>one</text:p></text:list-item>\
            <text:list-item><text:p>two</text:p></text:list-item></text:list>outside";
        assert_eq!(text(body), "Title\na b  c\td\ne &f\none\ntwo");
    }

    #[test]
    fn tables_become_rows_of_cells() {
        let body = "<table:table><table:table-row><table:table-cell><text:p>Oil</text:p><text:p>filter</text:p>\
            </table:table-cell><table:table-cell><text:p>5</text:p></table:table-cell></table:table-row>\
            <table:table-row><table:table-cell/><table:table-cell><text:p>6</text:p></table:table-cell>\
            <table:covered-table-cell/></table:table-row></table:table>";
        assert_eq!(text(body), "Oil filter\t5\n\t6");
    }

    #[test]
    fn notes_follow_their_paragraph_and_what_is_hidden_is_left_out() {
        let body = "<text:tracked-changes><text:deletion><text:p>old</text:p></text:deletion></text:tracked-changes>\
            <text:p>Due<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Net.</text:p>\
            </text:note-body></text:note> now<office:annotation><text:p>comment</text:p></office:annotation></text:p>\
            <text:p>Next<draw:frame><svg:desc>a logo</svg:desc></draw:frame></text:p>";
        assert_eq!(text(body), "Due1 now\n Net.\nNext");
    }

    #[test]
    fn margins_are_read_once() {
        let styles = "<s><style:style><text:p>no</text:p></style:style><style:master-page><style:header><text:p>Head</text:p>\
            </style:header><style:header-left><text:p>Head</text:p></style:header-left><style:footer>\
            <text:p>Page <text:page-number>1</text:page-number></text:p></style:footer></style:master-page></s>";
        let source = source(&[(CONTENT, "<c><text:p>Body</text:p></c>"), (STYLES, styles)]);
        let extraction = read_text(&source, &Limits::default()).unwrap();
        assert_eq!(extraction.as_text(), Some("Head\n\nBody\n\nPage"));
    }

    #[test]
    fn pages_of_a_presentation_become_slides() {
        let content = "<c><draw:page><draw:frame><text:p>One</text:p></draw:frame><presentation:notes>\
            <draw:page-thumbnail/><text:p>Say</text:p></presentation:notes></draw:page><draw:page/>\
            <draw:page><text:p>Three</text:p></draw:page></c>";
        let source = source(&[(CONTENT, content)]);
        let extraction = read_presentation(&source, &Limits::default()).unwrap();
        assert_eq!(extraction.as_text(), Some("One\nSay\n\nThree"));
        let starts: Vec<usize> = extraction.parts.iter().map(|part| part.starts_at).collect();
        assert_eq!(starts, [0, 9, 9]);
    }

    #[test]
    fn file_that_needs_a_password_or_has_no_content_says_so() {
        let manifest =
            "<m><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></m>";
        let locked = source(&[(CONTENT, "\u{1}"), (MANIFEST, manifest)]);
        let limits = Limits::default();
        assert_eq!(read_text(&locked, &limits), Err(Failure::encrypted()));
        let empty = source(&[("mimetype", "x")]);
        assert_eq!(read_text(&empty, &limits), Err(Failure::corrupt(WHAT)));
    }
}
