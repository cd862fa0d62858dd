//! What marks a number: a sign, a currency, a percent sign or a unit before or behind it.

use super::words::{self, currency_codes, currency_word, scale_word};
use super::{Mark, Scanner, fold};

impl Scanner<'_> {
    /// Finds what marks a number, and from where to where number, sign and mark reach.
    pub(super) fn mark(&self, start: usize, end: usize) -> (usize, usize, Mark) {
        let (first, money_before, glued_before) = self.mark_before(start);
        let (last, after) = self.mark_after(end);
        let mark = match (money_before, after) {
            (Some(Mark::Money(codes)), None | Some(Mark::Plain)) => Mark::Money(codes),
            // `US$5 USD` is one currency; `€5 %` is none.
            (Some(Mark::Money(before)), Some(Mark::Money(after))) => Mark::Money(
                if before.is_empty() || before.iter().any(|code| after.contains(code)) {
                    after
                } else {
                    before
                },
            ),
            (Some(Mark::Money(_)), Some(_)) | (_, Some(Mark::Unreadable)) => Mark::Unreadable,
            (Some(quarter), _) => quarter,
            (None, _) if glued_before => Mark::Unreadable,
            (None, after) => after.unwrap_or(Mark::Plain),
        };
        (first, last, mark)
    }

    /// A sign, a currency symbol or code, or a `Q`, in front of a number. The last answer says
    /// whether it sticks to other letters.
    fn mark_before(&self, start: usize) -> (usize, Option<Mark>, bool) {
        let first = self.signed(start);
        let gap = usize::from(self.before(first) == Some(' '));
        let symbol = self.before(first - gap).and_then(currency_codes);
        if let Some(codes) = symbol {
            let first = self.signed(first - gap - 1);
            return (first, Some(Mark::Money(codes.to_vec())), false);
        }
        let letters = self.text.get(..first - gap).unwrap_or_default();
        let length = letters
            .iter()
            .rev()
            .take_while(|c| c.is_alphabetic())
            .count();
        let word_start = first - gap - length;
        let word: String = letters.iter().skip(word_start).collect();
        if let Some(code) = words::currency_code(&word) {
            return (
                self.signed(word_start),
                Some(Mark::Money(vec![code])),
                false,
            );
        }
        if gap == 0 && matches!(word.as_str(), "Q" | "q") {
            let quarter = self.text.get(start..start + 1).unwrap_or_default();
            return match quarter {
                [c @ '1'..='4'] if !self.at(start + 1).is_some_and(|c| c.is_ascii_digit()) => {
                    let quarter = i8::try_from(u32::from(*c) - u32::from('0'));
                    (word_start, quarter.ok().map(Mark::Quarter), true)
                }
                _ => (word_start, None, true),
            };
        }
        let glued = gap == 0 && letters.last().is_some_and(|c| is_latin(*c));
        (first, None, glued)
    }

    /// Steps back over a sign, which is one only where no number or word ends.
    pub(super) fn signed(&self, start: usize) -> usize {
        match self.before(start) {
            Some('+' | '-') if !self.before(start - 1).is_some_and(char::is_alphanumeric) => {
                start - 1
            }
            _ => start,
        }
    }

    /// A percent sign, currency, unit or thousand behind a number, and where it ends.
    fn mark_after(&self, end: usize) -> (usize, Option<Mark>) {
        let gap = usize::from(matches!(self.at(end), Some(' ' | '-')));
        let from = end + gap;
        match self.at(from) {
            Some('%') => return (from + 1, Some(Mark::Percent)),
            Some(c) if c == '‰' || words::is_myriad(c) => {
                return (from + 1, Some(Mark::Unreadable));
            }
            Some(c) => {
                // In `5 $3` the sign belongs to the 3.
                let next_is_number = self.at(from + 1).is_some_and(|c| c.is_ascii_digit());
                if let Some(codes) = currency_codes(c).filter(|_| !next_is_number) {
                    return (from + 1, Some(Mark::Money(codes.to_vec())));
                }
            }
            None => return (end, None),
        }
        if let Some((length, unit)) = self.unit(from) {
            return (from + length, Some(Mark::Unit(unit)));
        }
        let rest = self.text.get(from..).unwrap_or_default();
        if let Some(length) = words::percent_word(rest) {
            return (from + length, Some(Mark::Percent));
        }
        let word_end = self.word_end(from);
        let word: String = self
            .text
            .get(from..word_end)
            .unwrap_or_default()
            .iter()
            .collect();
        let lower = word.to_lowercase();
        let mark = if let Some(code) = words::currency_code(&word) {
            Mark::Money(vec![code])
        } else if let Some(codes) = currency_word(&lower) {
            Mark::Money(codes.to_vec())
        } else if scale_word(&lower) {
            Mark::Unreadable
        } else if gap == 0 && matches!(lower.as_str(), "st" | "nd" | "rd" | "th") {
            Mark::Plain
        } else if gap == 0 && word.chars().next().is_some_and(is_latin) {
            Mark::Unreadable
        } else {
            return (end, None);
        };
        (word_end, Some(mark))
    }

    /// The longest unit of the dossier that stands here as a word of its own.
    fn unit(&self, from: usize) -> Option<(usize, String)> {
        let here = |unit: &&&str| {
            let mut length = 0;
            let same = unit.chars().all(|c| {
                let at = self.at(from + length);
                length += 1;
                at.is_some_and(|at| at.to_lowercase().eq(fold(c).to_lowercase()))
            });
            same && !self.at(from + length).is_some_and(char::is_alphanumeric)
        };
        let unit = self
            .units
            .iter()
            .filter(here)
            .max_by_key(|unit| unit.len())?;
        Some((unit.chars().count(), (*unit).to_owned()))
    }
}

fn is_latin(c: char) -> bool {
    c.is_alphabetic() && c < '\u{250}'
}
