//! Words and signs that say what a number is.

/// The first digit of every script whose ten digits follow each other. Source: Unicode 16, general
/// category `Nd`, the scripts in modern use.
const ZEROS: [char; 24] = [
    '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}',
    '\u{be6}', '\u{c66}', '\u{ce6}', '\u{d66}', '\u{de6}', '\u{e50}', '\u{ed0}', '\u{f20}',
    '\u{1040}', '\u{17e0}', '\u{1810}', '\u{1946}', '\u{1b50}', '\u{a8d0}', '\u{a9d0}', '\u{ff10}',
];

/// Returns the ASCII digit of a digit in another script.
pub(super) fn digit(c: char) -> Option<char> {
    ZEROS.iter().find_map(|&zero| {
        let offset = u32::from(c).checked_sub(u32::from(zero))?;
        char::from_digit(offset, 10)
    })
}

/// Currencies a sign stands for.
const SYMBOLS: [(char, &[&str]); 13] = [
    (
        '$',
        &[
            "USD", "CAD", "AUD", "NZD", "HKD", "SGD", "MXN", "ARS", "CLP", "COP", "TWD", "BRL",
        ],
    ),
    ('€', &["EUR"]),
    ('£', &["GBP", "EGP"]),
    ('¥', &["JPY", "CNY"]),
    ('\u{ffe5}', &["JPY", "CNY"]),
    ('₹', &["INR"]),
    ('₽', &["RUB"]),
    ('₩', &["KRW"]),
    ('₺', &["TRY"]),
    ('₪', &["ILS"]),
    ('₫', &["VND"]),
    ('₴', &["UAH"]),
    ('฿', &["THB"]),
];

/// Returns the currencies a sign may stand for; for a rare sign none, which means any.
pub(super) fn currency_codes(sign: char) -> Option<&'static [&'static str]> {
    let known = SYMBOLS.iter().find(|(symbol, _)| *symbol == sign);
    match known {
        Some((_, codes)) => Some(codes),
        // The block of currency symbols, the cent and the general sign.
        None if matches!(sign, '\u{20a0}'..='\u{20cf}' | '¢' | '¤') => Some(&[]),
        None => None,
    }
}

/// Codes that mark money. Source: ISO 4217, the currencies of the larger economies.
const CODES: [&str; 49] = [
    "AED", "ARS", "AUD", "BDT", "BGN", "BHD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK",
    "DKK", "EGP", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JOD", "JPY", "KES",
    "KRW", "KWD", "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "OMR", "PEN", "PHP", "PKR", "PLN",
    "RON", "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "USD", "ZAR",
];

/// Returns the currency a word is the code of.
pub(super) fn currency_code(word: &str) -> Option<&'static str> {
    CODES.into_iter().find(|code| *code == word)
}

/// Returns the currencies an English word names.
pub(super) fn currency_word(word: &str) -> Option<&'static [&'static str]> {
    match word {
        "dollar" | "dollars" | "bucks" => currency_codes('$'),
        "euro" | "euros" => currency_codes('€'),
        "yen" => Some(&["JPY"]),
        "yuan" => Some(&["CNY"]),
        "rupee" | "rupees" => Some(&["INR", "PKR"]),
        "cents" => Some(&[]),
        _ => None,
    }
}

/// Returns how long the word for percent is that a text begins with.
pub(super) fn percent_word(text: &[char]) -> Option<usize> {
    const WORDS: [&str; 13] = [
        "percentage",
        "percento",
        "percent",
        "per cento",
        "per cent",
        "por ciento",
        "por cento",
        "pour cent",
        "pourcent",
        "procent",
        "prozent",
        "pct",
        "процент",
    ];
    let begins = |word: &&str| {
        let mut letters = text.iter().flat_map(|c| c.to_lowercase());
        word.chars().all(|c| letters.next() == Some(c))
    };
    WORDS
        .into_iter()
        .find(begins)
        .map(|word| word.chars().count())
}

/// Says whether a word multiplies the number before it. No figure is written so.
pub(super) fn scale_word(word: &str) -> bool {
    matches!(
        word,
        "hundred"
            | "hundreds"
            | "thousand"
            | "thousands"
            | "million"
            | "millions"
            | "billion"
            | "billions"
            | "trillion"
            | "dozen"
            | "dozens"
            | "k"
            | "mio"
            | "mrd"
            | "tausend"
            | "millionen"
            | "mille"
            | "mil"
            | "millones"
    )
}

/// The East Asian characters that multiply the number before them.
pub(super) fn is_myriad(c: char) -> bool {
    matches!(c, '百' | '千' | '万' | '萬' | '億' | '亿' | '만' | '억')
}

/// Says whether a lower-case English word is a number.
pub(super) fn is_number_word(word: &str) -> bool {
    const WORDS: [&str; 29] = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "hundred",
        "thousand",
    ];
    WORDS.contains(&word)
}

/// Returns how long the percent, currency or multiplier is that a text begins with.
pub(super) fn ends_number(text: &[char]) -> Option<usize> {
    if text.first() == Some(&'%') {
        return Some(1);
    }
    if let Some(length) = percent_word(text) {
        return Some(length);
    }
    let word: String = text.iter().take_while(|c| c.is_alphabetic()).collect();
    let lower = word.to_lowercase();
    let ends = currency_code(&word).is_some() || currency_word(&lower).is_some();
    (ends || scale_word(&lower)).then(|| word.chars().count())
}

/// Returns the month an English name or its short form names.
pub(super) fn month_of(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let index = MONTHS
        .iter()
        .position(|month| word.len() >= 3 && month.starts_with(word))?;
    i8::try_from(index + 1).ok()
}
