//! Chooses what to repeat of a document.
//!
//! Prose is ranked by how many of the document's recurring words a sentence has for its length, by
//! where it stands, and by whether it has the document's own date or amount. Forms, bills and
//! tables are ranked by what a line is: the heading, the labelled total, dates, values. Sums are of
//! whole numbers and ties go to the earlier passage, so the choice is the same everywhere.

use std::collections::BTreeSet;

use domain::facts::Facts;

use super::passages::{self, Kind, Passage};
use super::words::{self, Frequencies};

/// Most sentences of prose.
const SENTENCES: usize = 3;
/// Most lines of a form, its heading included.
const LINES: usize = 7;
/// What a line of a form gets for standing at its top, which alone is no reason to repeat it.
const POSITION: u64 = 5;
/// Longest summary, in characters; the first choice is taken however long it is.
const CHARACTERS: usize = 600;
/// Longest beginning that stands for a text without passages, in characters.
const BEGINNING: usize = 300;

/// Summarizes the parts of a document that were read. `None` when they are blank.
pub(super) fn summarize(parts: &[&str], facts: &Facts) -> Option<String> {
    let mut summary = String::new();
    let mut before: Option<Kind> = None;
    for passage in choose(parts, facts)? {
        let both_prose = passage.kind == Kind::Sentence && before == Some(Kind::Sentence);
        if before.is_some() {
            summary.push(if both_prose { ' ' } else { '\n' });
        }
        summary.push_str(&passage.text);
        before = Some(passage.kind);
    }
    Some(summary)
}

/// Chooses what to repeat, in the order of the document.
pub(super) fn choose(parts: &[&str], facts: &Facts) -> Option<Vec<Passage>> {
    let passages = distinct(parts.iter().flat_map(|part| passages::cut(part)));
    let marks = Marks::of(facts);
    let mut chosen = if is_form(&passages, &marks) {
        form(&passages, &marks)
    } else {
        prose(&passages, &marks)
    };
    if chosen.is_empty() {
        return beginning(parts).map(|passage| vec![passage]);
    }
    chosen.sort_unstable();
    let chosen = chosen
        .into_iter()
        .filter_map(|at| passages.get(at).cloned());
    Some(chosen.collect())
}

/// Leaves out repetitions, such as the head of every page.
fn distinct(passages: impl Iterator<Item = Passage>) -> Vec<Passage> {
    let mut seen = BTreeSet::new();
    passages
        .filter(|passage| seen.insert(passage.text.clone()))
        .collect()
}

/// Says whether the document is made of records rather than of prose.
fn is_form(passages: &[Passage], marks: &Marks) -> bool {
    let characters = |kind: Kind| -> usize {
        let of_kind = passages.iter().filter(|passage| passage.kind == kind);
        of_kind.map(|passage| passage.text.len()).sum()
    };
    let records = passages.iter().filter(|p| p.kind == Kind::Record);
    let has_total = records
        .clone()
        .any(|passage| marks.amount_in(&passage.text));
    // Bills end in terms of payment, which are prose but not what the bill is about.
    let factor = if has_total { 8 } else { 2 };
    records.count() >= 2 && characters(Kind::Sentence) < factor * characters(Kind::Record)
}

/// How the date and the amount of the document look in its text.
struct Marks {
    amounts: Vec<String>,
    dates: Vec<String>,
    units: Vec<String>,
}

impl Marks {
    fn of(facts: &Facts) -> Self {
        let amounts = facts.amount.map_or_else(Vec::new, |money| {
            let plain = money.amount.abs().to_string();
            let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
            let grouped = |separator: &str| group(whole, separator);
            let joined = |whole: String, point: &str| match fraction {
                "" => whole,
                fraction => format!("{whole}{point}{fraction}"),
            };
            vec![
                plain.clone(),
                joined(whole.to_owned(), ","),
                joined(grouped(","), "."),
                joined(grouped("."), ","),
                joined(grouped(" "), ","),
            ]
        });
        let dates = facts.document_date.map_or_else(Vec::new, |date| {
            [
                "%Y-%m-%d",
                "%B %-d, %Y",
                "%b %-d, %Y",
                "%-d %B %Y",
                "%m/%d/%Y",
                "%d.%m.%Y",
                "%B %Y",
            ]
            .into_iter()
            .map(|format| date.strftime(format).to_string())
            .collect()
        });
        let units = facts
            .quantities
            .iter()
            .map(|q| format!(" {}", q.unit))
            .collect();
        Self {
            amounts,
            dates,
            units,
        }
    }

    fn amount_in(&self, text: &str) -> bool {
        self.amounts
            .iter()
            .any(|amount| contains_number(text, amount))
    }

    fn date_in(&self, text: &str) -> bool {
        self.dates.iter().any(|date| text.contains(date))
    }

    fn quantity_in(&self, text: &str) -> bool {
        self.units.iter().any(|unit| text.contains(unit))
    }
}

/// Puts separators between groups of three digits.
fn group(whole: &str, separator: &str) -> String {
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push_str(separator);
        }
        grouped.push(digit);
    }
    grouped
}

/// Says whether a text has this number and not only a longer one.
fn contains_number(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text
            .get(at + number.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(|c| c.is_ascii_digit()) && !after.is_some_and(|c| c.is_ascii_digit())
    })
}

