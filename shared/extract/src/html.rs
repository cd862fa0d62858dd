//! HTML pages: the title and the visible text.
//!
//! A scanner and not a parser: it builds no tree, so nesting and broken markup cost nothing.

use quick_xml::escape::resolve_html5_entity;

use crate::extraction::Extraction;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::plain::decode;
use crate::tidy::tidy;

/// The longest entity name of the HTML standard, `CounterClockwiseContourIntegral;`.
const LONGEST_ENTITY: usize = 33;

/// Reads a page: its title first, unless the text begins with it anyway.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Extraction, Failure> {
    let source = decode_page(bytes);
    if source.len() as u64 > limits.text_bytes.saturating_mul(4) {
        return Err(Failure::too_much_text(limits.text_bytes));
    }
    let page = scan(&source);
    let (title, body) = (tidy(page.title.trim()), tidy(&page.text));
    let text = match title.as_str() {
        "" => body,
        title if body.contains(title) => body,
        title => format!("{title}\n\n{body}"),
    };
    if text.len() as u64 > limits.text_bytes {
        return Err(Failure::too_much_text(limits.text_bytes));
    }
    Ok(Extraction::text(text, None))
}

/// Appends the visible text of a piece of HTML.
pub(crate) fn append_text(source: &str, out: &mut String) {
    out.push_str(&scan(source).text);
}

/// A page may name its encoding in its first 1024 bytes. Source: HTML standard, 4.2.5.4.
fn decode_page(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(1024)];
    let named = find_after(head, b"charset=").and_then(|label| {
        let label = label
            .strip_prefix(b"\"")
            .or(label.strip_prefix(b"'"))
            .unwrap_or(label);
        let end = label
            .iter()
            .position(|&byte| !(byte.is_ascii_alphanumeric() || b"-_:".contains(&byte)));
        encoding_rs::Encoding::for_label(&label[..end.unwrap_or(label.len())])
    });
    match named {
        Some(encoding) if std::str::from_utf8(bytes).is_err() => {
            encoding.decode(bytes).0.into_owned()
        }
        _ => decode(bytes),
    }
}

fn find_after<'a>(bytes: &'a [u8], pattern: &[u8]) -> Option<&'a [u8]> {
    let mut windows = bytes.windows(pattern.len());
    let start = windows.position(|window| window.eq_ignore_ascii_case(pattern))?;
    Some(&bytes[start + pattern.len()..])
}

#[derive(Default)]
struct Page {
    title: String,
    text: String,
    in_title: bool,
    preformatted: u64,
}

/// Walks the source once, from tag to tag.
fn scan(source: &str) -> Page {
    let mut page = Page::default();
    let mut rest = source;
    while let Some(start) = rest.find('<') {
        page.push(&rest[..start]);
        rest = &rest[start..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
        } else if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)) {
            let (name, after) = tag(&rest[1..]);
            rest = after;
            if let Some(hidden) = hidden_content(&name) {
                rest = skip_to_end_tag(rest, hidden);
            }
            page.tag(&name);
        } else {
            page.push("<");
            rest = &rest[1..];
        }
    }
    page.push(rest);
    page
}

/// Splits a tag from what follows. Returns its lower-case name, with `/` for an end tag.
fn tag(source: &str) -> (String, &str) {
    let name_end = source
        .find(|c: char| c.is_whitespace() || c == '>' || (c == '/'))
        .filter(|&end| end > 0)
        .or_else(|| {
            source[1..]
                .find(|c: char| c.is_whitespace() || c == '>')
                .map(|end| end + 1)
        })
        .unwrap_or(source.len());
    let name: String = source[..name_end].chars().take(16).collect();
    let name = name.to_ascii_lowercase();
    let mut quote = None;
    for (index, byte) in source.bytes().enumerate().skip(name_end) {
        match (quote, byte) {
            (None, b'>') => return (name, &source[index + 1..]),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    // A quote that never closes: the tag ends at its first `>`, so that the page is not lost.
    let after = source[name_end..]
        .split_once('>')
        .map_or("", |(_, after)| after);
    (name, after)
}

/// Elements whose content is not for reading.
fn hidden_content(name: &str) -> Option<&str> {
    [
        "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "textarea",
        "select",
    ]
    .into_iter()
    .find(|hidden| *hidden == name)
}

/// Skips to after the end tag; an element that never ends hides the rest.
fn skip_to_end_tag<'a>(source: &'a str, name: &str) -> &'a str {
    let mut rest = source;
    while let Some(start) = rest.find("</") {
        rest = &rest[start + 2..];
        let found = rest
            .get(..name.len())
            .is_some_and(|end| end.eq_ignore_ascii_case(name));
        if found {
            return rest.split_once('>').map_or("", |(_, after)| after);
        }
    }
    ""
}

