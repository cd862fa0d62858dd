//! E-mail messages: the headers that people see, the body, and what is attached, each read by the
//! reader of its kind.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use mail_parser::{Address, DateTime, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use crate::extraction::{Extraction, Outcome};
use crate::failure::{Code, Failure};
use crate::limits::Limits;
use crate::parts::{PartKind, PartedText};
use crate::scan::{Place, Scan};
use crate::source::Source;
use crate::{html, plain, reader};

/// The name of an attachment that has none.
const NAMELESS: &str = "attachment";

/// Reads a message with its attachments.
pub(crate) fn read(source: &Source, limits: &Limits) -> Result<Extraction, Failure> {
    let bytes = source.bytes(limits)?;
    let Some(message) = MessageParser::default().parse(&bytes) else {
        // Without one header it is a text that someone gave the name of a message.
        return plain::read(&bytes, limits);
    };
    let mut reading = Reading {
        text: PartedText::new(limits),
        scans: Vec::new(),
        attachments_left: limits.attachments,
        limits: *limits,
    };
    reading.message(&message, &mut Vec::new())?;
    let mut extraction = Extraction::parted(reading.text, None);
    extraction.scans = reading.scans;
    Ok(extraction)
}

/// Returns the attachment that the path leads to, with its media type: the first number is the place
/// among the attachments of the message, the next that among those of the message attached there. An
/// empty path leads to the file itself, which need not be a message.
pub(crate) fn attachment(
    source: &Source,
    media_type: &str,
    path: &[usize],
    limits: &Limits,
) -> Result<(Source, String), Failure> {
    if path.is_empty() {
        return Ok((source.again()?, media_type.to_owned()));
    }
    let bytes = source.bytes(limits)?;
    let message = MessageParser::default().parse(&bytes);
    let leaf = message.and_then(|message| leaf(&message, path));
    leaf.ok_or_else(|| Failure::corrupt("message"))
}

fn leaf(message: &Message<'_>, path: &[usize]) -> Option<(Source, String)> {
    let (first, rest) = path.split_first()?;
    let part = message.attachments().nth(*first)?;
    if rest.is_empty() {
        let attached = Attached::new(part);
        return Some((attached.source(), attached.media_type));
    }
    leaf(Attached::new(part).message()?.as_ref(), rest)
}

/// A message being read.
struct Reading {
    text: PartedText,
    scans: Vec<Scan>,
    attachments_left: usize,
    limits: Limits,
}

impl Reading {
    /// Adds a message as a part of its own, then its attachments. `path` leads to it.
    fn message(&mut self, message: &Message<'_>, path: &mut Vec<usize>) -> Result<(), Failure> {
        let text = format!("{}\n{}", headers(message), body(message));
        self.text.push(PartKind::Message, None, &text)?;
        for (index, part) in message.attachments().enumerate() {
            path.push(index);
            self.attachment(&Attached::new(part), path)?;
            path.pop();
        }
        Ok(())
    }

    fn attachment(
        &mut self,
        attached: &Attached<'_>,
        path: &mut Vec<usize>,
    ) -> Result<(), Failure> {
        let Some(left) = self.attachments_left.checked_sub(1) else {
            return self.unread(attached, "the message has more attachments than are read");
        };
        self.attachments_left = left;
        if let Some(message) = attached.message() {
            if path.len() > self.limits.message_depth {
                return self.unread(attached, "messages are nested too deep");
            }
            let heading = attached.heading();
            self.text
                .push(PartKind::Attachment, Some(&attached.name), &heading)?;
            return self.message(&message, path);
        }
        match reader::read(&attached.source(), &attached.media_type, &self.limits) {
            Ok(inner) => self.document(attached, &inner, path),
            // The limit of text holds for the whole message.
            Err(failure) if failure.code == Code::LimitOutput => Err(failure),
            Err(failure) => self.unread(attached, &failure.detail),
        }
    }

    /// Adds what a reader gave for an attachment.
    fn document(
        &mut self,
        attached: &Attached<'_>,
        inner: &Extraction,
        path: &[usize],
    ) -> Result<(), Failure> {
        let is_read = inner.outcome != Outcome::Unsupported || !inner.scans.is_empty();
        if !is_read {
            return self.unread(attached, "it is not a document");
        }
        let own = self.text.part_count();
        let first = if inner.parts.is_empty() { own } else { own + 1 };
        self.scans.extend(inner.scans.iter().map(|scan| Scan {
            part: first + scan.part,
            place: Place {
                attachments: path.to_owned(),
                page: scan.place.page,
            },
        }));
        let text = inner.as_text().unwrap_or_default();
        self.text.push_parted(
            PartKind::Attachment,
            Some(&attached.name),
            &attached.heading(),
            &PartedText::of(text, &inner.parts, &self.limits),
        )
    }

    /// Names an attachment that is not read, with the reason.
    fn unread(&mut self, attached: &Attached<'_>, reason: &str) -> Result<(), Failure> {
        let heading = attached.heading();
        let reason = reason.trim_end_matches('.');
        let text = format!("{heading} (not read: {reason})");
        self.text
            .push(PartKind::Attachment, Some(&attached.name), &text)
    }
}

