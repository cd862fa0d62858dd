//! The language a document is written in.

use whatlang::Lang;

/// How much text is looked at. More does not change the answer.
const SAMPLE_BYTES: usize = 16 * 1024;

/// Returns the ISO 639-1 code of the text's language, when it is reliable: short texts and mere
/// tables of numbers have none.
pub(super) fn language(text: &str) -> Option<String> {
    let sample = &text[..text.floor_char_boundary(SAMPLE_BYTES)];
    let found = whatlang::detect(sample)?;
    let code = found
        .is_reliable()
        .then(|| two_letters(found.lang()))
        .flatten()?;
    Some(code.to_owned())
}

/// Two-letter codes of the languages that are detected. Source: ISO 639-1.
fn two_letters(language: Lang) -> Option<&'static str> {
    Some(match language.code() {
        "afr" => "af",
        "aka" => "ak",
        "amh" => "am",
        "ara" => "ar",
        "aze" => "az",
        "bel" => "be",
        "ben" => "bn",
        "bul" => "bg",
        "cat" => "ca",
        "ces" => "cs",
        "cmn" => "zh",
        "cym" => "cy",
        "dan" => "da",
        "deu" => "de",
        "ell" => "el",
        "eng" => "en",
        "epo" => "eo",
        "est" => "et",
        "fin" => "fi",
        "fra" => "fr",
        "guj" => "gu",
        "heb" => "he",
        "hin" => "hi",
        "hrv" => "hr",
        "hun" => "hu",
        "hye" => "hy",
        "ind" => "id",
        "ita" => "it",
        "jav" => "jv",
        "jpn" => "ja",
        "kan" => "kn",
        "kat" => "ka",
        "khm" => "km",
        "kor" => "ko",
        "lat" => "la",
        "lav" => "lv",
        "lit" => "lt",
        "mal" => "ml",
        "mar" => "mr",
        "mkd" => "mk",
        "mya" => "my",
        "nep" => "ne",
        "nld" => "nl",
        "nob" => "nb",
        "ori" => "or",
        "pan" => "pa",
        "pes" => "fa",
        "pol" => "pl",
        "por" => "pt",
        "ron" => "ro",
        "rus" => "ru",
        "sin" => "si",
        "slk" => "sk",
        "slv" => "sl",
        "sna" => "sn",
        "spa" => "es",
        "srp" => "sr",
        "swe" => "sv",
        "tam" => "ta",
        "tel" => "te",
        "tgl" => "tl",
        "tha" => "th",
        "tuk" => "tk",
        "tur" => "tr",
        "ukr" => "uk",
        "urd" => "ur",
        "uzb" => "uz",
        "vie" => "vi",
        "yid" => "yi",
        "zul" => "zu",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use whatlang::Lang;

    use super::*;

    #[test]
    fn clear_prose_has_a_language_and_numbers_have_none() {
        let english = "Your tuition for the autumn term was paid in full and no balance remains on your account today.";
        let german = "Die Rechnung wurde vollständig bezahlt, und auf Ihrem Konto ist kein offener Betrag mehr vorhanden.";
        assert_eq!(language(english).as_deref(), Some("en"));
        assert_eq!(language(german).as_deref(), Some("de"));
        assert_eq!(language("1 2 3 4 5 kWh"), None);
        assert_eq!(language(""), None);
    }

    #[test]
    fn every_detected_language_has_a_code() {
        for language in Lang::all() {
            assert!(two_letters(*language).is_some(), "{language:?}");
        }
    }
}
