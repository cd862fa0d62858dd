//! Upload-Checksum: the hash that the bytes of one request must have.

use api::problem::Problem;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use base64::Engine;
use domain::{Error, Result};
use sha1::Digest;

const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");

/// The algorithms there are. The protocol asks for the first.
pub(super) const ALGORITHMS: &str = "sha1,sha256";

/// The hash that some bytes must have.
#[derive(Debug)]
pub(super) struct Checksum {
    hash: Hash,
    expected: Vec<u8>,
}

#[derive(Debug)]
enum Hash {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
}

impl Checksum {
    /// Reads the header.
    ///
    /// # Errors
    /// `Malformed` when it is not as the protocol writes it, or of an algorithm that is not there.
    pub(super) fn read(headers: &HeaderMap) -> Result<Option<Self>> {
        let Some(value) = headers.get(UPLOAD_CHECKSUM) else {
            return Ok(None);
        };
        let text = value.to_str().unwrap_or_default();
        let (algorithm, expected) = text.split_once(' ').unwrap_or_default();
        let hash = match algorithm {
            "sha1" => Some(Hash::Sha1(sha1::Sha1::new())),
            "sha256" => Some(Hash::Sha256(sha2::Sha256::new())),
            _ => None,
        };
        let expected = base64::engine::general_purpose::STANDARD.decode(expected.trim());
        match (hash, expected) {
            (Some(hash), Ok(expected)) => Ok(Some(Self { hash, expected })),
            _ => Err(Error::malformed(format!(
                "Upload-Checksum is an algorithm and the hash in base64; the algorithms are {ALGORITHMS}"
            ))),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.hash {
            Hash::Sha1(hash) => hash.update(bytes),
            Hash::Sha256(hash) => hash.update(bytes),
        }
    }

    /// Checks that the bytes have the hash.
    ///
    /// # Errors
    /// 460, as the protocol has it.
    pub(super) fn check(self) -> Result<(), Problem> {
        let found = match self.hash {
            Hash::Sha1(hash) => hash.finalize().to_vec(),
            Hash::Sha256(hash) => hash.finalize().to_vec(),
        };
        if found == self.expected {
            return Ok(());
        }
        Err(Problem::new(
            // Source: the checksum extension of tus 1.0.0.
            StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST),
            "checksum_mismatch",
            "Checksum mismatch",
            "the bytes that arrived do not have this Upload-Checksum: send them again".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn given(text: &str) -> Result<Option<Checksum>> {
        let value = HeaderValue::from_str(text).unwrap();
        Checksum::read(&HeaderMap::from_iter([(UPLOAD_CHECKSUM, value)]))
    }

    #[test]
    fn bytes_with_the_hash_pass_and_others_do_not() {
        // Of "hello world", as in the text of the protocol.
        for (text, bytes, passes) in [
            ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "hello world", true),
            ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "hello worlds", false),
            (
                "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
                "hello world",
                true,
            ),
        ] {
            let mut checksum = given(text).unwrap().unwrap();
            checksum.update(bytes.as_bytes());
            assert_eq!(checksum.check().is_ok(), passes, "{text} {bytes}");
        }
    }

    #[test]
    fn algorithms_that_are_not_there_are_refused() {
        for text in ["crc32 AAAA", "sha1", "sha1 !", ""] {
            assert!(
                matches!(given(text), Err(Error::Malformed { .. })),
                "{text}"
            );
        }
    }
}
