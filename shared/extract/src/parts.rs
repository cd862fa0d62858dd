//! Where the pages, slides, sheets and attachments of a text begin.

use serde::{Deserialize, Serialize};

use crate::extraction::Extraction;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::tidy::tidy;

/// What stands between two parts: a blank line.
const BREAK: &str = "\n\n";

/// Most characters of a label. Excel allows 31 for a sheet, file systems 255 for a file.
const LABEL_CHARACTERS: usize = 255;

/// A stretch of a text: from where it begins to where the next part does, or to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The byte of the text at which it begins. A part without text begins where the next one does.
    pub starts_at: usize,
    /// What it is.
    pub kind: PartKind,
    /// The name of the sheet or the attachment.
    pub label: Option<String>,
}

/// What a part of a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// A page of a PDF or of a scan.
    Page,
    /// A slide of a presentation, with its notes.
    Slide,
    /// A sheet of a spreadsheet.
    Sheet,
    /// A file attached to a message. The parts of the file itself follow.
    Attachment,
    /// The headers and the body of a message.
    Message,
}

/// A text that is put together part by part.
pub(crate) struct PartedText {
    text: String,
    parts: Vec<Part>,
    limits: Limits,
}

impl PartedText {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            text: String::new(),
            parts: Vec::new(),
            limits: *limits,
        }
    }

    /// Adds a part with its text, which is made tidy.
    pub(crate) fn push(
        &mut self,
        kind: PartKind,
        label: Option<&str>,
        text: &str,
    ) -> Result<(), Failure> {
        self.push_tidy(kind, label, &tidy(text))
    }

    /// Adds a part whose text has parts of its own: those follow it.
    pub(crate) fn push_parted(
        &mut self,
        kind: PartKind,
        label: Option<&str>,
        heading: &str,
        inner: &Self,
    ) -> Result<(), Failure> {
        self.push(kind, label, heading)?;
        let offset = self.text.len();
        let moved = inner.parts.iter().map(|part| Part {
            starts_at: part.starts_at + offset,
            ..part.clone()
        });
        self.parts.extend(moved);
        self.append(&inner.text)
    }

    /// The same for a text that is finished.
    pub(crate) fn of(text: &str, parts: &[Part], limits: &Limits) -> Self {
        Self {
            text: text.to_owned(),
            parts: parts.to_vec(),
            limits: *limits,
        }
    }

    pub(crate) fn part_count(&self) -> usize {
        self.parts.len()
    }

    fn push_tidy(
        &mut self,
        kind: PartKind,
        label: Option<&str>,
        text: &str,
    ) -> Result<(), Failure> {
        self.parts.push(Part {
            starts_at: self.text.len(),
            kind,
            label: label.map(|label| label.chars().take(LABEL_CHARACTERS).collect()),
        });
        self.append(text)
    }

    fn append(&mut self, text: &str) -> Result<(), Failure> {
        let text = text.trim_end();
        if !text.is_empty() {
            self.text.push_str(text);
            self.text.push_str(BREAK);
        }
        if self.text.len() as u64 > self.limits.text_bytes {
            return Err(Failure::too_much_text(self.limits.text_bytes));
        }
        Ok(())
    }

    /// The text without the break at its end, and its parts.
    pub(crate) fn finish(mut self) -> (String, Vec<Part>) {
        let end = self.text.trim_end().len();
        self.text.truncate(end);
        for part in &mut self.parts {
            part.starts_at = part.starts_at.min(end);
        }
        (self.text, self.parts)
    }
}

impl Extraction {
    /// Returns the part that a byte of the text is in, with its place among the parts. None when the
    /// text has no parts or ends before.
    pub fn part_at(&self, byte: usize) -> Option<(usize, &Part)> {
        let end = self.as_text()?.len();
        let after = self.parts.partition_point(|part| part.starts_at <= byte);
        let index = after.checked_sub(1).filter(|_| byte < end)?;
        Some((index, &self.parts[index]))
    }

