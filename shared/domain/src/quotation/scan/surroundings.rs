//! What a number stands in: the word it is a part of, the years and months beside it.

use super::Scanner;
use super::words::month_of;

impl Scanner<'_> {
    /// Letters and digits, with `-`, `_`, `/` and `.` between them, in lower case.
    pub(super) fn word_around(&self, start: usize, end: usize) -> Vec<char> {
        let joins = |c: char| matches!(c, '-' | '_' | '/' | '.');
        let mut first = start;
        while let Some(c) = self.before(first) {
            let alphanumeric_before = self
                .before(first.saturating_sub(1))
                .is_some_and(char::is_alphanumeric);
            if !(c.is_alphanumeric() || (joins(c) && alphanumeric_before)) {
                break;
            }
            first -= 1;
        }
        let mut last = end;
        while let Some(c) = self.at(last) {
            let alphanumeric_after = self.at(last + 1).is_some_and(char::is_alphanumeric);
            if !(c.is_alphanumeric() || (joins(c) && alphanumeric_after)) {
                break;
            }
            last += 1;
        }
        let word = self.text.get(first..last).unwrap_or_default().iter();
        word.flat_map(|c| c.to_lowercase()).collect()
    }

    /// Years within the characters a written date spans: `5 de noviembre de 2024`.
    pub(super) fn years_near(&self, start: usize, end: usize) -> Vec<i16> {
        const REACH: usize = 20;
        let mut years = Vec::new();
        let last = self.text.len().min(end + REACH);
        let mut at = start.saturating_sub(REACH);
        while at < last {
            let run_end = self.run(at, |c| c.is_ascii_digit());
            let whole = !self.before(at).is_some_and(|c| c.is_ascii_digit());
            if whole && run_end - at == 4 {
                years.extend(self.integer(at, run_end));
            }
            at = run_end.max(at + 1);
        }
        years
    }

    /// English month names directly before or after: `November 5`, `5th of Nov.`.
    pub(super) fn months_beside(&self, start: usize, end: usize) -> Vec<i8> {
        let words = |text: String| -> Vec<String> {
            text.split(|c: char| !c.is_alphabetic())
                .filter(|word| !matches!(*word, "" | "of" | "st" | "nd" | "rd" | "th"))
                .map(str::to_owned)
                .collect()
        };
        let lower = |chars: &[char]| chars.iter().collect::<String>().to_lowercase();
        let before = words(lower(
            self.text
                .get(start.saturating_sub(12)..start)
                .unwrap_or_default(),
        ));
        let to = self.text.len().min(end + 18);
        let after = words(lower(self.text.get(end..to).unwrap_or_default()));
        let beside = before.last().into_iter().chain(after.first());
        beside.filter_map(|word| month_of(word)).collect()
    }
}
