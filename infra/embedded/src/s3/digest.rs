//! The digests of bytes: what the sender promised, what arrived, and what is kept with the object.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::{S3Error, S3ErrorCode, S3Result};
use serde::{Deserialize, Serialize};

/// An algorithm S3 can check bytes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// Digests in base64, as they travel in headers.
pub(super) type Checksums = BTreeMap<Algorithm, String>;

impl Algorithm {
    pub(super) const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// The name as in `x-amz-checksum-algorithm`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header or trailer that carries the digest.
    pub(super) const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    pub(super) fn from_name(name: &str) -> S3Result<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| {
                S3Error::with_message(
                    S3ErrorCode::InvalidRequest,
                    "Checksum algorithm provided is unsupported.",
                )
            })
    }

    /// The CRC of two runs of bytes can be had from the CRCs of each; a hash cannot.
    const fn crc(self) -> Option<crc_fast::CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(crc_fast::CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(crc_fast::CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(crc_fast::CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    pub(super) const fn is_crc(self) -> bool {
        self.crc().is_some()
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Crc32 => Crc32::checksum(bytes).to_vec(),
            Self::Crc32c => Crc32c::checksum(bytes).to_vec(),
            Self::Crc64Nvme => Crc64Nvme::checksum(bytes).to_vec(),
            Self::Sha1 => Sha1::checksum(bytes).as_ref().to_vec(),
            Self::Sha256 => Sha256::checksum(bytes).as_ref().to_vec(),
        }
    }
}

/// What the sender says of the bytes.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) length: u64,
    pub(super) md5: Option<String>,
    pub(super) checksums: Checksums,
    /// The algorithm of a digest that comes in the trailer, after the bytes.
    pub(super) trailer: Option<Algorithm>,
}

/// Digests of bytes as they arrive.
pub(super) struct Digests {
    length: u64,
    md5: Md5,
    checksums: ChecksumHasher,
}

/// What arrived.
#[derive(Clone, Debug)]
pub(super) struct Digested {
    pub(super) length: u64,
    pub(super) md5: [u8; 16],
    pub(super) checksums: Checksums,
}

impl Digests {
    /// Computes what was promised, or CRC64NVME as S3 does when nothing was, and `also`.
    pub(super) fn for_promise(promise: &Promise, also: Option<Algorithm>) -> Self {
        let mut wanted: Vec<Algorithm> = promise
            .checksums
            .keys()
            .copied()
            .chain(promise.trailer)
            .chain(also)
            .collect();
        if wanted.is_empty() {
            wanted.push(Algorithm::Crc64Nvme);
        }
        let mut checksums = ChecksumHasher::default();
        for algorithm in wanted {
            match algorithm {
                Algorithm::Crc32 => checksums.crc32 = Some(Crc32::new()),
                Algorithm::Crc32c => checksums.crc32c = Some(Crc32c::new()),
                Algorithm::Crc64Nvme => checksums.crc64nvme = Some(Crc64Nvme::new()),
                Algorithm::Sha1 => checksums.sha1 = Some(Sha1::new()),
                Algorithm::Sha256 => checksums.sha256 = Some(Sha256::new()),
            }
        }
        Self {
            length: 0,
            md5: Md5::new(),
            checksums,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.md5.update(bytes);
        self.checksums.update(bytes);
    }

    pub(super) fn finish(self) -> Digested {
        let sums = self.checksums.finalize();
        let checksums = [
            (Algorithm::Crc32, sums.checksum_crc32),
            (Algorithm::Crc32c, sums.checksum_crc32c),
            (Algorithm::Crc64Nvme, sums.checksum_crc64nvme),
            (Algorithm::Sha1, sums.checksum_sha1),
            (Algorithm::Sha256, sums.checksum_sha256),
        ];
        Digested {
            length: self.length,
            md5: self.md5.finalize(),
            checksums: checksums
                .into_iter()
                .filter_map(|(a, sum)| Some((a, sum?)))
                .collect(),
        }
    }
}

impl Digested {
    /// Holds what arrived against what was promised.
    pub(super) fn check(&self, promise: &Promise) -> S3Result<()> {
        if self.length != promise.length {
            return Err(S3Error::with_message(
                S3ErrorCode::IncompleteBody,
                "You did not provide the number of bytes specified by the Content-Length HTTP header.",
            ));
        }
        if let Some(promised) = &promise.md5 {
            check_md5(promised, self.md5)?;
        }
        for (algorithm, promised) in &promise.checksums {
            if self.checksums.get(algorithm) != Some(promised) {
                return Err(S3Error::with_message(
                    S3ErrorCode::BadDigest,
                    format!(
                        "The {} you specified did not match the calculated checksum.",
                        algorithm.name()
                    ),
                ));
            }
        }
        Ok(())
    }

    /// The `ETag` of bytes that came in one piece.
    pub(super) fn etag(&self) -> String {
        hex::encode(self.md5)
    }
}

fn check_md5(promised: &str, actual: [u8; 16]) -> S3Result<()> {
    match STANDARD.decode(promised) {
        Ok(promised) if promised == actual => Ok(()),
        Ok(promised) if promised.len() == actual.len() => Err(S3Error::with_message(
            S3ErrorCode::BadDigest,
            "The Content-MD5 you specified did not match what we received.",
        )),
        _ => Err(S3Error::with_message(
            S3ErrorCode::InvalidDigest,
            "The Content-MD5 you specified was invalid.",
        )),
    }
}

/// The digest of a whole made of parts whose digests and lengths are known, when it can be had without the bytes.
pub(super) fn whole(algorithm: Algorithm, parts: &[(&str, u64)]) -> Option<String> {
    let crc = algorithm.crc()?;
    let mut whole = 0;
    let mut width = 0;
    for (place, (digest, length)) in parts.iter().enumerate() {
        let bytes = STANDARD
            .decode(digest)
            .ok()
            .filter(|bytes| bytes.len() <= 8)?;
        width = bytes.len();
        let part = bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
        whole = if place == 0 {
            part
        } else {
            crc_fast::checksum_combine(crc, whole, part, *length)
        };
    }
    Some(STANDARD.encode(&whole.to_be_bytes()[8 - width..]))
}

/// The digest of the parts' digests, marked with their number, as S3 makes it for multipart uploads.
pub(super) fn composite(algorithm: Algorithm, parts: &[(&str, u64)]) -> Option<String> {
    let mut digests = Vec::new();
    for (digest, _) in parts {
        digests.extend(STANDARD.decode(digest).ok()?);
    }
    Some(format!(
        "{}-{}",
        STANDARD.encode(algorithm.digest(&digests)),
        parts.len()
    ))
}

/// The `ETag` of a whole made of parts: the MD5 of their MD5s, marked with their number.
pub(super) fn multipart_etag<'a>(parts: impl ExactSizeIterator<Item = &'a [u8; 16]>) -> String {
    let count = parts.len();
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part);
    }
    format!("{}-{count}", hex::encode(md5.finalize()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whole_crc_of_parts_is_the_crc_of_their_bytes(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6)) {
            for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
                let sums: Vec<_> = parts.iter().map(|p| (STANDARD.encode(algorithm.digest(p)), p.len() as u64)).collect();
                let sums: Vec<_> = sums.iter().map(|(sum, length)| (sum.as_str(), *length)).collect();

                let combined = whole(algorithm, &sums);

                prop_assert_eq!(combined, Some(STANDARD.encode(algorithm.digest(&parts.concat()))));
            }
        }
    }

    #[test]
    fn hashes_of_parts_make_no_whole() {
        assert_eq!(whole(Algorithm::Sha256, &[("AAAA", 3)]), None);
    }
}