/// Chooses sentences, each with something the ones before it do not say.
fn prose(passages: &[Passage], marks: &Marks) -> Vec<usize> {
    let has_sentences = passages.iter().any(|p| p.kind == Kind::Sentence);
    let candidates: Vec<(usize, &Passage, BTreeSet<String>)> = passages
        .iter()
        .enumerate()
        .filter(|(_, passage)| !has_sentences || passage.kind == Kind::Sentence)
        .map(|(at, passage)| (at, passage, words::content(&passage.text)))
        .collect();
    let mut frequencies = Frequencies::default();
    for (_, _, words) in &candidates {
        frequencies.add(words);
    }
    let heading = passages.first().filter(|p| p.kind == Kind::Line);
    let heading = heading.map_or_else(BTreeSet::new, |p| words::content(&p.text));
    let mut ranked: Vec<(u64, usize, &Passage, &BTreeSet<String>)> = candidates
        .iter()
        .enumerate()
        .map(|(rank, (at, passage, words))| {
            let score = prose_score(rank, &passage.text, words, &heading, &frequencies, marks);
            (score, *at, *passage, words)
        })
        .collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut said: BTreeSet<&String> = BTreeSet::new();
    let fresh = ranked.into_iter().filter(|(_, _, _, words)| {
        let known = words.iter().filter(|word| said.contains(word)).count();
        let fresh = words.is_empty() || known * 10 <= words.len() * 6;
        if fresh {
            said.extend(words.iter());
        }
        fresh
    });
    take(fresh.map(|(_, at, passage, _)| (at, passage)), SENTENCES)
}

fn prose_score(
    rank: usize,
    text: &str,
    words: &BTreeSet<String>,
    heading: &BTreeSet<String>,
    frequencies: &Frequencies,
    marks: &Marks,
) -> u64 {
    let weight: u64 = words.iter().map(|word| frequencies.weight(word)).sum();
    // The eight keeps a sentence of one frequent word from winning.
    let density = 1_000 * (1 + weight) / (8 + words.len() as u64);
    let position = match rank {
        0 => 100,
        1 | 2 => 40,
        3..=9 => 15,
        _ => 0,
    };
    let named = 20 * words.intersection(heading).count().min(3) as u64;
    let facts = 60 * u64::from(marks.amount_in(text)) + 30 * u64::from(marks.date_in(text));
    density * (100 + position + named + facts) / 100
}

/// Chooses the heading and the lines that matter most.
fn form(passages: &[Passage], marks: &Marks) -> Vec<usize> {
    let is_heading = |passage: &Passage| {
        passage.kind != Kind::Record
            && passage.text.chars().filter(|c| c.is_alphabetic()).count() >= 4
    };
    let heading = passages
        .iter()
        .take(5)
        .position(is_heading)
        .unwrap_or_default();
    let mut ranked: Vec<(u64, usize, &Passage)> = passages
        .iter()
        .enumerate()
        .map(|(at, passage)| {
            let score = if at == heading {
                u64::MAX
            } else {
                line_score(at, passage, marks)
            };
            (score, at, passage)
        })
        .filter(|(score, _, _)| *score > POSITION)
        .collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    take(
        ranked.into_iter().map(|(_, at, passage)| (at, passage)),
        LINES,
    )
}

fn line_score(at: usize, passage: &Passage, marks: &Marks) -> u64 {
    let text = &passage.text;
    let lower = text.to_lowercase();
    let labels = |labels: &[&str]| labels.iter().any(|label| lower.contains(label));
    let value = text.chars().any(|c| c.is_ascii_digit());
    let record = passage.kind == Kind::Record;
    let signs = [
        (100, marks.amount_in(text)),
        (40, value && labels(&TOTALS)),
        (30, marks.quantity_in(text)),
        (25, marks.date_in(text)),
        (15, value && labels(&DATES)),
        (15, record && value),
        (10, record),
        (POSITION, at < 5),
    ];
    signs
        .iter()
        .filter(|(_, holds)| *holds)
        .map(|(points, _)| points)
        .sum()
}

/// What labels a total, in the languages of the common words.
const TOTALS: [&str; 12] = [
    "total",
    "amount due",
    "balance",
    "amount paid",
    "sum",
    "summe",
    "gesamt",
    "betrag",
    "montant",
    "solde",
    "importe",
    "saldo",
];

/// What labels a date or a period.
const DATES: [&str; 10] = [
    "date",
    "due",
    "period",
    "datum",
    "zeitraum",
    "échéance",
    "fecha",
    "vencimiento",
    "issued",
    "usage",
];

/// Takes the first of ranked passages that fit.
fn take<'p>(ranked: impl Iterator<Item = (usize, &'p Passage)>, most: usize) -> Vec<usize> {
    let mut left = CHARACTERS;
    let mut chosen = Vec::new();
    for (at, passage) in ranked {
        let length = passage.text.chars().count();
        if chosen.is_empty() || length <= left {
            left = left.saturating_sub(length);
            chosen.push(at);
        }
        if chosen.len() == most {
            break;
        }
    }
    chosen
}

/// Returns the beginning of a text that has no passages: data without sentences or lines.
fn beginning(parts: &[&str]) -> Option<Passage> {
    let text = passages::normalize(parts.first()?);
    let end = text
        .char_indices()
        .nth(BEGINNING)
        .map_or(text.len(), |(at, _)| at);
    let cut = text.get(..end).unwrap_or_default();
    let whole_words = if end == text.len() {
        cut
    } else {
        cut.rsplit_once(' ').map_or(cut, |(words, _)| words)
    };
    (!whole_words.is_empty()).then(|| Passage {
        text: whole_words.to_owned(),
        kind: Kind::Line,
    })
}
