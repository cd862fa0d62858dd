//! Between the headers of S3 and what the store keeps.

use jiff::Timestamp;
use s3s::dto::{self, ETag};
use s3s::{S3ErrorCode, S3Result};

use super::digest::{Algorithm, Checksums, Promise};
use super::fault::{Fault, Result};
use super::objects::About;

/// The checksums a request carries in its headers.
macro_rules! given_checksums {
    ($input:expr) => {
        $crate::s3::headers::present([
            (
                $crate::s3::digest::Algorithm::Crc32,
                $input.checksum_crc32.take(),
            ),
            (
                $crate::s3::digest::Algorithm::Crc32c,
                $input.checksum_crc32c.take(),
            ),
            (
                $crate::s3::digest::Algorithm::Crc64Nvme,
                $input.checksum_crc64nvme.take(),
            ),
            (
                $crate::s3::digest::Algorithm::Sha1,
                $input.checksum_sha1.take(),
            ),
            (
                $crate::s3::digest::Algorithm::Sha256,
                $input.checksum_sha256.take(),
            ),
        ])
    };
}

/// Puts checksums into the headers or fields of an answer.
macro_rules! show_checksums {
    ($output:expr, $checksums:expr) => {
        let checksum = |algorithm| $checksums.get(&algorithm).cloned();
        $output.checksum_crc32 = checksum($crate::s3::digest::Algorithm::Crc32);
        $output.checksum_crc32c = checksum($crate::s3::digest::Algorithm::Crc32c);
        $output.checksum_crc64nvme = checksum($crate::s3::digest::Algorithm::Crc64Nvme);
        $output.checksum_sha1 = checksum($crate::s3::digest::Algorithm::Sha1);
        $output.checksum_sha256 = checksum($crate::s3::digest::Algorithm::Sha256);
    };
}

/// The headers of a request that are kept with its object.
macro_rules! given_about {
    ($input:expr) => {
        $crate::s3::objects::About {
            content_type: $input.content_type.take(),
            content_encoding: $crate::s3::headers::stored_encoding($input.content_encoding.take()),
            content_disposition: $input.content_disposition.take(),
            cache_control: $input.cache_control.take(),
            metadata: $input
                .metadata
                .take()
                .unwrap_or_default()
                .into_iter()
                .collect(),
            ..$crate::s3::objects::About::default()
        }
    };
}

/// Refuses encryption with keys of the client's, which this store does not do and must not pretend to.
macro_rules! refuse_client_keys {
    ($input:expr) => {
        if $input.sse_customer_algorithm.is_some() || $input.sse_customer_key.is_some() {
            return Err(s3s::S3Error::with_message(
                s3s::S3ErrorCode::NotImplemented,
                "Encryption with customer-provided keys is not implemented here",
            ));
        }
    };
}

pub(super) use {given_about, given_checksums, refuse_client_keys, show_checksums};

pub(super) fn present(checksums: [(Algorithm, Option<String>); 5]) -> Checksums {
    checksums
        .into_iter()
        .filter_map(|(algorithm, sum)| Some((algorithm, sum?)))
        .collect()
}

/// What a request says of its bytes.
pub(super) fn promise(
    content_length: Option<i64>,
    content_md5: Option<String>,
    checksums: Checksums,
    algorithm: Option<dto::ChecksumAlgorithm>,
    has_trailers: bool,
) -> Result<Promise> {
    let length = content_length
        .and_then(|length| u64::try_from(length).ok())
        .ok_or_else(|| {
            Fault::refused(
                S3ErrorCode::MissingContentLength,
                "You must provide the Content-Length HTTP header.",
            )
        })?;
    let trailer = match algorithm {
        Some(algorithm) if has_trailers => Some(Algorithm::from_name(algorithm.as_str())?),
        _ => None,
    };
    Ok(Promise {
        length,
        md5: content_md5,
        checksums,
        trailer,
    })
}

/// What is left of a content encoding when that of the transfer is taken away.
pub(super) fn stored_encoding(encoding: Option<String>) -> Option<String> {
    let encoding = encoding?;
    let codings: Vec<&str> = encoding
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && *coding != "aws-chunked")
        .collect();
    (!codings.is_empty()).then(|| codings.join(","))
}

pub(super) fn etag(value: &str) -> ETag {
    ETag::Strong(value.to_owned())
}

pub(super) fn timestamp(time: Timestamp) -> dto::Timestamp {
    std::time::SystemTime::from(time).into()
}

/// Lengths in S3's answers are signed.
pub(super) fn signed(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The type of an object that was stored without one.
pub(super) fn content_type(about: &About) -> String {
    about
        .content_type
        .clone()
        .unwrap_or_else(|| "binary/octet-stream".to_owned())
}

pub(super) fn metadata(about: &About) -> Option<dto::Metadata> {
    (!about.metadata.is_empty()).then(|| about.metadata.clone().into_iter().collect())
}

/// Reads a number of entries asked for, of which S3 gives at most 1,000.
pub(super) fn page_size(asked: Option<i32>) -> S3Result<usize> {
    const MOST: usize = 1000;
    match asked {
        None => Ok(MOST),
        Some(asked) => usize::try_from(asked)
            .map(|asked| asked.min(MOST))
            .map_err(|_| {
                s3s::S3Error::with_message(
                    S3ErrorCode::InvalidArgument,
                    "The number of entries asked for is negative",
                )
            }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_of_the_transfer_is_not_kept() {
        assert_eq!(stored_encoding(Some("aws-chunked".to_owned())), None);
        assert_eq!(
            stored_encoding(Some("aws-chunked, gzip".to_owned())),
            Some("gzip".to_owned())
        );
        assert_eq!(stored_encoding(Some(String::new())), None);
    }
}
