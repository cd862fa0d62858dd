//! Currency marks before and after numbers: symbols, codes and abbreviations.

use std::collections::HashMap;
use std::sync::LazyLock;

use domain::facts::Currency;

/// What a mark says. Some signs are shared by several currencies; the document decides those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mark {
    /// One currency.
    Code(&'static str),
    /// `$` alone.
    Dollar,
    /// `kr`.
    Krona,
    /// `¥`.
    Yen,
}

/// The currencies that a shared sign may mean, the usual one first.
const DOLLARS: &[&str] = &[
    "USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "TWD", "ARS", "CLP", "COP",
];
const KRONAS: &[&str] = &["SEK", "NOK", "DKK", "ISK"];
const YENS: &[&str] = &["JPY", "CNY"];

/// ISO 4217 codes that are read in text. Left out are those that are also English words (`ALL`,
/// `TOP`, `CUP`) and those of metals and funds.
const CODES: &[&str] = &[
    "AED", "ARS", "AUD", "BGN", "BHD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK",
    "EGP", "EUR", "GBP", "GEL", "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KES", "KRW",
    "KWD", "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "PEN", "PHP", "PKR", "PLN", "QAR", "RON",
    "RSD", "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD", "UYU", "VND", "ZAR",
];

/// Other marks.
const MARKS: &[(&str, Mark)] = &[
    ("US$", Mark::Code("USD")),
    ("U$S", Mark::Code("USD")),
    ("CA$", Mark::Code("CAD")),
    ("C$", Mark::Code("CAD")),
    ("AU$", Mark::Code("AUD")),
    ("A$", Mark::Code("AUD")),
    ("NZ$", Mark::Code("NZD")),
    ("HK$", Mark::Code("HKD")),
    ("NT$", Mark::Code("TWD")),
    ("MX$", Mark::Code("MXN")),
    ("R$", Mark::Code("BRL")),
    ("S$", Mark::Code("SGD")),
    ("$", Mark::Dollar),
    ("€", Mark::Code("EUR")),
    ("£", Mark::Code("GBP")),
    ("¥", Mark::Yen),
    ("円", Mark::Code("JPY")),
    ("元", Mark::Code("CNY")),
    ("₹", Mark::Code("INR")),
    ("₩", Mark::Code("KRW")),
    ("₽", Mark::Code("RUB")),
    ("₺", Mark::Code("TRY")),
    ("₴", Mark::Code("UAH")),
    ("₪", Mark::Code("ILS")),
    ("₫", Mark::Code("VND")),
    ("₱", Mark::Code("PHP")),
    ("₦", Mark::Code("NGN")),
    ("฿", Mark::Code("THB")),
    ("zł", Mark::Code("PLN")),
    ("Kč", Mark::Code("CZK")),
    ("Ft", Mark::Code("HUF")),
    ("Fr.", Mark::Code("CHF")),
    ("SFr.", Mark::Code("CHF")),
    ("лв.", Mark::Code("BGN")),
    ("лв", Mark::Code("BGN")),
    ("руб.", Mark::Code("RUB")),
    ("грн", Mark::Code("UAH")),
    ("lei", Mark::Code("RON")),
    ("kr.", Mark::Krona),
    ("kr", Mark::Krona),
    ("euros", Mark::Code("EUR")),
    ("euro", Mark::Code("EUR")),
    ("Euro", Mark::Code("EUR")),
    ("dollars", Mark::Dollar),
    ("Rs.", Mark::Code("INR")),
    ("Rs", Mark::Code("INR")),
    ("RMB", Mark::Code("CNY")),
];

/// Which currencies the shared signs of a document mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signs {
    dollar: &'static str,
    krona: &'static str,
    yen: &'static str,
}

impl Signs {
    /// A shared sign means its usual currency, unless the document names, by code, another currency
    /// of that sign and never the usual one.
    pub(super) fn stated_in(text: &str) -> Self {
        Self {
            dollar: stated(text, DOLLARS),
            krona: stated(text, KRONAS),
            yen: stated(text, YENS),
        }
    }

    /// The currency a mark stands for.
    pub(super) fn resolve(self, mark: Mark) -> Option<Currency> {
        let code = match mark {
            Mark::Code(code) => code,
            Mark::Dollar => self.dollar,
            Mark::Krona => self.krona,
            Mark::Yen => self.yen,
        };
        code.parse().ok()
    }
}

