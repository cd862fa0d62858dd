//! Plain text in any encoding.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::extraction::Extraction;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::tidy::tidy;

/// How many bytes the encoding is guessed from. A guess settles long before.
const GUESS_BYTES: usize = 256 * 1024;

/// Reads plain text, source code, JSON, YAML and XML as they are.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Extraction, Failure> {
    let text = tidy(&decode(bytes));
    if text.len() as u64 > limits.text_bytes {
        return Err(Failure::too_much_text(limits.text_bytes));
    }
    Ok(Extraction::text(text, None))
}

/// Decodes by byte order mark, else as UTF-8 when it is valid, else as UTF-16 when it looks so,
/// else in the most likely legacy encoding. What cannot be decoded becomes U+FFFD.
pub(crate) fn decode(bytes: &[u8]) -> String {
    if let Some((encoding, mark_bytes)) = Encoding::for_bom(bytes) {
        return encoding
            .decode_without_bom_handling(&bytes[mark_bytes..])
            .0
            .into_owned();
    }
    let utf16 = utf16_without_mark(bytes);
    if let Some(encoding) = utf16 {
        return encoding.decode_without_bom_handling(bytes).0.into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => guess(bytes)
            .decode_without_bom_handling(bytes)
            .0
            .into_owned(),
    }
}

fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(media::HEAD_BYTES)];
    if !media::is_utf16_without_mark(head) {
        return None;
    }
    Some(if head.first() == Some(&0) {
        UTF_16BE
    } else {
        UTF_16LE
    })
}

/// Mostly valid UTF-8 is UTF-8 with damage, not another encoding.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let head = &bytes[..bytes.len().min(GUESS_BYTES)];
    let (mut good, mut bad) = (0_usize, 0_usize);
    for chunk in head.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    if good > bad.saturating_mul(20) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(head, true);
    detector.guess(None, Utf8Detection::Deny)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn legacy_encodings_are_recognized() {
        let french =
            "Facture réglée à la réception, merci de votre fidélité. Total payé : cent francs";
        let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(french);
        assert_eq!(decode(&latin), french);
        let polish = "Zapłata za usługi: sześćdziesiąt złotych. Dziękujemy, prosimy o ponowne zamówienie części";
        let (central, _, _) = encoding_rs::WINDOWS_1250.encode(polish);
        assert_eq!(decode(&central), polish);
    }

    #[test]
    fn utf16_is_read_with_and_without_mark() {
        let text = "Total: 89.50 zł";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(&little), text);
        assert_eq!(decode(&big), text);
        assert_eq!(decode(&[b"\xFF\xFE", &little[..]].concat()), text);
    }

    #[test]
    fn utf8_with_a_damaged_byte_stays_utf8() {
        let mut bytes = "zażółć gęślą jaźń ".repeat(20).into_bytes();
        bytes.extend(b"\xC5 end");
        assert!(decode(&bytes).starts_with("zażółć"));
    }

    #[test]
    fn more_text_than_allowed_is_refused() {
        let limits = Limits {
            text_bytes: 4,
            ..Limits::default()
        };
        assert_eq!(
            read(b"12345", &limits).unwrap_err(),
            Failure::too_much_text(4)
        );
        assert!(read(b"1234", &limits).is_ok());
    }

    proptest! {
        #[test]
        fn valid_utf8_is_kept_as_it_is(text in "[^\u{0}-\u{1f}\u{feff}]{0,80}") {
            prop_assert_eq!(decode(text.as_bytes()), text);
        }

        #[test]
        fn any_bytes_decode(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            decode(&bytes);
        }
    }
}
