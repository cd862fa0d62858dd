//! Cuts text into lines of bounded length, so that no search within a line can be slow.

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

/// The lines of the text that are not blank, the overlong ones cut after white space.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
        .flat_map(pieces)
        .filter(|line| !line.trim().is_empty())
}

fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(cut(rest));
        rest = after;
        Some(piece)
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
        assert_eq!(lines("a\n \n\nb").collect::<Vec<_>>(), ["a", "b"]);
        let long = "word ".repeat(1000);
        let pieces: Vec<_> = lines(&long).collect();
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
        assert_eq!(lines(&long).collect::<String>(), long);
    }
}
