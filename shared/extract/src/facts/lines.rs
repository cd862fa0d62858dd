//! Cuts text into lines of bounded length, so that no search within a line can be slow.

use std::ops::Range;

use domain::fact_sheet::Place;

/// Longest line that is searched as one. Lines of real documents are shorter; minified data is not.
const LONGEST_BYTES: usize = 2048;

/// How much of a long text is searched, at its beginning and again at its end. Documents say what
/// they are on their first pages and what they come to on their last.
const SEARCHED_BYTES: usize = 512 * 1024;

/// The beginning and the end of the text; a text that is not longer than both is all beginning.
pub(super) fn ends(text: &str) -> (&str, &str) {
    if text.len() <= 2 * SEARCHED_BYTES {
        return (text, "");
    }
    let head = text.floor_char_boundary(SEARCHED_BYTES);
    let tail = text.ceil_char_boundary(text.len() - SEARCHED_BYTES);
    (&text[..head], &text[tail..])
}

/// A line of a text, or a piece of one that is very long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    /// The byte of the whole text where it begins.
    pub(super) start: usize,
}

impl Line<'_> {
    /// Where some bytes of the line are in the whole text.
    pub(super) fn place(&self, start: usize, end: usize) -> Place {
        Place {
            start: (self.start + start) as u64,
            end: (self.start + end) as u64,
        }
    }
}

/// The lines of the text that are not blank, the overlong ones cut after white space.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    lines_from(text, 0)
}

/// The lines of what is searched of a text: of its beginning and its end.
pub(super) fn searched_lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let (head, tail) = ends(text);
    lines(head).chain(lines_from(tail, text.len() - tail.len()))
}

/// The lines of a part of a text that begins at a byte of it.
fn lines_from(text: &str, start: usize) -> impl Iterator<Item = Line<'_>> {
    let mut at = start;
    text.split('\n')
        .flat_map(move |line| {
            let start = at;
            at += line.len() + 1;
            pieces(Line { text: line, start })
        })
        .filter(|line| !line.text.trim().is_empty())
}

/// The cells of a row, without the spaces before them: what tabs or two spaces keep apart.
pub(super) fn cells(line: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = line[at..].trim_start_matches([' ', '\t']);
        if rest.is_empty() {
            return None;
        }
        let start = line.len() - rest.len();
        let length = [rest.find('\t'), rest.find("  ")]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(rest.len());
        at = start + length;
        Some(start..at)
    })
}

fn pieces(line: Line<'_>) -> impl Iterator<Item = Line<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        if rest.text.is_empty() {
            return None;
        }
        let (piece, after) = rest.text.split_at(cut(rest.text));
        let start = rest.start;
        rest = Line {
            text: after,
            start: start + piece.len(),
        };
        Some(Line { text: piece, start })
    })
}

/// Where the next piece ends: after the last white space that fits, else anywhere that fits.
fn cut(rest: &str) -> usize {
    if rest.len() <= LONGEST_BYTES {
        return rest.len();
    }
    let fits = rest.floor_char_boundary(LONGEST_BYTES);
    let space = rest[..fits].rfind(char::is_whitespace);
    space.map_or(fits, |start| rest.ceil_char_boundary(start + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_are_skipped_and_long_ones_cut_between_words() {
        let found: Vec<_> = lines("a\n \n\nb").collect();
        let line = |text, start| Line { text, start };
        assert_eq!(found, [line("a", 0), line("b", 5)]);
        let long = "word ".repeat(1000);
        let pieces: Vec<_> = lines(&long).map(|line| line.text).collect();
        assert!(
            pieces
                .iter()
                .all(|piece| piece.len() <= LONGEST_BYTES && piece.ends_with("word "))
        );
        assert_eq!(pieces.concat(), long);
    }

    #[test]
    fn text_without_spaces_is_cut_at_characters() {
        let long = "ł".repeat(5000);
        let pieces = lines(&long).map(|line| line.text);
        assert_eq!(pieces.collect::<String>(), long);
    }

    #[test]
    fn every_line_says_where_it_is() {
        let text = format!("ab\n\n{}\nżółw\n", "word ".repeat(1000));
        for line in lines(&text) {
            assert_eq!(&text[line.start..line.start + line.text.len()], line.text);
        }
        let line = lines_from("b\nc", 10).nth(1).unwrap();
        assert_eq!(line.place(0, 1), Place { start: 12, end: 13 });
    }
}
