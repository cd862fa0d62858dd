//! Finds the numbers of a text, with what marks them as money, percent, a quantity or a date.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::figures::Month;

mod marks;
mod reading;
mod surroundings;
mod words;

use reading::{dates, values};
use words::{ends_number, is_number_word};

/// A number as a text has it.
#[derive(Debug)]
pub(super) struct Written {
    /// The number with sign and mark, for messages.
    pub(super) raw: String,
    /// The lower-case word it is a part of, `30k-mile` for 30.
    pub(super) word: Vec<char>,
    /// The number alone, without sign, mark and spaces.
    pub(super) number: Vec<char>,
    /// What it may mean: `1,100` is 1100 and, elsewhere, 1.1.
    values: Vec<Decimal>,
    pub(super) sign: Sign,
    pub(super) mark: Mark,
    /// Years written within a few words of it.
    pub(super) years_nearby: Vec<i16>,
    /// Months named directly before or after it.
    pub(super) months_nearby: Vec<i8>,
}

/// The sign in front of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    None,
    Plus,
    Minus,
}

/// What a number is marked as.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A calendar date, in every order of day and month it can be read in.
    Date(Vec<Date>),
    /// A month of a year.
    Month(Month),
    /// A quarter, `Q4`.
    Quarter(i8),
    /// A percentage.
    Percent,
    /// Money of one of these currencies, or of any when there is none.
    Money(Vec<&'static str>),
    /// A quantity in a unit of the dossier.
    Unit(String),
    /// Nothing.
    Plain,
    /// Something no figure is written as: `1.2k`, `2 million`, `½`.
    Unreadable,
}

impl Written {
    /// Says whether this is the value. Without a sign it may be its magnitude, as in `fell by 5 %`.
    pub(super) fn is(&self, value: Decimal) -> bool {
        self.values.iter().any(|&read| match self.sign {
            Sign::None => read == value.abs(),
            Sign::Plus => read == value,
            Sign::Minus => -read == value,
        })
    }

    /// Says whether this is a part of a name rather than a number of its own: `30k`, `555-0100`.
    pub(super) fn is_identifier(&self) -> bool {
        self.word
            .iter()
            .any(|c| c.is_alphabetic() || matches!(c, '-' | '_' | '/'))
    }

    /// The number when it is written as digits only.
    pub(super) fn whole(&self) -> Option<i16> {
        let plain = self.sign == Sign::None && self.number.iter().all(char::is_ascii_digit);
        let digits = plain.then(|| self.number.iter().collect::<String>())?;
        digits.parse().ok()
    }
}

/// Lower-cases a text and writes its digits, signs and spaces in ASCII.
pub(super) fn fold_lower(text: &str) -> Vec<char> {
    text.chars()
        .map(fold)
        .flat_map(char::to_lowercase)
        .collect()
}

/// Finds all numbers of a text. `units` are the units of the dossier.
pub(super) fn numbers(text: &str, units: &[&str]) -> Vec<Written> {
    let original: Vec<char> = text.chars().collect();
    let folded = original.iter().copied().map(fold).collect::<Vec<_>>();
    let scanner = Scanner {
        original: &original,
        text: &folded,
        units,
    };
    scanner.scan()
}

struct Scanner<'t> {
    original: &'t [char],
    text: &'t [char],
    units: &'t [&'t str],
}

