//! Presentations of Office: of each slide its shapes, tables, charts, diagrams and notes.

use quick_xml::events::BytesStart;

use crate::container::Container;
use crate::extraction::Extraction;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::lines::Lines;
use crate::office_text::OfficeText;
use crate::parts::{PartKind, PartedText};
use crate::source::Source;
use crate::xml::{self, attribute, walk};

mod chart;

const WHAT: &str = "PowerPoint presentation";
const PRESENTATION: &str = "ppt/presentation.xml";

/// Reads the slides in the order in which they are shown, hidden ones too.
pub(crate) fn read(source: &Source, limits: &Limits) -> Result<Extraction, Failure> {
    let mut container = Container::open(source, WHAT, limits)?;
    let Some(presentation) = container.read(PRESENTATION)? else {
        return Err(Failure::corrupt(WHAT));
    };
    let mut order = Order::default();
    walk(&presentation, WHAT, limits, &mut order)?;
    let targets = links(&mut container, PRESENTATION, limits)?;
    let mut text = PartedText::new(limits);
    for id in order.slides {
        let slide = targets
            .iter()
            .find(|link| link.id == id)
            .ok_or_else(|| Failure::corrupt(WHAT))?;
        let slide = slide_text(&mut container, &slide.target, limits)?;
        text.push(PartKind::Slide, None, &slide)?;
    }
    Ok(Extraction::parted(text, None))
}

/// The text of a slide: what is on it, what its charts and diagrams show, and its notes.
fn slide_text(container: &mut Container, name: &str, limits: &Limits) -> Result<String, Failure> {
    let Some(slide) = container.read(name)? else {
        return Err(Failure::corrupt(WHAT));
    };
    let mut text = shapes(&slide, false, limits)?;
    let mut notes = String::new();
    for link in links(container, name, limits)? {
        let Some(part) = link.kind.is_read().then_some(&link.target) else {
            continue;
        };
        // A picture of a chart may be all that is left of it.
        let Some(part) = container.read(part)? else {
            continue;
        };
        text.push('\n');
        match link.kind {
            Kind::Chart => text.push_str(&chart::text(&part, limits)?),
            Kind::Diagram => text.push_str(&shapes(&part, false, limits)?),
            Kind::Notes => notes.push_str(&shapes(&part, true, limits)?),
            Kind::Other => {}
        }
    }
    text.push('\n');
    text.push_str(&notes);
    Ok(text)
}

/// The text of the shapes of a slide, of its notes or of a diagram's points, in the order of the file.
fn shapes(part: &[u8], are_notes: bool, limits: &Limits) -> Result<String, Failure> {
    let mut shapes = Shapes {
        are_notes,
        ..Shapes::default()
    };
    walk(part, WHAT, limits, &mut shapes)?;
    Ok(shapes.text.lines.take())
}

/// Where a part of the presentation leads.
struct Link {
    id: String,
    kind: Kind,
    target: String,
}

/// What a link leads to. Source of the types: ECMA-376, part 1, chapters 13 and 14.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Chart,
    Diagram,
    Notes,
    Other,
}

impl Kind {
    /// The type is an address, of which the last part tells.
    fn of(address: &str) -> Self {
        match address.rsplit('/').next() {
            Some("chart") => Self::Chart,
            Some("diagramData") => Self::Diagram,
            Some("notesSlide") => Self::Notes,
            _ => Self::Other,
        }
    }

    fn is_read(self) -> bool {
        self != Self::Other
    }
}

/// The links of a part, from the file beside it, in the order of the file.
fn links(container: &mut Container, part: &str, limits: &Limits) -> Result<Vec<Link>, Failure> {
    let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
    let Some(content) = container.read(&format!("{folder}/_rels/{name}.rels"))? else {
        return Ok(Vec::new());
    };
    let mut found = Links::default();
    walk(&content, WHAT, limits, &mut found)?;
    let resolved = found.links.into_iter().map(|link| Link {
        target: resolve(folder, &link.target),
        ..link
    });
    Ok(resolved.collect())
}

/// The name of the member that a relative target leads to.
fn resolve(folder: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut path: Vec<&str> = folder.split('/').collect();
    for step in target.split('/') {
        match step {
            ".." => drop(path.pop()),
            "." => {}
            _ => path.push(step),
        }
    }
    path.join("/")
}

/// The ids of the slides' links.
#[derive(Default)]
struct Order {
    lines: Lines,
    slides: Vec<String>,
}

impl xml::Walk for Order {
    fn open(&mut self, name: &str, tag: &BytesStart<'_>) {
        if name == "sldId" {
            // `id` is the slide's number and `r:id` its link.
            let mut attributes = tag.attributes().flatten();
            let link = attributes.find(|attribute| {
                attribute.key.local_name().as_ref() == "id" && attribute.key.prefix().is_some()
            });
            self.slides.extend(link.map(|link| link.value.into_owned()));
        }
    }

    fn close(&mut self, _: &str) {}

    fn text(&mut self, _: &str) {}

    fn lines(&self) -> &Lines {
        &self.lines
    }
}

#[derive(Default)]
struct Links {
    lines: Lines,
    links: Vec<Link>,
}

impl xml::Walk for Links {
    fn open(&mut self, name: &str, tag: &BytesStart<'_>) {
        let is_outside = attribute(tag, "TargetMode").is_some_and(|mode| mode == "External");
        if name == "Relationship" && !is_outside {
            self.links.push(Link {
                id: attribute(tag, "Id").unwrap_or_default(),
                kind: Kind::of(&attribute(tag, "Type").unwrap_or_default()),
                target: attribute(tag, "Target").unwrap_or_default(),
            });
        }
    }