/// A part of a message that is a file.
struct Attached<'a> {
    part: &'a MessagePart<'a>,
    name: String,
    media_type: String,
}

impl<'a> Attached<'a> {
    fn new(part: &'a MessagePart<'a>) -> Self {
        let name = part.attachment_name().unwrap_or(NAMELESS);
        let declared = part.content_type().map(|declared| {
            let subtype = declared.subtype().unwrap_or_default();
            format!("{}/{subtype}", declared.ctype())
        });
        let media_type = match part.body {
            PartType::Message(_) => media::EMAIL.to_owned(),
            _ => media::sniff(part.contents(), name, declared.as_deref()),
        };
        Self {
            part,
            // One line, whatever an encoded word put into it.
            name: name.split_whitespace().collect::<Vec<_>>().join(" "),
            media_type,
        }
    }

    fn heading(&self) -> String {
        format!("Attachment: {}", self.name)
    }

    fn source(&self) -> Source {
        Source::Bytes(Arc::from(self.part.contents()))
    }

    /// The attachment as a message, when it is one.
    fn message(&self) -> Option<Cow<'_, Message<'a>>> {
        match &self.part.body {
            PartType::Message(message) => Some(Cow::Borrowed(message)),
            PartType::Text(_)
            | PartType::Html(_)
            | PartType::Binary(_)
            | PartType::InlineBinary(_)
            | PartType::Multipart(_) => (self.media_type == media::EMAIL)
                .then(|| MessageParser::default().parse(self.part.contents()))
                .flatten()
                .map(Cow::Owned),
        }
    }
}

/// The headers that mail programs show, a line each.
fn headers(message: &Message<'_>) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{name}: {value}");
        }
    };
    for (name, address) in [
        ("From", message.from()),
        ("To", message.to()),
        ("Cc", message.cc()),
    ] {
        line(name, &address.map(addresses).unwrap_or_default());
    }
    line("Subject", message.subject().unwrap_or_default());
    line("Date", &message.date().map(time).unwrap_or_default());
    out
}

fn addresses(address: &Address<'_>) -> String {
    let one = |address: &mail_parser::Addr<'_>| match (&address.name, &address.address) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (Some(one), None) | (None, Some(one)) => one.to_string(),
        (None, None) => String::new(),
    };
    let all: Vec<String> = address.iter().map(one).collect();
    all.join(", ")
}

fn time(time: &DateTime) -> String {
    let sign = if time.tz_before_gmt { '-' } else { '+' };
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02} {sign}{:02}:{:02}",
        time.year, time.month, time.day, time.hour, time.minute, time.tz_hour, time.tz_minute
    )
}