fn stated(text: &str, codes: &[&'static str]) -> &'static str {
    let (usual, others) = (codes[0], &codes[1..]);
    if names_code(text, usual) {
        return usual;
    }
    let other = others.iter().find(|code| names_code(text, code));
    other.copied().unwrap_or(usual)
}

/// Whether the text has the code as a word of its own.
fn names_code(text: &str, code: &str) -> bool {
    text.match_indices(code).any(|(start, _)| {
        let end = start + code.len();
        !text[..start].ends_with(char::is_alphanumeric)
            && !text[end..].starts_with(char::is_alphabetic)
    })
}

/// Every mark and code by a character of it: the last one, or the first one.
struct Index(HashMap<char, Vec<(Mark, &'static str)>>);

impl Index {
    fn new(character: impl Fn(&str) -> Option<char>) -> Self {
        let mut by_character: HashMap<char, Vec<(Mark, &'static str)>> = HashMap::new();
        let signs = MARKS.iter().map(|&(text, mark)| (mark, text));
        let codes = CODES.iter().map(|&code| (Mark::Code(code), code));
        for (mark, text) in signs.chain(codes) {
            by_character
                .entry(character(text).unwrap_or_default())
                .or_default()
                .push((mark, text));
        }
        Self(by_character)
    }

    /// The longest mark with this character for which the test holds.
    fn longest(
        &self,
        character: Option<char>,
        fits: impl Fn(&str) -> bool,
    ) -> Option<(Mark, &'static str)> {
        let candidates = self.0.get(&character?)?;
        let fitting = candidates.iter().filter(|(_, text)| fits(text));
        fitting.max_by_key(|(_, text)| text.len()).copied()
    }
}

static BY_LAST: LazyLock<Index> = LazyLock::new(|| Index::new(|text| text.chars().next_back()));
static BY_FIRST: LazyLock<Index> = LazyLock::new(|| Index::new(|text| text.chars().next()));

/// The mark that ends at `end`, with at most one space between, and where it begins.
pub(super) fn mark_before(line: &str, end: usize) -> Option<(Mark, usize)> {
    let head = &line[..end];
    let head = head
        .strip_suffix([' ', '\u{a0}', '\u{202f}'])
        .unwrap_or(head);
    let (mark, text) = BY_LAST.longest(head.chars().next_back(), |text| {
        let rest = head.strip_suffix(text);
        let spelled = text.starts_with(char::is_alphabetic);
        rest.is_some_and(|rest| !(spelled && rest.ends_with(char::is_alphanumeric)))
    })?;
    Some((mark, head.len() - text.len()))
}

/// The mark that begins at `start`, with at most one space between, and where it ends.
pub(super) fn mark_after(line: &str, start: usize) -> Option<(Mark, usize)> {
    let tail = &line[start..];
    let tail = tail
        .strip_prefix([' ', '\u{a0}', '\u{202f}'])
        .unwrap_or(tail);
    let (mark, text) = BY_FIRST.longest(tail.chars().next(), |text| {
        let rest = tail.strip_prefix(text);
        let spelled = text.ends_with(char::is_alphabetic);
        rest.is_some_and(|rest| !(spelled && rest.starts_with(char::is_alphanumeric)))
    })?;
    Some((mark, line.len() - tail.len() + text.len()))
}

/// The one currency that a piece of text such as a column's header names: `Amount (USD)`, `cost_eur`,
/// `Price €`.
pub(super) fn named_in(text: &str) -> Option<Mark> {
    let symbols = MARKS
        .iter()
        .filter(|(sign, _)| sign.contains(|c: char| !c.is_alphanumeric() && c != '.'));
    let by_sign = symbols
        .filter(|(sign, _)| text.contains(sign))
        .max_by_key(|(sign, _)| sign.len());
    if let Some((_, mark)) = by_sign {
        return Some(*mark);
    }
    let mut words = text.split(|c: char| !c.is_alphabetic());
    words.find_map(|word| code(&word.to_uppercase()))
}

/// The currency of a word that is a code.
pub(super) fn code(word: &str) -> Option<Mark> {
    let index = CODES.binary_search(&word).ok()?;
    Some(Mark::Code(CODES[index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_for_binary_search() {
        assert!(CODES.is_sorted());
    }

    #[test]
    fn shared_signs_mean_what_the_document_states() {
        let dollar = |text: &str| {
            Signs::stated_in(text)
                .resolve(Mark::Dollar)
                .unwrap()
                .to_string()
        };
        assert_eq!(dollar("Total $5"), "USD");
        assert_eq!(dollar("Prices in CAD"), "CAD");
        assert_eq!(dollar("1 CAD is 0.74 USD"), "USD");
        assert_eq!(dollar("CADILLAC"), "USD");
    }

    #[test]
    fn headers_name_their_currency() {
        assert_eq!(named_in("Amount (USD)"), Some(Mark::Code("USD")));
        assert_eq!(named_in("cost_eur"), Some(Mark::Code("EUR")));
        assert_eq!(named_in("Price CA$"), Some(Mark::Code("CAD")));
        assert_eq!(named_in("Amount"), None);
    }
}