    fn close(&mut self, _: &str) {}

    fn text(&mut self, _: &str) {}

    fn lines(&self) -> &Lines {
        &self.lines
    }
}

/// Where the walk over shapes is.
#[derive(Default)]
struct Shapes {
    text: OfficeText,
    are_notes: bool,
    /// In the shape of a page of notes that only repeats the slide's number, header, footer or date.
    in_furniture: bool,
}

impl xml::Walk for Shapes {
    fn open(&mut self, name: &str, tag: &BytesStart<'_>) {
        if self.text.open(name) && name == "ph" {
            self.in_furniture = self.are_notes && is_furniture(tag);
        }
    }

    fn close(&mut self, name: &str) {
        self.text.close(name);
        if name == "sp" {
            self.in_furniture = false;
        }
    }

    fn text(&mut self, text: &str) {
        if self.text.is_shown() && !self.in_furniture {
            self.text.lines.push(&text.replace('\u{b}', "\n"));
        }
    }

    fn lines(&self) -> &Lines {
        &self.text.lines
    }
}

fn is_furniture(placeholder: &BytesStart<'_>) -> bool {
    attribute(placeholder, "type")
        .is_some_and(|kind| ["sldNum", "hdr", "ftr", "dt"].contains(&kind.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::tests::archive;

    const NAMES: &str = "xmlns:p='p' xmlns:a='a' xmlns:r='r'";

    fn slide(body: &str) -> String {
        format!("<p:sld {NAMES}><p:cSld><p:spTree>{body}</p:spTree></p:cSld></p:sld>")
    }

    fn shape(text: &str) -> String {
        format!("<p:sp><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>")
    }

    fn relationships(links: &[(&str, &str, &str)]) -> String {
        let links = links.iter().map(|(id, kind, target)| {
            format!("<Relationship Id='{id}' Type='http://x/{kind}' Target='{target}'/>")
        });
        format!(
            "<Relationships>{}</Relationships>",
            links.collect::<String>()
        )
    }

    fn presentation() -> Vec<(&'static str, String)> {
        let order = format!(
            "<p:presentation {NAMES}><p:sldIdLst><p:sldId id='256' r:id='rId9'/><p:sldId id='257' r:id='rId2'/>\
             </p:sldIdLst></p:presentation>"
        );
        let table = "<p:graphicFrame><a:tbl><a:tr><a:tc><a:txBody><a:p><a:r><a:t>Oil</a:t></a:r></a:p><a:p><a:r>\
            <a:t>filter</a:t></a:r></a:p></a:txBody></a:tc><a:tc><a:p><a:r><a:t>5.00</a:t></a:r></a:p></a:tc></a:tr></a:tbl></p:graphicFrame>";
        let notes = "<p:notes><p:sp><p:nvPr><p:ph type='sldNum'/></p:nvPr><a:p><a:fld><a:t>1</a:t></a:fld></a:p></p:sp>\
            <p:sp><p:nvPr><p:ph type='body'/></p:nvPr><a:p><a:r><a:t>Say hello</a:t></a:r></a:p></p:sp></p:notes>";
        vec![
            (PRESENTATION, order),
            (
                "ppt/_rels/presentation.xml.rels",
                relationships(&[
                    ("rId2", "slide", "slides/slide1.xml"),
                    ("rId9", "slide", "/ppt/slides/slide2.xml"),
                ]),
            ),
            ("ppt/slides/slide1.xml", slide(&shape("Second"))),
            (
                "ppt/slides/slide2.xml",
                slide(&format!("{}{table}", shape("First &amp; best"))),
            ),
            (
                "ppt/slides/_rels/slide2.xml.rels",
                relationships(&[("rId1", "notesSlide", "../notesSlides/notesSlide1.xml")]),
            ),
            ("ppt/notesSlides/notesSlide1.xml", notes.to_owned()),
        ]
    }

    fn read_members(members: &[(&str, String)]) -> Result<Extraction, Failure> {
        let members: Vec<(&str, &[u8])> = members
            .iter()
            .map(|(name, content)| (*name, content.as_bytes()))
            .collect();
        read(&Source::Bytes(archive(&members).into()), &Limits::default())
    }

    #[test]
    fn slides_come_in_the_order_of_the_presentation_with_tables_and_notes() {
        let extraction = read_members(&presentation()).unwrap();
        assert_eq!(
            extraction.as_text(),
            Some("First & best\nOil filter\t5.00\n\nSay hello\n\nSecond")
        );
        let starts: Vec<(PartKind, usize)> = extraction
            .parts
            .iter()
            .map(|part| (part.kind, part.starts_at))
            .collect();
        assert_eq!(starts, [(PartKind::Slide, 0), (PartKind::Slide, 41)]);
    }

    #[test]
    fn presentation_without_a_slide_it_names_is_corrupt() {
        let mut members = presentation();
        members.remove(2);
        assert_eq!(read_members(&members), Err(Failure::corrupt(WHAT)));
        assert_eq!(
            read_members(&[("ppt/slides/slide1.xml", slide(""))]),
            Err(Failure::corrupt(WHAT))
        );
    }

    #[test]
    fn targets_are_resolved_from_their_folder() {
        assert_eq!(
            resolve("ppt/slides", "../charts/chart1.xml"),
            "ppt/charts/chart1.xml"
        );
        assert_eq!(resolve("ppt/slides", "/ppt/x.xml"), "ppt/x.xml");
        assert_eq!(resolve("ppt", "../../../x.xml"), "x.xml");
    }
}
