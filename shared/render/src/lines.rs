//! Makes text fit to be shown: no control characters, one kind of line break.
//!
//! What the formats for reading share before each escapes in its own way. A control character
//! could steer a terminal or end a document early; it is shown as U+FFFD instead.

/// Returns the text on one line: breaks and tabs become a space, the ends are trimmed.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut after_gap = false;
    for c in text.trim().chars() {
        let gap = is_break(c) || c == '\t';
        match (gap, after_gap) {
            (true, true) => {}
            (true, false) => line.push(' '),
            (false, _) => line.push(visible(c)),
        }
        after_gap = gap;
    }
    line
}

/// Splits text into paragraphs of lines. Blank lines part paragraphs; lines keep their indentation
/// but not what trails them.
pub(crate) fn paragraphs(text: &str) -> Vec<Vec<String>> {
    let mut paragraphs = vec![Vec::new()];
    for line in text.replace("\r\n", "\n").split(is_break) {
        let line: String = line.trim_end().chars().map(visible).collect();
        let ends_paragraph = line.is_empty();
        match paragraphs.last_mut() {
            Some(last) if !ends_paragraph => last.push(line),
            Some(last) if last.is_empty() => {}
            _ => paragraphs.push(Vec::new()),
        }
    }
    paragraphs.retain(|lines| !lines.is_empty());
    paragraphs
}

/// Whether a character ends a line somewhere. Source: Unicode Standard Annex 14, mandatory breaks.
fn is_break(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// A character that may stand in a line: itself, or U+FFFD for a control character.
fn visible(c: char) -> char {
    if c.is_control() && c != '\t' {
        char::REPLACEMENT_CHARACTER
    } else {
        c
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_of_every_kind_become_one_space() {
        assert_eq!(one_line(" a\r\nb\u{2028}\u{85}c\td "), "a b c d");
    }

    #[test]
    fn control_characters_are_shown_as_replacements() {
        assert_eq!(one_line("a\u{1b}[31m\0b"), "a\u{fffd}[31m\u{fffd}b");
    }

    #[test]
    fn blank_lines_part_paragraphs() {
        let parts = paragraphs("\n one  \r\ntwo\n\n \n\nthree\n");
        assert_eq!(parts, [vec![" one", "two"], vec!["three"]]);
    }
}
