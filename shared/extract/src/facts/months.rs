//! The names of months.

/// Longest name below, in bytes.
const LONGEST_BYTES: usize = 16;

/// Names and abbreviations in English, German, French, Spanish, Italian, Portuguese, Dutch, Polish,
/// Swedish and Danish. Left out are abbreviations that are words: Portuguese `out`, Italian `set`.
const NAMES: [&[&str]; 12] = [
    &[
        "january", "jan", "januar", "jänner", "janvier", "janv", "enero", "ene", "gennaio", "gen",
        "janeiro", "januari", "stycznia", "styczeń",
    ],
    &[
        "february",
        "feb",
        "februar",
        "février",
        "févr",
        "fév",
        "febrero",
        "febbraio",
        "fevereiro",
        "fev",
        "februari",
        "lutego",
        "luty",
    ],
    &[
        "march", "mar", "märz", "mär", "mars", "marzo", "março", "maart", "mrt", "marca", "marzec",
        "marts",
    ],
    &[
        "april",
        "apr",
        "avril",
        "avr",
        "abril",
        "abr",
        "aprile",
        "kwietnia",
        "kwiecień",
    ],
    &[
        "may", "mai", "mayo", "maggio", "mag", "maio", "mei", "maja", "maj",
    ],
    &[
        "june", "jun", "juni", "juin", "junio", "giugno", "giu", "junho", "czerwca", "czerwiec",
    ],
    &[
        "july", "jul", "juli", "juillet", "juil", "julio", "luglio", "lug", "julho", "lipca",
        "lipiec",
    ],
    &[
        "august",
        "aug",
        "août",
        "agosto",
        "ago",
        "augustus",
        "augusti",
        "sierpnia",
        "sierpień",
    ],
    &[
        "september",
        "sept",
        "sep",
        "septembre",
        "septiembre",
        "settembre",
        "setembro",
        "września",
        "wrzesień",
    ],
    &[
        "october",
        "oct",
        "oktober",
        "okt",
        "octobre",
        "octubre",
        "ottobre",
        "ott",
        "outubro",
        "października",
        "październik",
    ],
    &[
        "november",
        "nov",
        "novembre",
        "noviembre",
        "novembro",
        "listopada",
        "listopad",
    ],
    &[
        "december",
        "dec",
        "dezember",
        "dez",
        "décembre",
        "déc",
        "diciembre",
        "dic",
        "dicembre",
        "dezembro",
        "grudnia",
        "grudzień",
    ],
];

/// The number of a month from its name, in any case: 1 is January.
pub(super) fn month(name: &str) -> Option<i8> {
    if name.len() > LONGEST_BYTES {
        return None;
    }
    let name = name.to_lowercase();
    let index = NAMES
        .iter()
        .position(|names| names.contains(&name.as_str()))?;
    i8::try_from(index + 1).ok()
}
