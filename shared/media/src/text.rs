//! Decides whether bytes are text, and which kind.

use super::names::{CSV, EMAIL, HTML, JSON, OCTET_STREAM, TEXT, TSV, XML, YAML};
use super::{Hint, MARKDOWN};

/// The type of a text, or none when the bytes are not text.
pub(super) fn sniff(head: &[u8], hint: &Hint) -> Option<&'static str> {
    if head.is_empty() {
        return Some(hint.among(is_text_type).unwrap_or(OCTET_STREAM));
    }
    if !is_text(head) {
        // A message may carry its attachments as they are.
        let is_called_so = hint.among(|kind| kind == EMAIL).is_some();
        return (is_called_so && is_message(visible_start(head))).then_some(EMAIL);
    }
    let start = visible_start(head);
    if start.starts_with(b"#!") && runs_in_a_shell(start) {
        return Some("text/x-shellscript");
    }
    // The name may call text anything that is text, but not hide a page that a browser would run.
    if let Some(by_content) = by_content(start) {
        let may_differ =
            |kind: &str| by_content == XML && (kind == HTML || kind == "image/svg+xml");
        return Some(hint.among(may_differ).unwrap_or(by_content));
    }
    let hinted = hint.among(is_text_type);
    Some(hinted.unwrap_or_else(|| if is_message(start) { EMAIL } else { TEXT }))
}

/// Whether text begins as an e-mail message does: with headers, of which some are of mail alone.
/// Source: RFC 5322, 2.2 and 3.6.
fn is_message(start: &[u8]) -> bool {
    const SURE: &[&str] = &[
        "received",
        "return-path",
        "message-id",
        "mime-version",
        "delivered-to",
        "dkim-signature",
    ];
    const USUAL: &[&str] = &["from", "to", "subject", "date"];
    let (mut sure, mut usual) = (false, 0);
    for line in start.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            break;
        }
        // A header may go on in a line that begins with white space.
        if line[0].is_ascii_whitespace() {
            continue;
        }
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
        let is_name =
            name.len() < line.len() && name.iter().all(u8::is_ascii_graphic) && !name.is_empty();
        if !is_name {
            return false;
        }
        let is = |known: &&str| known.as_bytes().eq_ignore_ascii_case(name);
        sure |= SURE.iter().any(is);
        usual += usize::from(USUAL.iter().any(is));
    }
    sure && usual >= 2
}

/// Whether the bytes read as text in some encoding: UTF-8, UTF-16, or one byte a character without
/// control characters.
pub(super) fn is_text(head: &[u8]) -> bool {
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return head.len() > 2 && !head.starts_with(b"\xFF\xFE\0\0");
    }
    !head.iter().any(|&byte| is_binary_control(byte)) || is_utf16_without_mark(head)
}

/// Whether bytes are UTF-16 without a byte order mark: text in a Latin script has a zero in nearly
/// every other byte, and the byte beside it is no control character.
pub fn is_utf16_without_mark(head: &[u8]) -> bool {
    let (pairs, _) = head.as_chunks::<2>();
    let big = pairs.iter().filter(|pair| pair[0] == 0).count();
    let little = pairs.iter().filter(|pair| pair[1] == 0).count();
    let (zeros, strays) = (big.max(little), big.min(little));
    let control = |pair: &&[u8; 2]| {
        (pair[0] == 0 && is_binary_control(pair[1])) || (pair[1] == 0 && is_binary_control(pair[0]))
    };
    pairs.len() >= 4
        && zeros * 10 >= pairs.len() * 8
        && strays * 20 <= zeros
        && !pairs.iter().any(|pair| control(&pair))
}

/// Control characters that no text holds. Escape is kept for terminals and ISO-2022.
fn is_binary_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x08 | 0x0B | 0x0C | 0x1B)
        || byte == 0x7F
}

fn is_text_type(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || media_type.starts_with("application/x-bat")
        || [
            JSON,
            YAML,
            XML,
            EMAIL,
            "application/x-ndjson",
            "application/toml",
            "application/sql",
        ]
        .contains(&media_type)
        || [CSV, TSV, MARKDOWN].contains(&media_type)
}

/// The bytes after a byte order mark and white space.
fn visible_start(head: &[u8]) -> &[u8] {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    head.trim_ascii_start()
}

/// Types that text shows by how it begins.
fn by_content(start: &[u8]) -> Option<&'static str> {
    let begins = |with: &str| {
        let head = start.get(..with.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(with.as_bytes()))
    };
    match start {
        _ if begins("<!doctype html") || begins("<html") => Some(HTML),
        _ if begins("<svg") => Some("image/svg+xml"),
        _ if begins("<?xml") => Some(XML),
        _ => None,
    }
}

/// Whether the interpreter line names a shell.
fn runs_in_a_shell(start: &[u8]) -> bool {
    let end = start
        .iter()
        .position(|&byte| byte == b'\n')
        .unwrap_or(start.len());
    let line = String::from_utf8_lossy(&start[..end]);
    line.split(['/', ' ', '\t', '\r']).any(|word| {
        matches!(
            word,
            "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" | "fish" | "csh" | "tcsh"
        )
    })
}