impl Page {
    fn tag(&mut self, name: &str) {
        match name {
            "title" => self.in_title = true,
            "/title" => self.in_title = false,
            "pre" => self.preformatted += 1,
            "/pre" => self.preformatted = self.preformatted.saturating_sub(1),
            "br" => {
                self.trim_spaces();
                self.text.push('\n');
            }
            "hr" | "tr" | "/tr" | "li" | "/li" | "dt" | "dd" | "option" | "div" | "/div" => {
                self.end_line();
            }
            "td" | "th" if !self.text.is_empty() && !self.text.ends_with('\n') => {
                self.trim_spaces();
                self.text.push('\t');
            }
            "p" | "/p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "/h1" | "/h2" | "/h3"
            | "/h4" | "/h5" | "/h6" | "table" | "/table" | "ul" | "/ul" | "ol" | "/ol" | "dl"
            | "/dl" | "section" | "/section" | "article" | "/article" | "header" | "/header"
            | "footer" | "/footer" | "blockquote" | "/blockquote" | "form" | "/form"
            | "address" | "/address" | "main" | "/main" => {
                self.end_line();
                self.text.push('\n');
            }
            _ => {}
        }
    }

    fn end_line(&mut self) {
        self.trim_spaces();
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    fn trim_spaces(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
    }

    /// Adds text between tags: entities resolved, white space folded as a browser does.
    fn push(&mut self, source: &str) {
        let (in_title, preformatted) = (self.in_title, self.preformatted > 0);
        let out = if in_title {
            &mut self.title
        } else {
            &mut self.text
        };
        let mut rest = source;
        while let Some(character) = rest.chars().next() {
            let entity = (character == '&').then(|| entity(rest)).flatten();
            if let Some((resolved, after)) = entity {
                out.push_str(&resolved);
                rest = after;
                continue;
            }
            rest = &rest[character.len_utf8()..];
            match character {
                ' ' | '\n' | '\t' | '\r' | '\u{c}' if !preformatted => {
                    if !out.is_empty() && !out.ends_with([' ', '\n', '\t']) {
                        out.push(' ');
                    }
                }
                _ => out.push(character),
            }
        }
    }
}

/// Resolves the entity at the start of the source, if there is one.
fn entity(source: &str) -> Option<(String, &str)> {
    let end = source
        .bytes()
        .take(LONGEST_ENTITY)
        .position(|byte| byte == b';')?;
    let (name, after) = (&source[1..end], &source[end + 1..]);
    let resolved = if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        char::from_u32(code)
            .unwrap_or(char::REPLACEMENT_CHARACTER)
            .to_string()
    } else {
        resolve_html5_entity(name)?.to_owned()
    };
    Some((resolved, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::extraction::Outcome;

    fn text(source: &str) -> String {
        match read(source.as_bytes(), &Limits::default()).unwrap().outcome {
            Outcome::Text(text) => text,
            _ => String::new(),
        }
    }

    #[test]
    fn title_and_visible_text_are_kept() {
        let source = "<!doctype html><head><title>Bill &amp; Co</title><style>p { x: '<b>' }</style></head>\
            <h1>Hello</h1><p>Amount  due:\n<b>&#36;5.00</b><br/>by &lt;card&gt;</p><!-- no -->\
            <script>var a = '</p>total 9';</script><table><tr><th>a</th><th>b</th></tr>\
            <tr><td>1</td><td>2 < 3 & 4</td></tr></table>";
        assert_eq!(
            text(source),
            "Bill & Co\n\nHello\n\nAmount due: $5.00\nby <card>\n\na\tb\n1\t2 < 3 & 4"
        );
    }

    #[test]
    fn attributes_with_angle_brackets_do_not_end_a_tag() {
        assert_eq!(text("<p title=\"a > b\">x</p><a href='>'>y</a>"), "x\n\ny");
        assert_eq!(text("<p title=\"never closed>x"), "x");
    }

    #[test]
    fn page_in_its_declared_encoding_is_read() {
        let (bytes, _, _) = encoding_rs::ISO_8859_2
            .encode("<meta charset=iso-8859-2><p>Do zap\u{142}aty: 5 z\u{142}");
        let extraction = read(&bytes, &Limits::default()).unwrap();
        assert_eq!(
            extraction.outcome,
            Outcome::Text("Do zap\u{142}aty: 5 z\u{142}".to_owned())
        );
    }

    #[test]
    fn hostile_markup_is_read_in_linear_time() {
        for hostile in ["<div>", "<", "&", "<!--", "<script>", "</", "<a \"", "<td>"] {
            scan(&hostile.repeat(100_000));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_scanned(source in "[<>/&;!a-z\"' \n\u{142}-]{0,200}") {
            scan(&source);
        }
    }
}
