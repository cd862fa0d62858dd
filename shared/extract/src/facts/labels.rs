//! Finds labels such as `Amount due` in a line.

use std::collections::HashMap;

/// A set of labels, each with what it means. Written in lower case, words apart by one space.
pub(super) struct Labels<R> {
    /// By first character, the longest first.
    by_first: HashMap<char, Vec<(&'static str, R)>>,
}

/// A label in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit<R> {
    /// Byte where it begins.
    pub(super) start: usize,
    /// Byte after its end.
    pub(super) end: usize,
    /// What it means.
    pub(super) rank: R,
}

impl<R: Copy> Labels<R> {
    pub(super) fn new(groups: &[(R, &[&'static str])]) -> Self {
        let mut by_first: HashMap<char, Vec<(&'static str, R)>> = HashMap::new();
        for (rank, labels) in groups {
            for label in *labels {
                let first = label.chars().next().unwrap_or(' ');
                by_first.entry(first).or_default().push((label, *rank));
            }
        }
        for labels in by_first.values_mut() {
            labels.sort_by_key(|(label, _)| std::cmp::Reverse(label.len()));
        }
        Self { by_first }
    }

    /// The labels of a line from left to right, the longest at each place, none overlapping.
    pub(super) fn hits(&self, line: &str) -> Vec<Hit<R>> {
        let mut hits = Vec::new();
        let mut at = 0;
        let mut before_is_word = false;
        while let Some(character) = line[at..].chars().next() {
            if !before_is_word && let Some((length, rank)) = self.starting(&line[at..]) {
                hits.push(Hit {
                    start: at,
                    end: at + length,
                    rank,
                });
                at += length;
                before_is_word = true;
                continue;
            }
            before_is_word = character.is_alphanumeric();
            at += character.len_utf8();
        }
        hits
    }

    /// What the whole text means when it is nothing but a label, as in a cell of a table.
    pub(super) fn exact(&self, text: &str) -> Option<R> {
        let text = text.trim_matches(|c: char| !c.is_alphanumeric());
        let (length, rank) = self.starting(text)?;
        (length == text.len()).then_some(rank)
    }

    fn starting(&self, text: &str) -> Option<(usize, R)> {
        let first = lower(text.chars().next()?);
        let labels = self.by_first.get(&first)?;
        labels
            .iter()
            .find_map(|&(label, rank)| Some((prefix_length(text, label)?, rank)))
    }
}

/// How many bytes of the text the label takes, when the text begins with it as whole words. Any run
/// of spaces, hyphens and underscores counts as the space between two words.
fn prefix_length(text: &str, label: &str) -> Option<usize> {
    let mut rest = text;
    for expected in label.chars() {
        if expected == ' ' {
            let trimmed = rest.trim_start_matches([' ', '\u{a0}', '\t', '-', '_']);
            if trimmed.len() == rest.len() {
                return None;
            }
            rest = trimmed;
            continue;
        }
        let found = rest.chars().next()?;
        if lower(found) != expected {
            return None;
        }
        rest = &rest[found.len_utf8()..];
    }
    let ends = !rest.starts_with(char::is_alphanumeric);
    ends.then(|| text.len() - rest.len())
}

/// Lower case of one character; those that lower to several keep their case.
fn lower(character: char) -> char {
    let mut lowered = character.to_lowercase();
    match (lowered.next(), lowered.next()) {
        (Some(one), None) => one,
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels<u8> {
        Labels::new(&[
            (1, &["total", "date"]),
            (2, &["amount due", "total due"]),
            (0, &["sub total", "due date"]),
        ])
    }

    #[test]
    fn longest_label_of_whole_words_is_found() {
        let ranks = |line: &str| {
            labels()
                .hits(line)
                .iter()
                .map(|hit| hit.rank)
                .collect::<Vec<_>>()
        };
        assert_eq!(ranks("TOTAL due: 5"), [2]);
        assert_eq!(ranks("Sub-Total 4  Total 5"), [0, 1]);
        assert_eq!(ranks("totals totally subtotal"), [0_u8; 0]);
        assert_eq!(ranks("due_date, amount\tdue"), [0, 2]);
    }

    #[test]
    fn exact_label_allows_punctuation_around_it_only() {
        assert_eq!(labels().exact(" Amount due: "), Some(2));
        assert_eq!(labels().exact("Total wine"), None);
        assert_eq!(labels().exact(""), None);
    }
}
