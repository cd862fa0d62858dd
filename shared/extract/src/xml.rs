//! Walks the XML of office documents without a stack, so that nesting costs nothing.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

use crate::failure::Failure;
use crate::limits::Limits;
use crate::lines::Lines;

/// Takes in the elements and the text of one XML document. An element without content is opened and
/// closed.
pub(crate) trait Walk {
    fn open(&mut self, name: &str, tag: &BytesStart<'_>);
    fn close(&mut self, name: &str);
    fn text(&mut self, text: &str);
    /// What has been written, which the limit of text is for.
    fn lines(&self) -> &Lines;
}

/// Walks a document; `what` names its format for failures. Names come without their prefix. Entities
/// other than XML's own stand for nothing.
pub(crate) fn walk(
    document: &[u8],
    what: &str,
    limits: &Limits,
    walk: &mut impl Walk,
) -> Result<(), Failure> {
    let mut reader = Reader::from_reader(document);
    reader.config_mut().check_end_names = false;
    let mut buffer = Vec::new();
    let mut depth = 0_u64;
    loop {
        buffer.clear();
        let event = reader
            .read_event_into(&mut buffer)
            .map_err(|_| Failure::corrupt(what))?;
        match event {
            Event::Start(tag) => {
                depth += 1;
                walk.open(tag.local_name().as_ref(), &tag);
            }
            Event::Empty(tag) => {
                walk.open(tag.local_name().as_ref(), &tag);
                walk.close(tag.local_name().as_ref());
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                walk.close(tag.local_name().as_ref());
            }
            Event::Text(text) => walk.text(&text.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(text) => walk.text(&text.xml_content(XmlVersion::Implicit1_0)),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) => walk.text(character.encode_utf8(&mut [0; 4])),
                _ => walk.text(resolve_xml_entity(&reference).unwrap_or_default()),
            },
            Event::Eof if depth == 0 => return Ok(()),
            Event::Eof => return Err(Failure::corrupt(what)),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
        if walk.lines().bytes() as u64 > limits.text_bytes {
            return Err(Failure::too_much_text(limits.text_bytes));
        }
    }
}

/// The value of an attribute by its name without prefix.
pub(crate) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes().flatten();
    let found = attributes.find(|attribute| attribute.key.local_name().as_ref() == name)?;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.into_owned())
}