/// The text of the body: of alternatives the plain one, of HTML what is visible.
fn body(message: &Message<'_>) -> String {
    let mut out = String::new();
    for part in message.text_bodies() {
        out.push('\n');
        match &part.body {
            PartType::Text(text) => out.push_str(text),
            PartType::Html(page) => html::append_text(page, &mut out),
            PartType::Binary(_)
            | PartType::InlineBinary(_)
            | PartType::Message(_)
            | PartType::Multipart(_) => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parts::Part;

    fn read_message(source: &str) -> Extraction {
        let bytes = source.replace('\n', "\r\n").into_bytes();
        read(&Source::Bytes(bytes.into()), &Limits::default()).unwrap()
    }

    fn text(source: &str) -> String {
        read_message(source).as_text().unwrap().to_owned()
    }

    fn shape(extraction: &Extraction) -> Vec<(PartKind, Option<&str>)> {
        let shape = |part: &Part| part.kind;
        let parts = extraction.parts.iter();
        parts
            .map(|part| (shape(part), part.label.as_deref()))
            .collect()
    }

    const MIXED: &str = "From: =?utf-8?Q?J=C3=B6rg_M=C3=BCller?= <joerg@example.org>\n\
        To: a@example.org, Bea <b@example.org>\nSubject: =?iso-8859-1?Q?Rechnung_f=FCr?=\n =?utf-8?B?TcOkcno=?=\n\
        Date: Wed, 20 Mar 2024 10:05:00 +0100\nMIME-Version: 1.0\n\
        Content-Type: multipart/mixed; boundary=x\n\n--x\n\
        Content-Type: multipart/alternative; boundary=y\n\n\
        --y\nContent-Type: text/plain; charset=windows-1252\nContent-Transfer-Encoding: quoted-printable\n\n\
        Bitte bald 5,00 =80 bis=\n morgen.\n--y\nContent-Type: text/html\n\n<b>not this</b>\n--y--\n";

    #[test]
    fn headers_and_the_plain_alternative_are_read() {
        let source = format!("{MIXED}--x--\n");
        assert_eq!(
            text(&source),
            "From: Jörg Müller <joerg@example.org>\nTo: a@example.org, Bea <b@example.org>\n\
             Subject: Rechnung fürMärz\nDate: 2024-03-20 10:05 +01:00\n\n\
             Bitte bald 5,00 € bis morgen."
        );
    }

    #[test]
    fn page_alone_is_read_as_what_is_visible() {
        let source = "From: a@example.org\nContent-Type: text/html; charset=utf-8\n\n\
            <style>p{}</style><p>Total <b>5</b></p><p>Bye</p>";
        assert_eq!(text(source), "From: a@example.org\n\nTotal 5\n\nBye");
    }

    #[test]
    fn attachments_are_read_and_those_that_cannot_be_are_named() {
        let source = format!(
            "{MIXED}--x\nContent-Type: text/csv; name=\"a b.csv\"\nContent-Disposition: attachment\n\
             Content-Transfer-Encoding: base64\n\nYTtiCjE7MgozOzQK\n\
             --x\nContent-Type: application/pdf\nContent-Disposition: attachment; filename*=utf-8''%C3%BC.pdf\n\n%PDF-1.4 cut\n\
             --x\nContent-Type: application/zip\nContent-Disposition: attachment; filename=x.zip\n\nPK\u{3}\u{4}\n--x--\n"
        );
        let extraction = read_message(&source);
        assert_eq!(
            shape(&extraction),
            [
                (PartKind::Message, None),
                (PartKind::Attachment, Some("a b.csv")),
                (PartKind::Attachment, Some("ü.pdf")),
                (PartKind::Attachment, Some("x.zip"))
            ]
        );
        let text = extraction.as_text().unwrap();
        assert!(
            text.contains("\n\nAttachment: a b.csv\n\na\tb\n1\t2\n3\t4\n\n"),
            "{text}"
        );
        assert!(
            text.contains("Attachment: ü.pdf (not read: The file is damaged"),
            "{text}"
        );
        assert!(
            text.ends_with("Attachment: x.zip (not read: it is not a document)"),
            "{text}"
        );
    }

    /// A message in a message, so many times.
    fn nested(depth: usize) -> String {
        let mut source = "Subject: inmost\n\nHello".to_owned();
        for level in 0..depth {
            source = format!(
                "Subject: level {level}\nContent-Type: multipart/mixed; boundary=b{level}\n\n\
                 --b{level}\nContent-Type: message/rfc822\n\n{source}\n--b{level}--\n"
            );
        }
        source
    }

    #[test]
    fn attached_messages_are_read_to_a_depth() {
        let whole = text(&nested(3));
        assert!(
            whole.contains("Subject: level 2") && whole.contains("Subject: inmost"),
            "{whole}"
        );
        let deep = text(&nested(30));
        assert!(
            deep.contains("(not read: messages are nested too deep)"),
            "{deep}"
        );
        assert!(!deep.contains("inmost"));
    }

    #[test]
    fn more_attachments_than_allowed_are_named() {
        let limits = Limits {
            attachments: 1,
            ..Limits::default()
        };
        let one = "--x\nContent-Disposition: attachment; filename=n.txt\n\nnote\n";
        let source = format!("{MIXED}{one}{one}--x--\n");
        let extraction = read(&Source::Bytes(source.into_bytes().into()), &limits).unwrap();
        let text = extraction.as_text().unwrap();
        assert_eq!(text.matches("Attachment: n.txt").count(), 2, "{text}");
        assert_eq!(text.matches("\n\nnote").count(), 1, "{text}");
    }

    #[test]
    fn attached_picture_is_found_again_by_its_place() {
        let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";
        let inner = format!(
            "Subject: in\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\nHello\n--i\n\
             Content-Type: image/png; name=p.png\nContent-Transfer-Encoding: base64\n\n{png}\n--i--\n"
        );
        let source = format!(
            "Subject: out\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: message/rfc822\n\n{inner}--o--\n"
        );
        let source = Source::Bytes(source.into_bytes().into());
        let limits = Limits::default();
        let extraction = read(&source, &limits).unwrap();
        let scan = &extraction.scans[0];
        assert_eq!(extraction.parts[scan.part].label.as_deref(), Some("p.png"));
        let (found, media_type) =
            attachment(&source, media::EMAIL, &scan.place.attachments, &limits).unwrap();
        assert_eq!(media_type, "image/png");
        assert!(found.bytes(&limits).unwrap().starts_with(b"\x89PNG"));
    }

    #[test]
    fn text_without_headers_is_read_as_text() {
        assert_eq!(text("\n\njust words"), "just words");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            lines in proptest::collection::vec(0_usize..8, 0..20),
        ) {
            let known = [
                "Content-Type: multipart/mixed; boundary=x", "--x", "--x--", "", "Subject: =?utf-8?B?",
                "Content-Transfer-Encoding: base64", "Content-Type: message/rfc822", "From: <",
            ];
            let mut source = lines.iter().map(|&line| known[line]).collect::<Vec<_>>().join("\r\n").into_bytes();
            source.extend(bytes);
            let _ = read(&Source::Bytes(source.into()), &Limits::default());
        }
    }
}
