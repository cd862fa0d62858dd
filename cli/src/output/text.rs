//! Text of others made fit for a terminal: cleaned, measured, wrapped.

use unicode_width::UnicodeWidthStr as _;

/// Columns of running text.
pub(crate) const WIDTH: usize = 88;

/// Replaces what would move the cursor, color the screen or reorder the line.
///
/// Names, tags and summaries come from documents of strangers.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if is_unsafe(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Columns that text takes in a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Breaks text between words into lines of at most so many columns, each indented.
///
/// Line breaks of the text stay. A word wider than a line is left whole.
pub(crate) fn wrap(text: &str, columns: usize, indent: &str) -> String {
    let mut wrapped = String::new();
    for paragraph in text.lines() {
        let mut used = 0;
        for word in paragraph.split_whitespace() {
            let word = clean(word);
            let needed = width(&word);
            if used > 0 && width(indent) + used + 1 + needed > columns {
                wrapped.push('\n');
                used = 0;
            }
            wrapped.push_str(if used == 0 { indent } else { " " });
            wrapped.push_str(&word);
            used += needed + usize::from(used > 0);
        }
        wrapped.push('\n');
    }
    wrapped
}

/// Control characters, and the embeddings, overrides and isolates of Unicode's bidirectional
/// algorithm (UAX #9). Right-to-left letters themselves are fine.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_overrides_are_replaced() {
        assert_eq!(
            clean("a\u{1b}[2Jb\r\n\u{202e}c\u{9b}"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}c\u{fffd}"
        );
        assert_eq!(clean("Größe — 日本語 שלום 🧾"), "Größe — 日本語 שלום 🧾");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 9, "  "), "  one two\n  three\n");
        assert_eq!(wrap("日本 日本 日本", 9, ""), "日本 日本\n日本\n");
        assert_eq!(
            wrap("a\n\nincomprehensibilities b", 5, ""),
            "a\n\nincomprehensibilities\nb\n"
        );
        assert_eq!(wrap("", 5, ""), "");
    }
}
