//! Finds dates in a line, in the forms that documents use.

use jiff::civil::Date;

use super::months::month;

/// A date in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Byte where it begins.
    pub(super) start: usize,
    /// Byte after its end.
    pub(super) end: usize,
    /// What it says.
    pub(super) value: Value,
}

/// What the digits of a date say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// One date; a month alone is its first day.
    Sure(Date),
    /// `13/01/2024` or `01/13/2024`: one date, which tells the order of the document's others.
    Ordered { date: Date, order: Order },
    /// `02/01/2024`: one of two.
    Unsure { day_first: Date, month_first: Date },
}

/// Which of day and month stands first in dates with slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// 31/01/2024
    DayFirst,
    /// 01/31/2024
    MonthFirst,
}

impl Value {
    /// The date, read in this order where it could be two.
    pub(super) fn date(self, order: Order) -> Date {
        match (self, order) {
            (Self::Sure(date) | Self::Ordered { date, .. }, _) => date,
            (Self::Unsure { day_first, .. }, Order::DayFirst) => day_first,
            (Self::Unsure { month_first, .. }, Order::MonthFirst) => month_first,
        }
    }
}

/// The dates of a line from left to right.
pub(super) fn dates(line: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = line[at..].find(char::is_alphanumeric) {
        let start = at + offset;
        let word = word_length(&line[start..]);
        let touching = line[..start].chars().next_back();
        let second = line[..start].chars().rev().nth(1);
        // A digit joined by a mark to digits before it is the rest of something longer.
        let joined = touching.is_some_and(|c| "/-.:".contains(c))
            && second.is_some_and(char::is_alphanumeric);
        let range_end = touching.is_some_and(|c| c == '-')
            && found
                .last()
                .is_some_and(|last: &Found| last.end + 1 == start);
        let parsed = (!joined || range_end)
            .then(|| date_at(&line[start..]))
            .flatten();
        match parsed {
            Some((value, length)) => {
                found.push(Found {
                    start,
                    end: start + length,
                    value,
                });
                at = start + length;
            }
            None => at = start + word,
        }
    }
    found
}

/// The length of the run of letters or of digits that the text begins with.
fn word_length(text: &str) -> usize {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let same = |c: char| {
        if digits {
            c.is_ascii_digit()
        } else {
            c.is_alphanumeric() && !c.is_ascii_digit()
        }
    };
    let end = text.find(|c: char| !same(c)).unwrap_or(text.len());
    end.max(text.chars().next().map_or(1, char::len_utf8))
}