impl Scanner<'_> {
    fn scan(&self) -> Vec<Written> {
        let mut found = Vec::new();
        let mut next_item = 1;
        let mut at = 0;
        while let Some(c) = self.at(at) {
            if self.starts_item(at, next_item) {
                at += digits(next_item).len();
                next_item += 1;
            } else if c.is_ascii_digit() {
                let (end, written) = self.number(at);
                found.push(written);
                at = end;
            } else if c.is_alphabetic() && !self.letter_before(at) {
                let end = self.word_end(at);
                found.extend(self.number_in_words(at, end));
                at = end;
            } else {
                if c.is_numeric() && !is_raised(c) {
                    found.push(self.written(at, at + 1, Mark::Unreadable, at, at + 1));
                }
                at += 1;
            }
        }
        found
    }

    fn at(&self, at: usize) -> Option<char> {
        self.text.get(at).copied()
    }

    fn before(&self, at: usize) -> Option<char> {
        at.checked_sub(1).and_then(|before| self.at(before))
    }

    fn letter_before(&self, at: usize) -> bool {
        self.before(at).is_some_and(char::is_alphabetic)
    }

    fn run(&self, from: usize, belongs: impl Fn(char) -> bool) -> usize {
        let length = self.text.get(from..).unwrap_or_default().iter();
        from + length.take_while(|&&c| belongs(c)).count()
    }

    fn word_end(&self, from: usize) -> usize {
        self.run(from, char::is_alphabetic)
    }

    /// Says whether the next item of a numbered list starts here: `1.` or `1)` opens a line.
    fn starts_item(&self, at: usize, number: usize) -> bool {
        let digits = digits(number);
        let end = at + digits.len();
        let line_start = self
            .text
            .get(..at)
            .unwrap_or_default()
            .iter()
            .rev()
            .find(|c| **c != ' ')
            .is_none_or(|c| *c == '\n');
        line_start
            && self.text.get(at..end) == Some(&digits)
            && matches!(self.at(end), Some('.' | ')'))
            && self.at(end + 1).is_some_and(char::is_whitespace)
    }

    fn number(&self, start: usize) -> (usize, Written) {
        if let Some((end, mark)) = self.date(start) {
            return (end, self.written(start, end, mark, start, end));
        }
        let end = self.number_end(start);
        let (first, last, mark) = self.mark(start, end);
        let mut written = self.written(first, last, mark, start, end);
        written.values = values(&written.number);
        // `-$5` and `$-5` are both in use.
        let signs = [self.at(first), self.at(self.signed(start))];
        written.sign = match signs {
            _ if signs.contains(&Some('-')) => Sign::Minus,
            _ if signs.contains(&Some('+')) => Sign::Plus,
            _ => Sign::None,
        };
        (last.max(end), written)
    }

    /// Digits with separators inside; a space only in front of exactly three digits.
    fn number_end(&self, start: usize) -> usize {
        let mut end = self.run(start, |c| c.is_ascii_digit());
        let mut grouped = end - start <= 3 && !self.letter_before(start);
        loop {
            let next = self.run(end + 1, |c| c.is_ascii_digit());
            let length = next.saturating_sub(end + 1);
            match self.at(end) {
                Some('.' | ',' | '\'') if length > 0 => grouped &= length == 3,
                Some(' ') if grouped && length == 3 && !self.goes_on(next) => {}
                _ => return end,
            }
            end = next;
        }
    }

    /// Says whether digits that end here belong to a date or an identifier: `100-200`, `550x`.
    fn goes_on(&self, end: usize) -> bool {
        self.at(end)
            .is_some_and(|c| c.is_alphabetic() || c == '-' || c == '/')
    }

    /// Reads `2024-11-05`, `5.11.2024`, `11/5/24`, `2024-11` and `11/2024`.
    fn date(&self, start: usize) -> Option<(usize, Mark)> {
        if self.letter_before(start) {
            return None;
        }
        let first_end = self.run(start, |c| c.is_ascii_digit());
        let separator = self
            .at(first_end)
            .filter(|c| matches!(c, '-' | '/' | '.'))?;
        let second_end = self.run(first_end + 1, |c| c.is_ascii_digit());
        let first = (first_end - start, self.integer(start, first_end)?);
        let second = (
            second_end - first_end - 1,
            self.integer(first_end + 1, second_end)?,
        );
        if self.at(second_end) == Some(separator) {
            let end = self.run(second_end + 1, |c| c.is_ascii_digit());
            if let Some(third) = self.integer(second_end + 1, end) {
                let third = (end - second_end - 1, third);
                return dates(first, second, third).map(|read| (end, Mark::Date(read)));
            }
        }
        let month = match (first, second) {
            ((4, year), (1 | 2, month)) | ((1 | 2, month), (4, year)) if separator != '.' => {
                format!("{year}-{month}").parse().ok()?
            }
            _ => return None,
        };
        Some((second_end, Mark::Month(month)))
    }

    fn integer(&self, start: usize, end: usize) -> Option<i16> {
        let digits = self.text.get(start..end)?;
        digits.iter().collect::<String>().parse().ok()
    }

    /// An English number in words where it claims a figure: `thirty percent`, `two million`.
    fn number_in_words(&self, start: usize, end: usize) -> Option<Written> {
        let word: String = self.text.get(start..end)?.iter().collect();
        if !is_number_word(&word.to_lowercase()) {
            return None;
        }
        let rest = self.text.get(end..)?;
        let next = rest.iter().position(|c| !matches!(c, ' ' | '-'))?;
        let length = ends_number(rest.get(next..)?)?;
        let last = end + next + length;
        Some(self.written(start, last, Mark::Unreadable, start, end))
    }

    fn written(&self, first: usize, last: usize, mark: Mark, start: usize, end: usize) -> Written {
        let raw = self.original.get(first..last).unwrap_or_default();
        let number = self.text.get(start..end).unwrap_or_default();
        // Behind a currency even `30k` is a claim, and no name.
        let before = self.text.get(first..start).unwrap_or_default();
        let is_name = before.iter().all(|c| matches!(c, '+' | '-'));
        Written {
            raw: raw.iter().collect(),
            word: if is_name {
                self.word_around(start, end)
            } else {
                Vec::new()
            },
            number: number.iter().copied().filter(|c| *c != ' ').collect(),
            values: Vec::new(),
            sign: Sign::None,
            mark,
            years_nearby: self.years_near(start, end),
            months_nearby: self.months_beside(start, end),
        }
    }
}

fn digits(number: usize) -> Vec<char> {
    number.to_string().chars().collect()
}

/// Superscript and subscript digits belong to units and formulas: m², CO₂.
fn is_raised(c: char) -> bool {
    matches!(c, '²' | '³' | '¹' | '\u{2070}'..='\u{209c}')
}

/// Writes digits, signs, separators and spaces of every script in ASCII.
fn fold(c: char) -> char {
    match c {
        '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{202f}' => ' ',
        '\u{2212}' | '\u{fe63}' | '\u{ff0d}' | '\u{2011}' => '-',
        '\u{2019}' => '\'',
        '\u{66a}' | '\u{ff05}' => '%',
        '\u{66b}' | '\u{ff0e}' => '.',
        '\u{66c}' | '\u{ff0c}' => ',',
        _ => words::digit(c).unwrap_or(c),
    }
}
