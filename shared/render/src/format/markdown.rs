//! Markdown (`CommonMark` with GitHub's tables, task lists and strikethrough).
//!
//! A value is text, not Markdown: signs that would start markup get a backslash, and only those,
//! so that `snake_case`, `$198.43` and `2025-10-29` stay readable in the source.

use super::{Markup, Syntax, Writing, column_widths, push_padded, texts_of};
use crate::lines::{one_line, paragraphs};
use crate::table::Table;

pub(super) const SYNTAX: Syntax = Syntax {
    name: "md",
    aliases: &["markdown"],
    media_type: "text/markdown; charset=utf-8",
    writing: Writing::Body(Markup {
        inline,
        prose,
        table,
    }),
};

/// Longest ordered list number. Source: `CommonMark` 0.31, 5.2.
const LIST_NUMBER_DIGITS: usize = 9;

fn inline(text: &str) -> String {
    escape(&one_line(text))
}

/// A line break within a paragraph stays one in the source, and is shown as a space.
fn prose(text: &str, indent: usize) -> String {
    let between = format!("\n{:indent$}", "");
    let paragraphs: Vec<_> = paragraphs(text)
        .iter()
        .map(|lines| {
            let escaped: Vec<_> = lines.iter().map(|line| inline(line)).collect();
            escaped.join(&between)
        })
        .collect();
    paragraphs.join(&format!("\n{between}"))
}

fn table(table: &Table) -> String {
    let texts = texts_of(table, inline);
    let widths = column_widths(&texts, 3);
    let numeric = table.numeric_columns();
    let mut lines = Vec::with_capacity(texts.len() + 2);
    if let Some(caption) = &table.caption {
        lines.push(inline(caption) + "\n");
    }
    for (index, row) in texts.iter().enumerate() {
        let mut line = String::from("|");
        for ((text, width), right_aligned) in row.iter().zip(&widths).zip(&numeric) {
            line.push(' ');
            push_padded(&mut line, text, *width, *right_aligned);
            line.push_str(" |");
        }
        lines.push(line);
        if index == 0 {
            lines.push(delimiter_row(&widths, &numeric));
        }
    }
    lines.join("\n")
}

fn delimiter_row(widths: &[usize], numeric: &[bool]) -> String {
    let mut line = String::from("|");
    for (width, right_aligned) in widths.iter().zip(numeric) {
        let end = if *right_aligned { ": |" } else { "- |" };
        line.extend([" ", &"-".repeat(width - 1), end]);
    }
    line
}

/// Puts a backslash before every sign of one line that Markdown could take for markup.
fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len() + 8);
    let block_start = block_start(line);
    let mut before = None;
    for (index, c) in line.char_indices() {
        let rest = &line[index + c.len_utf8()..];
        if block_start == Some(index) || is_markup(c, before, rest) {
            escaped.push('\\');
        }
        escaped.push(c);
        before = Some(c);
    }
    escaped
}

/// Where a sign stands that would make the line a heading, a quote, an item, a rule or the like.
fn block_start(line: &str) -> Option<usize> {
    let is_item = |rest: &str| rest.is_empty() || rest.starts_with(char::is_whitespace);
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    match (line.as_bytes().first()?, line.as_bytes().get(digits)) {
        (b'#' | b'>' | b'=', _) => Some(0),
        (b'-' | b'+', _) => (!line[1..].starts_with(|c: char| c.is_ascii_digit())).then_some(0),
        // A lone `:-` is the delimiter row of a table with one column.
        (b':', _) => line[1..].starts_with('-').then_some(0),
        (_, Some(b'.' | b')')) if (1..=LIST_NUMBER_DIGITS).contains(&digits) => {
            is_item(&line[digits + 1..]).then_some(digits)
        }
        _ => None,
    }
}

/// Whether a sign could be markup where it stands.
fn is_markup(c: char, before: Option<char>, rest: &str) -> bool {
    let after = rest.chars().next();
    match c {
        '\\' | '`' | '*' | '[' | ']' | '<' | '|' | '~' => true,
        // Within a word an underscore is no emphasis.
        '_' => {
            !(before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric))
        }
        // After a space it closes a heading, and names an issue on GitHub.
        '#' => before.is_none_or(char::is_whitespace),
        '&' => is_entity(rest),
        // GitHub sets text between dollars as mathematics; before a digit it is a price.
        '$' => {
            let is_price = after.is_some_and(|a| a.is_ascii_digit())
                && !before.is_some_and(|b| b.is_ascii_digit());
            !is_price
        }
        _ => false,
    }
}

/// Whether what follows an ampersand makes it an entity such as `&amp;` or `&#x2f;`.
fn is_entity(rest: &str) -> bool {
    rest.split_once(';').is_some_and(|(name, _)| {
        let name = name.strip_prefix('#').unwrap_or(name);
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;

    /// The text of a document, and whether it holds anything but paragraphs of text.
    fn read(markdown: &str) -> (String, bool) {
        let mut text = String::new();
        let mut has_markup = false;
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_FOOTNOTES;
        for event in Parser::new_ext(markdown, options) {
            match event {
                Event::Text(part) => text.push_str(&part),
                Event::SoftBreak => text.push('\n'),
                Event::Start(Tag::Paragraph) | Event::End(_) => {}
                _ => has_markup = true,
            }
        }
        (text, has_markup)
    }

    #[test]
    fn common_text_needs_no_backslash() {
        for text in [
            "snake_case",
            "$198.43",
            "2025-10-29",
            "-5.00",
            "R&D, C#",
            "1.5 (ok)",
        ] {
            assert_eq!(inline(text), text);
        }
    }

    #[test]
    fn markup_is_shown_as_text() {
        let hostile = [
            "# heading",
            "- item",
            "1. item",
            "> quote",
            "---",
            "===",
            "*a* _b_ `c` ~~d~~",
            "[a](javascript:alert(1))",
            "![x](y)",
            "<script>alert(1)</script>",
            "&lt;b&gt;",
            "\\*",
            ":-",
            "<https://example.com>",
            "    code",
            "a | b",
            "[ ] x",
            "[^1]: y",
        ];
        for text in hostile {
            assert_eq!(
                read(&inline(text)),
                (text.trim().to_owned(), false),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_back_as_text(text in "[ -~\\n\\tä☂]{0,40}|\\PC{0,40}") {
            prop_assert_eq!(read(&inline(&text)), (one_line(&text), false));
        }

        #[test]
        fn prose_is_nothing_but_paragraphs(text in "[-+=#>:0-9.)a_*`~|\\[\\]<& \\n]{0,60}") {
            let (_, has_markup) = read(&prose(&text, 0));

            prop_assert!(!has_markup);
        }
    }
}
