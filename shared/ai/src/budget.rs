//! Fits text into a token budget, cut where a sentence ends.
//!
//! Tokens are estimated, since every model counts its own: four ASCII characters to a token, any
//! other character a token of its own. That is on the safe side for prose in every script.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

/// What stands for the part of a text that is left out.
const LEFT_OUT: &str = "\n\n[the middle of the document is left out]\n\n";

/// How far from a cut an end of a sentence is looked for, in bytes.
const REACH: usize = 2_000;

/// Returns the text when it fits, else its head and its tail: beginnings say what a document is,
/// and ends have totals and signatures.
pub(crate) fn fit(text: &str, tokens: usize) -> Cow<'_, str> {
    let start = head(text, tokens / 4 * 3);
    if start.len() == text.len() || head_end(text, tokens) == text.len() {
        return Cow::Borrowed(text);
    }
    let rest = text.get(start.len()..).unwrap_or_default();
    let end = tail(rest, tokens / 4);
    Cow::Owned(format!(
        "{}{LEFT_OUT}{}",
        start.trim_end(),
        end.trim_start()
    ))
}

/// Returns the beginning of a text that fits, up to the end of a sentence.
pub(crate) fn head(text: &str, tokens: usize) -> &str {
    let end = head_end(text, tokens);
    if end == text.len() {
        return text;
    }
    let from = text.floor_char_boundary(end.saturating_sub(REACH));
    let window = text.get(from..end).unwrap_or_default();
    let sentence = window.split_sentence_bound_indices().last();
    let cut = sentence
        .map(|(at, _)| at)
        .filter(|&at| at > 0)
        .or_else(|| window.rfind(char::is_whitespace))
        .map_or(end, |at| from + at);
    text.get(..cut).unwrap_or_default()
}

/// Returns the end of a text that fits, from the beginning of a sentence.
fn tail(text: &str, tokens: usize) -> &str {
    let mut left = tokens.saturating_mul(4);
    let start = text.char_indices().rev().find_map(|(at, c)| {
        left = left.saturating_sub(quarters(c));
        (left == 0).then_some(at)
    });
    let Some(start) = start else {
        return text;
    };
    let to = text.floor_char_boundary(text.len().min(start + REACH));
    let window = text.get(start..to).unwrap_or_default();
    let sentence = window.split_sentence_bound_indices().nth(1);
    let cut = sentence
        .map(|(at, _)| at)
        .or_else(|| window.find(char::is_whitespace))
        .map_or(start, |at| start + at);
    text.get(cut..).unwrap_or_default()
}

/// Returns where the part of a text ends that fits.
fn head_end(text: &str, tokens: usize) -> usize {
    let mut left = tokens.saturating_mul(4);
    for (at, c) in text.char_indices() {
        match left.checked_sub(quarters(c)) {
            Some(rest) => left = rest,
            None => return at,
        }
    }
    text.len()
}

/// Quarters of a token that a character is estimated at.
const fn quarters(c: char) -> usize {
    if c.is_ascii() { 1 } else { 4 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(text: &str) -> usize {
        text.chars().map(quarters).sum::<usize>().div_ceil(4)
    }

    #[test]
    fn a_text_that_fits_is_left_alone() {
        assert_eq!(fit("One. Two. Three.", 100), "One. Two. Three.");
    }

    #[test]
    fn a_long_text_keeps_whole_sentences_of_head_and_tail() {
        let sentences = (1..=100).map(|n| format!("This is sentence {n}. "));
        let text = sentences.collect::<Vec<_>>().concat();
        let fitted = fit(&text, 80);
        assert!(fitted.starts_with("This is sentence 1. "));
        let (head, tail) = fitted.split_once(LEFT_OUT).unwrap();
        assert!(head.ends_with('.') && tail.starts_with("This is sentence "));
        assert!(fitted.ends_with("sentence 100. "));
    }

    #[test]
    fn text_without_sentences_or_spaces_is_cut_all_the_same() {
        let text = "漢".repeat(5_000);
        assert!(tokens(&fit(&text, 400)) <= 400 + tokens(LEFT_OUT));
    }

    proptest! {
        #[test]
        fn the_budget_holds(text in "(\\PC|\n){0,400}", budget in 0usize..120) {
            let fitted = fit(&text, budget);
            prop_assert!(tokens(&fitted) <= budget + tokens(LEFT_OUT) + 1);
            prop_assert!(text.starts_with(head(&text, budget)));
        }
    }
}
