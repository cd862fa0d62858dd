//! What an amount is for: the words before it on its line.

/// Longest description that is kept, in characters. Longer ones are prose, of which the end is nearest to the amount.
const MOST_CHARACTERS: usize = 60;

/// Returns what the text before an amount says of it: the first cell with words in a row of cells, else the end of the
/// sentence. None where there are no words.
pub(super) fn purpose(before: &str) -> Option<String> {
    let cell = before
        .split('\t')
        .flat_map(|cell| cell.split("  "))
        .find(|cell| has_words(cell))?;
    let sentence = cell.rsplit(". ").next().unwrap_or(cell);
    let clean = sentence.trim_matches(|c: char| !c.is_alphanumeric() && !"()%".contains(c));
    let clean = clean.trim_start_matches(')').trim_end_matches('(').trim();
    has_words(clean).then(|| ending(clean).to_owned())
}

/// At least two letters in a row: not the `x` of `3 x`.
fn has_words(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphabetic());
    words.any(|word| word.chars().count() >= 2)
}

/// The last words that are not too many.
fn ending(text: &str) -> &str {
    let count = text.chars().count();
    if count <= MOST_CHARACTERS {
        return text;
    }
    let cut = text
        .char_indices()
        .nth(count - MOST_CHARACTERS)
        .map_or(0, |(at, _)| at);
    let tail = &text[cut..];
    tail.split_once(' ').map_or(tail, |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::purpose;

    fn of(before: &str) -> String {
        purpose(before).unwrap_or_else(|| "-".to_owned())
    }

    #[test]
    fn words_before_an_amount_say_what_it_is_for() {
        assert_eq!(of("Oil filter  1  "), "Oil filter");
        assert_eq!(of("2024-01-15\tOil change\t1\t"), "Oil change");
        assert_eq!(of("Sales Tax (7.5%): "), "Sales Tax (7.5%)");
        assert_eq!(
            of("Thank you. You paid a deposit of "),
            "You paid a deposit of"
        );
        assert_eq!(of("3 x "), "-");
        assert_eq!(of(""), "-");
    }

    #[test]
    fn long_prose_is_cut_between_words_at_its_beginning() {
        let said = of(&format!("{}for the labor of", "word ".repeat(40)));
        assert!(
            said.ends_with("word for the labor of") && said.chars().count() <= 60,
            "{said}"
        );
    }
}
