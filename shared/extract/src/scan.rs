//! Pictures of text that a reader met and could not read, and how what was recognized takes their
//! place.

use serde::{Deserialize, Serialize};

use crate::extraction::Extraction;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::parts::{PartKind, PartedText};

/// A picture that may show text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scan {
    /// The part of the text that it belongs to, by its place among the parts. A file that is a picture
    /// has no parts, and this is 0.
    pub(crate) part: usize,
    pub(crate) place: Place,
}

/// Where in a file the picture is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// For a message: which of its attachments, and which of that one's if it is a message too.
    pub(crate) attachments: Vec<usize>,
    /// The page of a PDF, from 0.
    pub(crate) page: usize,
}

/// What was recognized in a scan: the text of each page, blank where nothing is legible.
pub(crate) struct Recognized {
    pub(crate) scan: Scan,
    pub(crate) pages: Vec<String>,
}

impl Recognized {
    fn is_legible(&self) -> bool {
        self.pages
            .iter()
            .any(|page| page.chars().any(char::is_alphanumeric))
    }
}

impl Extraction {
    /// Puts what was recognized into the parts it belongs to: a blank page gets its text, anything
    /// else gets pages that follow it.
    pub(crate) fn with_recognized(
        mut self,
        recognized: Vec<Recognized>,
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let recognized: Vec<Recognized> = recognized
            .into_iter()
            .filter(Recognized::is_legible)
            .collect();
        if recognized.is_empty() {
            return Ok(self);
        }
        let mut parted = PartedText::new(limits);
        for (index, part) in self.parts.iter().enumerate() {
            let mut own = recognized.iter().filter(|one| one.scan.part == index);
            if part.kind == PartKind::Page {
                let text = own.next().map(|one| one.pages.join("\n\n"));
                let text = text.as_deref().unwrap_or_else(|| self.part_text(index));
                parted.push(PartKind::Page, part.label.as_deref(), text)?;
            } else {
                parted.push(part.kind, part.label.as_deref(), self.part_text(index))?;
                push_pages(&mut parted, own)?;
            }
        }
        if self.parts.is_empty() {
            push_pages(&mut parted, recognized.iter())?;
        }
        let is_read = |scan: &Scan| recognized.iter().any(|one| one.scan == *scan);
        self.scans.retain(|scan| !is_read(scan));
        let whole = Self::parted(parted, self.table);
        Ok(Self {
            scans: self.scans,
            ..whole
        })
    }

    fn part_text(&self, index: usize) -> &str {
        let text = self.as_text().unwrap_or_default();
        let start = self.parts[index].starts_at;
        let end = self
            .parts
            .get(index + 1)
            .map_or(text.len(), |next| next.starts_at);
        text.get(start..end).unwrap_or_default()
    }
}

fn push_pages<'a>(
    parted: &mut PartedText,
    recognized: impl Iterator<Item = &'a Recognized>,
) -> Result<(), Failure> {
    for page in recognized.flat_map(|one| &one.pages) {
        parted.push(PartKind::Page, None, page)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::Part;

    fn read(part: usize, pages: &[&str]) -> Recognized {
        Recognized {
            scan: Scan {
                part,
                place: Place {
                    attachments: Vec::new(),
                    page: part,
                },
            },
            pages: pages.iter().map(|&page| page.to_owned()).collect(),
        }
    }

    fn extraction(parts: &[(PartKind, &str)], scans: &[usize]) -> Extraction {
        let mut parted = PartedText::new(&Limits::default());
        for (kind, text) in parts {
            parted.push(*kind, None, text).unwrap();
        }
        let mut extraction = Extraction::parted(parted, None);
        extraction.scans = scans.iter().map(|&part| read(part, &[]).scan).collect();
        extraction
    }

    fn shape(parts: &[Part]) -> Vec<(PartKind, usize)> {
        parts
            .iter()
            .map(|part| (part.kind, part.starts_at))
            .collect()
    }

    #[test]
    fn scanned_page_gets_its_text_and_one_that_is_not_legible_stays_unread() {
        let pages = [
            (PartKind::Page, "one"),
            (PartKind::Page, ""),
            (PartKind::Page, ""),
        ];
        let whole = extraction(&pages, &[1, 2])
            .with_recognized(vec![read(1, &["two"]), read(2, &[" "])], &Limits::default())
            .unwrap();
        assert_eq!(whole.as_text(), Some("one\n\ntwo"));
        assert_eq!(
            shape(&whole.parts),
            [
                (PartKind::Page, 0),
                (PartKind::Page, 5),
                (PartKind::Page, 8)
            ]
        );
        assert_eq!(whole.unread_pictures(), 1);
    }

    #[test]
    fn document_of_scans_only_gets_text() {
        let pages = [(PartKind::Page, ""), (PartKind::Page, "")];
        let whole = extraction(&pages, &[0, 1])
            .with_recognized(vec![read(1, &["two"])], &Limits::default())
            .unwrap();
        assert_eq!(whole.as_text(), Some("two"));
        assert_eq!(
            shape(&whole.parts),
            [(PartKind::Page, 0), (PartKind::Page, 0)]
        );
    }

    #[test]
    fn pages_of_a_picture_become_parts() {
        let mut picture = Extraction::unsupported();
        picture.scans = vec![read(0, &[]).scan];
        let whole = picture
            .with_recognized(vec![read(0, &["a", "b"])], &Limits::default())
            .unwrap();
        assert_eq!(whole.as_text(), Some("a\n\nb"));
        assert_eq!(
            shape(&whole.parts),
            [(PartKind::Page, 0), (PartKind::Page, 3)]
        );
        assert_eq!(whole.unread_pictures(), 0);
    }

    #[test]
    fn text_of_an_attached_picture_follows_its_name() {
        let parts = [
            (PartKind::Message, "Hello"),
            (PartKind::Attachment, "a.png"),
            (PartKind::Attachment, "b.txt"),
        ];
        let whole = extraction(&parts, &[1])
            .with_recognized(vec![read(1, &["seen"])], &Limits::default())
            .unwrap();
        assert_eq!(whole.as_text(), Some("Hello\n\na.png\n\nseen\n\nb.txt"));
        assert_eq!(
            shape(&whole.parts),
            [
                (PartKind::Message, 0),
                (PartKind::Attachment, 7),
                (PartKind::Page, 14),
                (PartKind::Attachment, 20)
            ]
        );
    }
}