    /// Returns the name of the part that a byte of the text is in, as people say it: `page 3`, `sheet Costs`, `page 2 of
    /// bill.pdf`. None where there is nothing to tell: the text has no parts, or it is in the message itself.
    pub fn part_name(&self, byte: usize) -> Option<String> {
        let (index, part) = self.part_at(byte)?;
        let before = &self.parts[..index];
        let file = before
            .iter()
            .rposition(|part| matches!(part.kind, PartKind::Attachment | PartKind::Message));
        let within = &before[file.map_or(0, |file| file + 1)..];
        let number = 1 + within
            .iter()
            .filter(|earlier| earlier.kind == part.kind)
            .count();
        let name = match (part.kind, &part.label) {
            (PartKind::Message, _) => return None,
            (PartKind::Attachment, label) => {
                return Some(format!(
                    "attachment {}",
                    label.as_deref().unwrap_or_default()
                ));
            }
            (PartKind::Page, _) => format!("page {number}"),
            (PartKind::Slide, _) => format!("slide {number}"),
            (PartKind::Sheet, Some(label)) => format!("sheet {label}"),
            (PartKind::Sheet, None) => format!("sheet {number}"),
        };
        let attached = file.and_then(|file| before[file].label.as_ref());
        Some(attached.map_or_else(|| name.clone(), |file| format!("{name} of {file}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn extraction(pages: &[&str]) -> Extraction {
        let mut parted = PartedText::new(&Limits::default());
        for page in pages {
            parted.push(PartKind::Page, None, page).unwrap();
        }
        Extraction::parted(parted, None)
    }

    #[test]
    fn byte_is_in_the_page_that_shows_it() {
        let whole = extraction(&["one", "", " two\r\n", ""]);
        assert_eq!(whole.as_text(), Some("one\n\n two"));
        let starts: Vec<usize> = whole.parts.iter().map(|part| part.starts_at).collect();
        assert_eq!(starts, [0, 5, 5, 9]);
        let page = |byte| whole.part_at(byte).map(|(index, _)| index);
        assert_eq!(
            [page(0), page(4), page(5), page(8), page(9)],
            [Some(0), Some(0), Some(2), Some(2), None]
        );
    }

    #[test]
    fn parts_are_named_as_people_say_it() {
        let pages = extraction(&["one", "two"]);
        assert_eq!(pages.part_name(5).as_deref(), Some("page 2"));
        let limits = Limits::default();
        let mut message = PartedText::new(&limits);
        message.push(PartKind::Message, None, "Hello").unwrap();
        let inner = PartedText::of("one\n\ntwo", &pages.parts, &limits);
        message
            .push_parted(PartKind::Attachment, Some("x.pdf"), "x.pdf", &inner)
            .unwrap();
        let message = Extraction::parted(message, None);
        let text = message.as_text().unwrap();
        let name = |word| message.part_name(text.find(word).unwrap());
        assert_eq!(name("Hello"), None);
        assert_eq!(name("x.pdf").as_deref(), Some("attachment x.pdf"));
        assert_eq!(name("two").as_deref(), Some("page 2 of x.pdf"));
    }

    #[test]
    fn parts_of_an_attachment_follow_it() {
        let inner = extraction(&["a", "b"]);
        let text = inner.as_text().unwrap();
        let limits = Limits::default();
        let mut message = PartedText::new(&limits);
        message.push(PartKind::Message, None, "Hello").unwrap();
        message
            .push_parted(
                PartKind::Attachment,
                Some("x.pdf"),
                "x.pdf",
                &PartedText::of(text, &inner.parts, &limits),
            )
            .unwrap();
        let (text, parts) = message.finish();
        assert_eq!(text, "Hello\n\nx.pdf\n\na\n\nb");
        let starts: Vec<(PartKind, usize)> = parts
            .iter()
            .map(|part| (part.kind, part.starts_at))
            .collect();
        assert_eq!(
            starts,
            [
                (PartKind::Message, 0),
                (PartKind::Attachment, 7),
                (PartKind::Page, 14),
                (PartKind::Page, 17)
            ]
        );
    }

    #[test]
    fn more_text_than_allowed_is_refused() {
        let limits = Limits {
            text_bytes: 8,
            ..Limits::default()
        };
        let mut parted = PartedText::new(&limits);
        assert!(parted.push(PartKind::Page, None, "four").is_ok());
        assert!(parted.push(PartKind::Page, None, "four").is_err());
    }

    proptest! {
        #[test]
        fn parts_ascend_on_characters_and_cover_the_text(
            pages in proptest::collection::vec("[a\u{0}\u{301}ł \n\r\u{c}\t漢-]{0,30}", 0..8),
        ) {
            let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
            let whole = extraction(&pages);
            let Some(text) = whole.as_text() else {
                prop_assert!(whole.settled().parts.is_empty());
                return Ok(());
            };
            prop_assert_eq!(whole.parts.len(), pages.len());
            prop_assert_eq!(whole.parts[0].starts_at, 0);
            let ends = whole.parts[1..].iter().map(|part| part.starts_at).chain([text.len()]);
            for ((part, end), page) in whole.parts.iter().zip(ends).zip(pages) {
                prop_assert!(part.starts_at <= end && text.is_char_boundary(part.starts_at));
                let alone = tidy(page);
                prop_assert_eq!(text[part.starts_at..end].trim_end(), alone.trim_end());
                for (byte, _) in text[part.starts_at..end].char_indices() {
                    let (_, found) = whole.part_at(part.starts_at + byte).unwrap();
                    prop_assert_eq!(found, part);
                }
            }
        }
    }
}
