//! Cuts text into what can be repeated: sentences of prose, and lines of forms, bills and tables.

use unicode_segmentation::UnicodeSegmentation;

/// Read of the beginning of a document, in bytes.
const HEAD: usize = 96 * 1024;
/// Read of its end.
const TAIL: usize = 32 * 1024;

/// Longest passage, in characters. What is longer is no sentence, but data.
const MAX_CHARACTERS: usize = 400;
/// A line shorter than this was ended by its author, a longer one perhaps by the page.
const WRAPPED: usize = 40;

/// A sentence or a line, with white space made single spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) text: String,
    pub(super) kind: Kind,
}

/// What a passage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A sentence of prose.
    Sentence,
    /// A line that is neither a sentence nor a record: a heading, an address.
    Line,
    /// A line with a label and a value, or with columns.
    Record,
}

/// Returns the parts of a text that are read: all of it, or its beginning and its end.
pub(super) fn sample(text: &str) -> Vec<&str> {
    if text.len() <= HEAD + TAIL {
        return vec![text];
    }
    let head = text
        .get(..text.floor_char_boundary(HEAD))
        .unwrap_or_default();
    let tail = text
        .get(text.ceil_char_boundary(text.len() - TAIL)..)
        .unwrap_or_default();
    // Not from or to the middle of a line, or at least not of a word.
    let head = head
        .rfind('\n')
        .or_else(|| head.rfind(char::is_whitespace))
        .map_or(head, |end| &head[..end]);
    let tail = tail
        .find('\n')
        .or_else(|| tail.find(char::is_whitespace))
        .map_or(tail, |start| &tail[start..]);
    vec![head, tail]
}

/// Cuts a text into passages, each once, in the order of the text.
pub(super) fn cut(text: &str) -> Vec<Passage> {
    let mut passages = Vec::new();
    let mut prose = String::new();
    for raw in text.lines() {
        let line = normalize(strip_marker(raw));
        let record = is_record(raw, &line);
        let continues = !prose.is_empty() && !record && !line.is_empty() && !has_marker(raw);
        if !continues {
            flush(&mut prose, &mut passages);
        }
        if record {
            push(&mut passages, line, Kind::Record);
        } else if !line.is_empty() {
            let wrapped = line.chars().count() >= WRAPPED && !has_heading_marker(raw);
            if !prose.is_empty() {
                prose.push(' ');
            }
            prose.push_str(&line);
            if !wrapped {
                flush(&mut prose, &mut passages);
            }
        }
    }
    flush(&mut prose, &mut passages);
    passages
}

/// Makes all white space and control characters single spaces.
pub(super) fn normalize(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Says whether a text ends like a sentence, quotes and brackets aside.
pub(super) fn ends_sentence(text: &str) -> bool {
    text.trim_end_matches(['"', '\'', ')', ']', '”', '’', '»', '」', '）'])
        .ends_with(['.', '!', '?', '…', '。', '！', '？', '।', '؟'])
}

/// Cuts collected prose into sentences.
fn flush(prose: &mut String, passages: &mut Vec<Passage>) {
    let mut sentence = String::new();
    for piece in prose.split_sentence_bounds() {
        sentence.push_str(piece);
        if !ends_with_abbreviation(&sentence) {
            push_prose(passages, &sentence);
            sentence.clear();
        }
    }
    push_prose(passages, &sentence);
    prose.clear();
}

fn push_prose(passages: &mut Vec<Passage>, sentence: &str) {
    let text = sentence.trim();
    let words = text.unicode_words().count();
    let kind = if ends_sentence(text) && words >= 4 {
        Kind::Sentence
    } else {
        Kind::Line
    };
    push(passages, text.to_owned(), kind);
}

/// Takes a passage in when it says something.
fn push(passages: &mut Vec<Passage>, text: String, kind: Kind) {
    let (mut telling, mut all) = (0, 0);
    for c in text.chars() {
        telling += usize::from(c.is_alphanumeric());
        all += usize::from(!c.is_whitespace());
    }
    let page_number = telling < 16 && text.to_lowercase().starts_with("page ");
    if telling >= 2 && telling * 2 >= all && all <= MAX_CHARACTERS && !page_number {
        passages.push(Passage { text, kind });
    }
}

/// Says whether the dot at the end belongs to an abbreviation, so that a sentence goes on.
fn ends_with_abbreviation(sentence: &str) -> bool {
    const ABBREVIATIONS: [&str; 28] = [
        "mr", "mrs", "ms", "dr", "prof", "st", "no", "nr", "inc", "ltd", "co", "corp", "vs", "e.g",
        "i.e", "approx", "dept", "fig", "art", "abs", "bzw", "z.b", "ca", "str", "sra", "sr",
        "mme", "jr",
    ];
    let Some(rest) = sentence.trim_end().strip_suffix('.') else {
        return false;
    };
    let word = rest.rsplit(|c: char| c.is_whitespace() || c == '(').next();
    let word = word.unwrap_or_default();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

/// Takes off what opens a heading, a quotation or an item of a list in Markdown and mail.
fn strip_marker(line: &str) -> &str {
    let line = line.trim();
    let stripped = line.trim_start_matches(['#', '>', '•', '·', '▪', '*', '-']);
    match stripped.chars().next() {
        // `-5` and `**bold**` are not opened by a marker.
        Some(c) if c.is_whitespace() || line.starts_with(['•', '·', '▪']) => {
            stripped.trim_start()
        }
        _ => line,
    }
}

fn has_marker(line: &str) -> bool {
    strip_marker(line).len() != line.trim().len()
}

fn has_heading_marker(line: &str) -> bool {
    line.trim_start().starts_with('#') && has_marker(line)
}

/// Says whether a line has columns, or a label with a value.
fn is_record(raw: &str, line: &str) -> bool {
    let raw = raw.trim();
    let columns = raw.contains('\t')
        || raw.contains("   ")
        || raw.contains(" | ")
        || raw.contains("....")
        || (raw.matches(',').count() >= 2 && !raw.contains(", ") && !ends_sentence(raw));
    let labelled = line.split_once(':').is_some_and(|(label, value)| {
        let length = label.chars().count();
        (2..=WRAPPED).contains(&length)
            && (value.starts_with(' ') && value.len() > 1)
            && line.chars().count() <= 120
            && !label.contains(['.', ','])
            && label.split(' ').count() <= 5
    });
    columns || labelled || ends_with_amount(line)
}

/// Says whether the last word is a number with two decimals: the end of an item of a bill.
fn ends_with_amount(line: &str) -> bool {
    let word = line.rsplit(' ').next().unwrap_or_default();
    let number = word.trim_end_matches(|c: char| !c.is_ascii_digit());
    let mut tail = number.chars().rev();
    let cents = tail.next().is_some_and(|c| c.is_ascii_digit())
        && tail.next().is_some_and(|c| c.is_ascii_digit())
        && matches!(tail.next(), Some('.' | ','))
        && tail.next().is_some_and(|c| c.is_ascii_digit());
    cents && word.len() - number.len() <= 4 && line.chars().count() <= 120
}