/// The date that the text begins with, and its length.
fn date_at(text: &str) -> Option<(Value, usize)> {
    let mut cursor = Cursor { text, at: 0 };
    let value = if text.starts_with(|c: char| c.is_ascii_digit()) {
        let digits = cursor.digits()?;
        match digits.len() {
            4 => cursor.after_year(digits.parse().ok()?)?,
            1 | 2 => cursor.after_day_or_month(digits.parse().ok()?)?,
            _ => return None,
        }
    } else {
        let month = cursor.month()?;
        cursor.after_month(month)?
    };
    let rest = &text[cursor.at..];
    let time_follows = rest.starts_with('T') && rest[1..].starts_with(|c: char| c.is_ascii_digit());
    let ends = !rest.starts_with(|c: char| c.is_alphanumeric())
        || time_follows
        || rest.starts_with(['年', '月', '日']);
    ends.then_some((value, cursor.at))
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Up to four digits; five and more are no part of a date.
    fn digits(&mut self) -> Option<&'a str> {
        let length = self
            .rest()
            .bytes()
            .take(5)
            .take_while(u8::is_ascii_digit)
            .count();
        let digits = self.rest().get(..length)?;
        self.at += length;
        (1..=4).contains(&length).then_some(digits)
    }

    /// Skips the mark if it is next.
    fn skip(&mut self, mark: char) -> bool {
        let next = self.rest().starts_with(mark);
        self.at += if next { mark.len_utf8() } else { 0 };
        next
    }

    /// Skips spaces, at most two.
    fn spaces(&mut self) {
        for _ in 0..2 {
            if !self.skip(' ') {
                self.skip('\u{a0}');
            }
        }
    }

    /// The mark that separates the digits of a date.
    fn mark(&mut self) -> Option<char> {
        let mark = self.rest().chars().next().filter(|c| "-/.".contains(*c))?;
        self.at += 1;
        if mark == '.' {
            self.skip(' ');
        }
        Some(mark)
    }

    fn month(&mut self) -> Option<i8> {
        let length = self
            .rest()
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(self.rest().len());
        // Most words are no month; most of them have no digit near, which is quicker to see.
        let near = self.rest().bytes().skip(length).take(8);
        if !near.into_iter().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = month(self.rest().get(..length)?)?;
        self.at += length;
        self.skip('.');
        Some(number)
    }

    /// `2024-01-15`, `2024/1/15`, `2024. 01. 15`, `2024年1月15日`, and without day `2024-01`.
    fn after_year(&mut self, year: i16) -> Option<Value> {
        if self.skip('年') {
            let month = self.digits()?.parse().ok()?;
            if !self.skip('月') {
                return None;
            }
            let back = self.at;
            let day = self.digits().and_then(|digits| digits.parse().ok());
            let whole = day.filter(|_| self.skip('日'));
            if whole.is_none() {
                self.at = back;
            }
            return sure(year, month, whole.unwrap_or(1));
        }
        let mark = self.mark()?;
        let month = self.digits().filter(|digits| digits.len() <= 2)?;
        let back = self.at;
        let day = (self.mark() == Some(mark)).then(|| self.digits()).flatten();
        let Some(day) = day.filter(|digits| digits.len() <= 2) else {
            self.at = back;
            let alone =
                month.len() == 2 && mark != '.' && !self.rest().starts_with(['-', '/', '.']);
            return alone.then(|| sure(year, month.parse().ok()?, 1)).flatten();
        };
        sure(year, month.parse().ok()?, day.parse().ok()?)
    }

    /// `15 January 2024`, `15.01.2024`, `01/15/2024`, `11/2024`.
    fn after_day_or_month(&mut self, first: i8) -> Option<Value> {
        let back = self.at;
        if let Some(value) = self.day_of_named_month(first) {
            return Some(value);
        }
        self.at = back;
        let mark = self.mark()?;
        let second = self.digits()?;
        if second.len() == 4 && mark == '/' && !self.rest().starts_with('/') {
            return sure(second.parse().ok()?, first, 1);
        }
        if second.len() > 2 || self.mark()? != mark {
            return None;
        }
        let year = self.year()?;
        let second = second.parse().ok()?;
        if mark == '.' {
            return sure(year, second, first);
        }
        match (date(year, second, first), date(year, first, second)) {
            (Some(day_first), Some(month_first)) if first != second => Some(Value::Unsure {
                day_first,
                month_first,
            }),
            (Some(date), Some(_)) => Some(Value::Sure(date)),
            (Some(date), None) => Some(Value::Ordered {
                date,
                order: Order::DayFirst,
            }),
            (None, Some(date)) => Some(Value::Ordered {
                date,
                order: Order::MonthFirst,
            }),
            (None, None) => None,
        }
    }

    /// ` January 2024`, `th of January, 2024`, `-Jan-2024`, `. Januar 2024`, ` de enero de 2024`.
    fn day_of_named_month(&mut self, day: i8) -> Option<Value> {
        for ordinal in ["st", "nd", "rd", "th", "er", "º", "."] {
            if let Some(after) = self.rest().strip_prefix(ordinal) {
                self.at = self.text.len() - after.len();
                break;
            }
        }
        self.joint();
        let month = self.month()?;
        self.skip(',');
        self.joint();
        let year = self.year()?;
        sure(year, month, day)
    }

    /// ` 15, 2024`, ` 2024`, `-2024`, and in other languages ` de 2024`.
    fn after_month(&mut self, month: i8) -> Option<Value> {
        self.skip(',');
        self.joint();
        let first = self.digits()?;
        if first.len() == 4 {
            return sure(first.parse().ok()?, month, 1);
        }
        for ordinal in ["st", "nd", "rd", "th"] {
            if let Some(after) = self.rest().strip_prefix(ordinal) {
                self.at = self.text.len() - after.len();
                break;
            }
        }
        let apart = self.skip(',') | self.rest().starts_with(' ');
        self.spaces();
        let year = self.digits().filter(|digits| digits.len() == 4 && apart)?;
        sure(year.parse().ok()?, month, first.parse().ok()?)
    }

    /// What may stand between day, month and year.
    fn joint(&mut self) {
        self.spaces();
        for word in ["of ", "de ", "del ", "-", "/"] {
            if let Some(after) = self.rest().strip_prefix(word) {
                self.at = self.text.len() - after.len();
                break;
            }
        }
        self.spaces();
    }

    /// Four digits, or two: up to 69 of this century, from 70 of the last. Source: POSIX `strptime`
    /// (which ends at 68) and what most spreadsheets do.
    fn year(&mut self) -> Option<i16> {
        let digits = self.digits()?;
        let year: i16 = digits.parse().ok()?;
        match digits.len() {
            4 => Some(year),
            2 if year < 70 => Some(2000 + year),
            2 => Some(1900 + year),
            _ => None,
        }
    }
}

fn sure(year: i16, month: i8, day: i8) -> Option<Value> {
    date(year, month, day).map(Value::Sure)
}

/// A date that a document may carry: others are misread numbers.
fn date(year: i16, month: i8, day: i8) -> Option<Date> {
    (1900..2200)
        .contains(&year)
        .then(|| Date::new(year, month, day).ok())
        .flatten()
}

#[cfg(test)]
mod tests;
